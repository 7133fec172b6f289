"""A data folder that is damaged, in use, full or littered: a sentence that says which, and nothing more is lost."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.datasets.pictures import store
from explorer.files.leftovers import sweep
from explorer.jobs import Database, DatabaseFault, Job, Jobs, Presence, database
from explorer.jobs.maps.table import Fits
from explorer.page import train_runs as runs
from explorer.projection import UmapSettings
from explorer.transfer import TransferError, from_folder, write_bundle
from explorer.transfer.arrival import arriving
from tests.helpers.strangers import sound_model

ME = "a" * 32
# As a damaged page, another program or a hand may leave them.
ODD = [None, 5, -1, 2.5, float("inf"), 10**18, "", "x", "[", "[]", "{}", "[5]", '{"a": NaN}', "../../etc", "[" * 9_999]
ODD += ['{"step": "x"}', '{"elbo": [1]}', '{"images": {}}', '{"heldout": 3}', b"\xff\xfe\0", "2025-01-01"]
CONFIG = Config(ModelConfig((1, 8, 8), hidden=(8,)), TrainingConfig("digits"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("EXPLORER_MODELS", str(tmp_path / "none"))
    return tmp_path / "data"


def spoilt(data: Database, table: str, key: str, values: list[Any]) -> int:
    """Adds a copy of a table's only row for each column and value, damaged in that one field; gives their number.

    Behind the app's back, and without those that SQLite itself refuses.
    """
    added = 0
    with data.open(write=True) as connection:
        row = dict(connection.execute(f"SELECT * FROM {table}").fetchone())
        for column in row:
            for value in values:
                copy = {
                    **row,
                    key: f"{added:08x}",
                    **({"name": f"bad-{added}"} if "name" in row else {}),
                    column: value,
                }
                marks = ", ".join("?" * len(copy))
                with contextlib.suppress(sqlite3.IntegrityError):
                    connection.execute(f"INSERT INTO {table} ({', '.join(copy)}) VALUES ({marks})", (*copy.values(),))
                    added += 1
    return added


def use(job: Job) -> None:
    """What pages do with a run in their lists."""
    json.dumps([job.progress, job.facts, job.notes, job.message, job.created], allow_nan=False)
    assert runs.one_line(job) and runs.standing(job) and runs.beside(job, [job])
    assert job.step >= 0 and "/" not in job.name


def test_a_damaged_field_costs_its_own_run_and_no_other(folder: Path) -> None:
    data = Database(folder)
    jobs = Jobs(data)
    good = jobs.submit(CONFIG, person="b" * 32, name="good")
    added = spoilt(data, "jobs", "id", ODD)
    listed, damaged = jobs.all(added + 1), jobs.damaged()
    assert good in listed and len(listed) + len(damaged) == added + 1 and len(damaged) > 150
    for job in listed:
        use(job)
    assert f"{len(damaged):,} runs are left out of this list. The run" in runs.left_out(jobs)
    assert good.name in jobs.names() and jobs.place(good) is not None and jobs.get(good.id) == good


@pytest.mark.parametrize("column", ["id", "config", "notes", "wanted", "deaths"])
def test_a_damaged_run_does_not_keep_those_behind_it_waiting(folder: Path, column: str) -> None:
    data = Database(folder)
    jobs = Jobs(data)
    bad, good = (jobs.submit(CONFIG, person=person, name=person) for person in ("bad", "good"))
    with data.open(write=True) as table:
        table.execute(f"UPDATE jobs SET {column} = ? WHERE id = ?", (None if column == "id" else b"\xff", bad.id))
    claimed = jobs.claim("cpu")
    assert claimed is not None and claimed.id == good.id and jobs.claim("cpu") is None


def test_a_damaged_fit_costs_no_other_and_can_be_asked_for_again(folder: Path) -> None:
    data = Database(folder)
    fits, good, bad = Fits(data), "b" * 16, "00000000"

    def submit(key: str, person: str) -> Any:
        codes = torch.zeros(12, 2)
        whose = {"person": person, "model": "m", "checkpoint": folder, "weights": "w"}
        return fits.submit(key, codes, torch.zeros(12), torch.zeros(12), UmapSettings(), **whose)

    submit(good, "bob")
    assert spoilt(data, "fits", "id", ODD) > 100
    listed = fits.all()
    assert good in {fit.id for fit in listed} and fits.get(good) is not None
    json.dumps([[fit.progress, fit.message, fit.state, fit.person] for fit in listed], allow_nan=False)
    with data.open(write=True) as table:
        table.execute("UPDATE fits SET state = 'done'")
        table.execute("UPDATE fits SET settings = 5, state = 'waiting' WHERE id = ?", (bad,))
    assert fits.get(bad) is None and submit(bad, "ann").state == "waiting"
    with data.open(write=True) as table:
        table.execute("UPDATE fits SET id = NULL, state = 'waiting', created = 0 WHERE id = ?", (good,))
    claimed = fits.claim()
    assert claimed is not None and claimed.id == bad and fits.claim() is None


def test_a_damaged_sign_of_life_is_left_out(folder: Path) -> None:
    data = Database(folder)
    presence, rates = Presence(data), {"small": 0.1, "mlp": 0.2, "conv": 0.3}
    presence.worker_beat("cpu", os.getpid()), presence.keep_rates("cpu", rates), presence.server_beat(7)
    odd = [*ODD, -3, 2**40, '{"mlp": 0}', '{"mlp": "x", "small": 1, "conv": 1}']
    assert spoilt(data, "workers", "device", odd) > 60
    assert presence.workers()["cpu"][0] == os.getpid() and presence.rates() == rates
    assert all(0 <= pid < 2**31 for pid, _ in presence.workers().values())
    with data.open(write=True) as table:
        for number, value in enumerate(odd, 100):
            with contextlib.suppress(sqlite3.IntegrityError):
                table.execute("INSERT INTO servers (pid, beat) VALUES (?, ?)", (number, value))
    assert isinstance(presence.is_served(60), bool)


# What is so with the file, and what to do


def test_a_malformed_file_is_said_to_be_so_and_kept(folder: Path) -> None:
    data = Database(folder)
    jobs = Jobs(data)
    for number in range(5):
        jobs.submit(CONFIG, person=str(number))
    with closing(sqlite3.connect(data.path)) as table:
        table.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(data.path.read_bytes())
    content[4_096:] = b"\xa5" * (len(content) - 4_096)
    for path in folder.iterdir():
        path.unlink()
    data.path.write_bytes(content)
    with pytest.raises(DatabaseFault, match=r"damaged \(.*malformed.*rename jobs.sqlite.*begins a new list") as caught:
        jobs.all()
    assert caught.value.kind == "damaged" and "cannot be written" not in str(caught.value)
    assert data.path.read_bytes() == content
    data.path.rename(folder / "aside")  # as the sentence says
    for path in folder.glob("jobs.sqlite-*"):
        path.rename(folder / f"aside {path.name}")
    assert jobs.all() == [] and Jobs(Database(folder)).submit(CONFIG, person=ME).state == "queued"


def test_a_file_that_another_holds_is_said_to_be_in_use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    data = Database(folder)
    with closing(sqlite3.connect(data.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseFault, match=r"Another process.*try again") as caught:
            Jobs(data).submit(CONFIG, person=ME)
        assert caught.value.kind == "busy"


def test_a_disk_that_is_full_and_one_that_refuses_are_told_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Database(folder)
    real = sqlite3.connect

    def small(*arguments: Any, **options: Any) -> sqlite3.Connection:
        table = real(*arguments, **options)
        pages = table.execute("PRAGMA page_count").fetchone()[0]
        table.execute(f"PRAGMA max_page_count = {pages}")
        return table

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        with pytest.raises(DatabaseFault, match=r"full.*make room") as caught, data.open(write=True) as table:
            table.execute("UPDATE servers SET beat = 1"), table.execute("CREATE TABLE big (a BLOB)")
            table.execute("INSERT INTO big VALUES (zeroblob(9000000))")
        assert caught.value.kind == "full"
    for number, kind in ((errno.ENOSPC, "full"), (errno.EDQUOT, "full"), (errno.EROFS, "unwritable")):
        with pytest.raises(DatabaseFault) as caught, data.open():
            raise OSError(number, os.strerror(number))
        assert caught.value.kind == kind and os.strerror(number) in str(caught.value)
    (folder.parent / "file").write_text("")
    with pytest.raises(DatabaseFault, match=r"cannot be written.*EXPLORER_DATA") as caught:
        Database(folder.parent / "file" / "data")
    assert caught.value.kind == "unwritable"


# What a kill leaves behind


def litter(folder: Path, age: float) -> list[Path]:
    """One leftover of each kind, last touched so many seconds ago."""
    names = ["pictures/.saving-x/images.safetensors", "pictures/.deleting-x/mine/pictures.json"]
    names += ["incoming/model-x/config.json", "incoming/deleted-x/mine/config.json", "fits/a-0.part", "tables/a-0.part"]
    names += ["projections/a-0.part", "onnx/a-0.part"]
    names += ["models/mine/.model.safetensors-x", "models/mine/snapshots/.5.bin-x"]
    tops = []
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
        depth = 3 if name.startswith("models") and "snapshots" not in name else 4 if name.startswith("models") else 2
        tops.append(folder.joinpath(*Path(name).parts[:depth]))
        for parent in [each for each in path.parents if each.is_relative_to(tops[-1])]:
            os.utime(parent, (time.time() - age,) * 2)
    return tops


def test_what_a_kill_left_is_swept_once_it_is_old(folder: Path) -> None:
    kept = [folder / "pictures/mine/pictures.json", folder / "models/mine/config.json", folder / "fits/a.safetensors"]
    young = litter(folder, 60)
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"whole")
        os.utime(path, (0, 0))
    assert sweep(folder) == 0 and all(path.exists() for path in young)
    old = litter(folder, 7_200)
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    (folder / "incoming" / "link").symlink_to(outside)
    os.utime(folder / "incoming" / "link", (0, 0), follow_symlinks=False)
    assert sweep(folder) == len(old) + 1 and not any(path.exists() for path in old)
    assert all(path.exists() for path in kept) and (outside / "mine").exists()


class Nothing:
    """In the place of pictures that were read."""

    picture_bytes = 1

    def __len__(self) -> int:
        return 1


def test_leftovers_are_swept_before_pictures_are_saved_and_models_brought(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = litter(folder, 7_200)
    with arriving() as arrival:
        assert not any(path.exists() for path in old) and arrival.folder.exists()
    old = litter(folder, 7_200)
    monkeypatch.setattr(store, "has_room", lambda *_: False)
    with pytest.raises(ValueError, match="room"):
        store.save_pictures("new", Nothing(), None)  # type: ignore[arg-type]
    assert not any(path.exists() for path in old)


# Links out of a folder that is given by people


def test_links_in_a_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    sound_model(tmp_path / "sound")
    secret = tmp_path / "secret"
    secret.write_text('{"n": 1, "elbo": -1.0, "secret": "word"}')
    (tmp_path / "sound" / "evaluation.json").unlink()
    (tmp_path / "sound" / "evaluation.json").symlink_to(secret)
    (tmp_path / "sound" / "metrics.jsonl").unlink()
    os.mkfifo(tmp_path / "sound" / "metrics.jsonl")
    brought = from_folder(tmp_path / "sound", "mine")
    assert not (brought.folder / "evaluation.json").exists() and not (brought.folder / "metrics.jsonl").exists()
    assert any("evaluation.json was left out: it is a link" in notice for notice in brought.notices)
    for name in ("config.json", "model.safetensors"):
        path = tmp_path / "sound" / name
        path.rename(tmp_path / name)
        path.symlink_to(tmp_path / name)
        with pytest.raises(TransferError, match=f"{name} is a link.*not followed"):
            from_folder(tmp_path / "sound", "other")
        path.unlink()
        (tmp_path / name).rename(path)


def test_a_link_in_a_models_folder_is_not_sent(folder: Path, tmp_path: Path) -> None:
    files = sound_model(tmp_path / "sound")
    (tmp_path / "secret").write_text("word")
    (tmp_path / "sound" / "README.md").unlink()
    (tmp_path / "sound" / "README.md").symlink_to(tmp_path / "secret")
    with (tmp_path / "out.zip").open("wb") as target:
        write_bundle(tmp_path / "sound", "mine", target)
    content = (tmp_path / "out.zip").read_bytes()
    assert b"README.md" not in content and files["model.safetensors"] in content
    (tmp_path / "sound" / "config.json").rename(tmp_path / "config.json")
    (tmp_path / "sound" / "config.json").symlink_to(tmp_path / "config.json")
    with (tmp_path / "out.zip").open("wb") as target, pytest.raises(TransferError, match="or a link"):
        write_bundle(tmp_path / "sound", "mine", target)
