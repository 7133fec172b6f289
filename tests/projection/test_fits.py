"""The queue of maps to fit and the process that fits them; umap-learn itself stands aside here."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from torch import Tensor

from explorer.checkpoint import maps as fitted_maps
from explorer.checkpoint.maps import map_file
from explorer.checkpoint.signature import fingerprint
from explorer.checkpoint.weights import save_checkpoint
from explorer.jobs import Database, JobError
from explorer.jobs.database import DatabaseFault
from explorer.jobs.maps import worker as worker
from explorer.jobs.maps.table import MOST_DEATHS, SHARE, Fits
from explorer.jobs.processes import MAPS, is_there
from explorer.jobs.supervisor import Supervisor
from explorer.projection import Embedding, ProjectionError, UmapSettings, load_embedding
from tests.helpers.spaces import odd_space

CODES, LABELS = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 4
ROWS = torch.arange(40) + 7
KEY = "0123456789abcdef"


@pytest.fixture
def fits(tmp_path: Path) -> Fits:
    return Fits(Database(tmp_path))


def submit(fits: Fits, key: str = KEY, person: str = "ann", **settings: Any):
    whose = {"person": person, "model": "mine", "checkpoint": fits.folder, "weights": "none"}
    return fits.submit(key, CODES, LABELS, ROWS, UmapSettings(**settings), **whose)


def laid_out(codes: Tensor, labels: Tensor, settings: UmapSettings, progress: Any) -> tuple[Embedding, tuple[str, ...]]:
    """In the place of umap-learn: the first two coordinates."""
    for share in (0.0, 0.5, 1.0):
        progress(share)
    ones = torch.ones(len(codes))
    return Embedding(codes[:, :2].clone(), ones, ones.clone(), settings, "by hand"), ("Two points are alike.",)


def test_the_same_map_is_asked_for_once(fits: Fits) -> None:
    first = submit(fits)
    assert first.state == "waiting" and submit(fits, person="bob") == first and len(fits.all()) == 1
    codes, labels, rows, folder, weights = fits.read_input(KEY)
    assert (folder, weights) == (fits.folder, "none")
    assert torch.equal(codes, CODES) and torch.equal(labels, LABELS) and torch.equal(rows, ROWS)
    assert fits.open_states() == {"waiting"} and fits.claim().state == "running"  # type: ignore[union-attr]
    assert fits.claim() is None and fits.open_states() == {"running"}
    assert submit(fits).state == "running"  # not once more while it runs
    fits.end(KEY, "failed", "memory")
    assert fits.open_states() == set()
    assert submit(fits).state == "waiting"  # but again after it failed


def test_a_map_by_decoded_images_is_fitted_to_what_the_model_shows(
    fits: Fits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = odd_space(tmp_path / "model")
    model, latents = space.checkpoint.model, space.latents
    folder, asked = tmp_path / "model", []

    def laid_out_by_images(*args: Any) -> tuple[Embedding, tuple[str, ...]]:
        asked.append(args[4])
        return laid_out(*args[:4])

    monkeypatch.setattr(fitted_maps, "fit_umap", laid_out_by_images)
    rows, settings = fitted_maps.row_sums(latents, len(latents)), UmapSettings(metric="decoded")

    def order(weights: str) -> str | None:
        whose = {"person": "ann", "model": "odd", "checkpoint": folder, "weights": weights}
        fits.submit(KEY, latents.loc, latents.labels, rows, settings, **whose)
        worker.carry_out(fits, fits.claim(), tmp_path)  # type: ignore[arg-type]
        return fits.get(KEY).message  # type: ignore[union-attr]

    assert "not there any more" in (order(fingerprint(model)) or "")
    save_checkpoint(folder, model, space.checkpoint.config, dtype=torch.float32)
    assert "has changed" in (order("of another") or "")
    assert not map_file(tmp_path, KEY).exists()
    order(fingerprint(model))
    made = load_embedding(map_file(tmp_path, KEY), KEY)
    with torch.no_grad():
        images = model.likelihood(latents.loc[:20]).mean.flatten(1)
    torch.testing.assert_close(torch.pdist(asked[0][:20]), torch.pdist(images), rtol=1e-2, atol=1e-3)
    assert made.ruler is not None and made.ruler.shape == (latents.loc.shape[1],) * 2
    assert fitted_maps.find_map((tmp_path,), KEY, latents, len(latents)) is not None
    narrow = replace(latents, loc=latents.loc[:, :1])  # codes that its ruler does not measure
    assert fitted_maps.find_map((tmp_path,), KEY, narrow, len(latents)) is None


def test_one_person_does_not_fill_the_queue(fits: Fits) -> None:
    for seed in range(SHARE.of_one):
        submit(fits, f"{seed:016x}", seed=seed)
    with pytest.raises(JobError, match="Enough of your maps are waiting"):
        submit(fits, "f" * 16, seed=99)
    assert submit(fits, "e" * 16, person="bob", seed=98).state == "waiting"


def test_nobody_takes_away_what_somebody_elses_fit_starts_from(fits: Fits, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(SHARE.of_one):
        submit(fits, f"{seed:016x}", seed=seed)
    real = fits.get

    def meanwhile(key: str):
        monkeypatch.setattr(fits, "get", real)
        found = real(key)  # none yet; and now somebody else asks for the same
        submit(fits, key, person="bob", seed=99)
        return found

    monkeypatch.setattr(fits, "get", meanwhile)
    assert submit(fits, "f" * 16, seed=99).person == "bob"  # though ann's queue is full
    assert torch.equal(fits.read_input("f" * 16)[0], CODES)
    assert len([*fits.folder.iterdir()]) == SHARE.of_one + 1


def test_a_row_of_another_version_stands_in_nobodys_way(
    fits: Fits, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = "a" * 16, "b" * 16
    submit(fits, old, seed=1)
    submit(fits, new, person="bob", seed=2)
    with Database(tmp_path).open(write=True) as table:
        table.execute("UPDATE fits SET settings = ? WHERE id = ?", ('{"seed": 1, "spread": 2.0}', old))
    for _ in range(3):  # as a page asks, and said once
        assert [fit.id for fit in fits.all()] == [new]
    assert caplog.text.count(old) == 1
    claimed = fits.claim()
    assert claimed is not None and (claimed.id, claimed.state) == (new, "running") and fits.claim() is None
    with Database(tmp_path).open() as table:
        row = table.execute("SELECT * FROM fits WHERE id = ?", (old,)).fetchone()
    assert row["state"] == "failed" and "cannot be read: The settings of a map are" in row["message"]
    assert [path.stem for path in fits.folder.iterdir()] == [new]
    assert fits.get(old) is None


def test_a_fit_that_was_to_stop_and_is_wanted_again_goes_on(fits: Fits) -> None:
    submit(fits)
    fits.claim()
    asked = fits.stop(KEY, person="ann")
    assert (asked.state, asked.stopping) == ("running", True)
    again = submit(fits, person="bob")
    assert (again.state, again.stopping) == ("running", False) and fits.report(KEY, 0.5)


def test_only_who_asked_stops_a_fit(fits: Fits) -> None:
    submit(fits)
    with pytest.raises(JobError, match="View only"):
        fits.stop(KEY, person="bob")
    assert fits.stop(KEY, person="ann").state == "stopped" and fits.claim() is None
    assert not [*fits.folder.iterdir()]  # nothing is left of it
    with pytest.raises(JobError, match="no such fit"):
        fits.stop("f" * 16, person="ann")


def test_who_sits_at_the_machine_stops_any_fit(fits: Fits) -> None:
    submit(fits)
    assert fits.stop(KEY, person="", local=True).state == "stopped"


def test_a_persons_second_fit_comes_after_everybodys_first(fits: Fits) -> None:
    order = [("ann", 0), ("ann", 1), ("ann", 2), ("bob", 3), ("cem", 4), ("bob", 5)]
    for person, seed in order:
        submit(fits, f"{seed:016x}", person=person, seed=seed)
    claimed = []
    while fit := fits.claim():
        claimed.append((fit.person, fit.settings.seed))
        fits.end(fit.id, "done")
    assert claimed == [("ann", 0), ("bob", 3), ("cem", 4), ("ann", 1), ("bob", 5), ("ann", 2)]
    submit(fits, "e" * 16, person="ann", seed=6)  # who had many before is not behind for ever
    submit(fits, "f" * 16, person="dan", seed=7)
    assert fits.claim().person == "ann"  # type: ignore[union-attr]


def test_a_fit_is_carried_out_and_kept(fits: Fits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitted_maps, "fit_umap", laid_out)
    submit(fits)
    worker.carry_out(fits, fits.claim(), tmp_path)  # type: ignore[arg-type]
    ended = fits.get(KEY)
    assert ended is not None and ended.state == "done" and ended.progress == 1
    assert ended.message == "Two points are alike."
    kept = load_embedding(map_file(tmp_path, KEY), KEY)
    assert torch.equal(kept.places, CODES[:, :2]) and kept.rows is not None and torch.equal(kept.rows, ROWS)
    assert not (tmp_path / "fits" / f"{KEY}.safetensors").exists()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ProjectionError("All codes are the same."), "All codes are the same."),
        (MemoryError(), "UMAP failed on these codes: MemoryError"),
        (ValueError("k-th value"), "UMAP failed on these codes: k-th value"),
    ],
)
def test_what_goes_wrong_is_said(fits: Fits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault, said) -> None:
    def fails(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(fitted_maps, "fit_umap", fails)
    submit(fits)
    worker.carry_out(fits, fits.claim(), tmp_path)  # type: ignore[arg-type]
    ended = fits.get(KEY)
    assert ended is not None and (ended.state, ended.message) == ("failed", said)


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), SafetensorError("No space left on device")])
def test_a_full_disk_is_not_the_codes_fault(fits: Fits, tmp_path: Path, monkeypatch, fault: Exception) -> None:
    def refuses(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(fitted_maps, "fit_umap", laid_out)
    monkeypatch.setattr("explorer.projection.embedding.save_file", refuses)
    submit(fits)
    worker.carry_out(fits, fits.claim(), tmp_path)  # type: ignore[arg-type]
    ended = fits.get(KEY)
    assert ended is not None and ended.state == "failed" and "UMAP" not in (ended.message or "")
    assert "The data folder cannot be written" in (ended.message or "") and "No space left" in (ended.message or "")


def test_a_fit_that_is_stopped_ends_at_its_next_report(fits: Fits, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(fitted_maps, "fit_umap", laid_out)
    monkeypatch.setattr(worker, "REPORT_SECONDS", 0.0)
    submit(fits)
    running = fits.claim()
    fits.stop(KEY, person="ann")
    worker.carry_out(fits, running, tmp_path)  # type: ignore[arg-type]
    ended = fits.get(KEY)
    assert ended is not None and (ended.state, ended.stopping) == ("stopped", False)
    assert not map_file(tmp_path, KEY).exists()


def test_a_report_that_could_not_be_written_ends_no_fit(fits: Fits, tmp_path: Path, monkeypatch) -> None:
    def busy(*_: Any) -> bool:
        raise DatabaseFault("Another process has kept it for itself.", "busy")

    monkeypatch.setattr(fitted_maps, "fit_umap", laid_out)
    monkeypatch.setattr(worker, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(Fits, "report", busy)
    submit(fits)
    worker.carry_out(fits, fits.claim(), tmp_path)  # type: ignore[arg-type]
    assert fits.get(KEY).state == "done" and map_file(tmp_path, KEY).exists()  # type: ignore[union-attr]


def test_a_damaged_row_names_no_file_to_delete(fits: Fits, tmp_path: Path) -> None:
    submit(fits)
    victim = tmp_path / "victim.safetensors"
    victim.touch()
    with fits._open(write=True) as table:
        table.execute("UPDATE fits SET id = '../victim', state = 'failed'")
    fits.orphans()
    assert victim.exists()


def test_what_a_dead_process_left_is_taken_up_again_but_not_for_ever(fits: Fits) -> None:
    submit(fits)
    for _ in range(MOST_DEATHS - 1):
        fits.claim()
        fits.orphans()
        assert fits.get(KEY).state == "waiting"  # type: ignore[union-attr]
    fits.claim()
    fits.orphans()
    ended = fits.get(KEY)
    assert ended is not None and ended.state == "failed" and "2 times" in (ended.message or "")
    assert "without saying why" in (ended.message or "")
    assert not [*fits.folder.iterdir()]  # what it started from is of no use any more


def test_a_fit_whose_end_could_not_be_written_is_taken_up_again(fits: Fits, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(fitted_maps, "fit_umap", laid_out)
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.5)
    monkeypatch.setattr(worker, "NICENESS", 0)
    monkeypatch.setattr("explorer.jobs.faults.FIRST_SECONDS", 0.01)
    real, refused = Fits.end, []

    def end(self: Fits, *args: Any) -> None:
        if not refused:
            refused.append(args)
            raise JobError("The database is locked.")
        real(self, *args)

    monkeypatch.setattr(Fits, "end", end)
    submit(fits)
    assert worker.fit_maps(tmp_path, while_served=False)
    assert refused and fits.get(KEY).state == "done"  # type: ignore[union-attr]


@pytest.mark.parametrize("dead", [False, True])
def test_a_server_has_waiting_maps_fitted_and_those_whose_process_died(
    fits: Fits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: bool
) -> None:
    supervisor, spawned = Supervisor(tmp_path), []

    class Child:
        def poll(self) -> int:
            return 0  # it has ended

    monkeypatch.setattr("explorer.jobs.supervisor.spawn", lambda _, *args: spawned.append(args) or Child())
    supervisor._fit_maps(fits)
    assert spawned == []
    submit(fits)
    if dead:
        fits.claim()
    supervisor._fit_maps(fits)
    supervisor._fit_maps(fits)  # and not at once again
    assert spawned == [("--maps", "--while-served")]


def test_there_is_one_process_a_folder_and_it_ends_when_idle(fits: Fits, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(fitted_maps, "fit_umap", laid_out)
    monkeypatch.setattr(worker, "IDLE_SECONDS", 1.5)
    monkeypatch.setattr(worker, "NICENESS", 0)
    ended: list[bool] = []
    one = threading.Thread(target=lambda: ended.append(worker.fit_maps(tmp_path, while_served=True)))
    one.start()
    until = time.monotonic() + 10
    while not is_there(tmp_path, MAPS) and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.1)
    assert worker.fit_maps(tmp_path, while_served=True) is False
    submit(fits)
    one.join(20)
    assert ended == [True] and fits.get(KEY).state == "done"  # type: ignore[union-attr]
