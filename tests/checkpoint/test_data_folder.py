"""Data folders as earlier versions wrote them: everything in them opens, and nothing of it is passed over."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
import torch

from explorer.checkpoint.catalogue import models
from explorer.checkpoint.gaps import load_gaps
from explorer.checkpoint.maps import list_maps
from explorer.checkpoint.programs import DECODER_FILE
from explorer.datasets import load_dataset, own_names
from explorer.datasets.pictures import describe_pictures
from explorer.files.owners import mark_of
from explorer.jobs import Database, Jobs, Presence
from explorer.jobs.maps.table import Fits
from explorer.jobs.training.snapshots import FOLDER, read_index
from explorer.serving.latents_page.tables.brought import kept_table
from explorer.serving.space.space import SPACES
from explorer.serving.visitors.person import Visitor
from explorer.training import Run
from explorer.transfer import source_of
from tests.helpers.places import FIXTURES

ME = "a" * 32
RUNS = {"of-shapes": "done", "of-digits": "done", "held": "paused", "broken-off": "stopped", "waiting": "queued"}
# Rows of the table of gaps, and names of the fitted maps.
KEPT: dict[str, tuple[int, set[str]]] = {
    "of-shapes": (6, set()),
    "of-digits": (40, {"8572138b1e376fb0", "96fa9809ec65d452"}),
    "broken-off": (40, set()),
    "brought": (40, {"96fa9809ec65d452"}),
}


@pytest.fixture(params=["data_folder_1"])
def data(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a data folder of an earlier version, in the place of this one's."""
    folder = tmp_path / "data"
    shutil.copytree(FIXTURES / request.param, folder)
    monkeypatch.setenv("EXPLORER_DATA", str(folder))
    monkeypatch.setenv("EXPLORER_MODELS", str(tmp_path / "none"))
    return folder


def test_runs_fits_and_rates_are_listed(data: Path) -> None:
    database = Database(data)
    jobs = Jobs(database)
    assert {job.name: job.state for job in jobs.all()} == RUNS
    waiting = next(job for job in jobs.all() if job.state == "queued")
    assert jobs.place(waiting) == 1 and jobs.get(waiting.id) == waiting
    assert {fit.id: fit.state for fit in Fits(database).all()} == {
        "96fa9809ec65d452": "done",
        "345aca2ba2401fdb": "stopped",
    }
    assert Presence(database).rates() == {"small": 0.001, "mlp": 0.004, "conv": 0.02}
    assert jobs.claim("cpu").name == "waiting"  # type: ignore[union-attr]


def test_models_open_with_what_lies_beside_them(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "explorer")
    assert set(KEPT) <= set(models())
    for name, (gaps, maps) in KEPT.items():
        space = SPACES.get(name)
        folder, model = space.checkpoint.folder, space.checkpoint.model
        assert folder == data / "models" / name and space.complete
        table = load_gaps(folder, model, space.latents.observed)
        assert table is not None and len(table.survey) == gaps
        assert {key for key, _ in list_maps((folder, data), model, space.latents, space.test_count)} == maps
        if name != "brought":  # decoder.onnx is not taken from others
            assert space.decoder_bytes() == (folder / DECODER_FILE).read_bytes()
    assert source_of(data / "models" / "brought")["by"] == "0123456789abcdef"
    assert not caplog.records


def test_pictures_and_tables_are_read(data: Path) -> None:
    Database(data)  # as a server opens it when it starts
    assert own_names() == ("shapes",)
    about = describe_pictures("shapes")
    assert (about.train, about.test, about.classes) == (54, 6, ("flat", "square", "upright"))
    for split, count in (("train", 54), ("test", 6)):
        part = load_dataset("shapes", split)
        assert len(part) == count and part.columns["place"].isfinite().all() and part.image_shape == (1, 28, 28)
    weight, kind = kept_table(SPACES.get("of-digits"), Visitor(mark_of(ME)))["columns"]
    assert weight["name"] == "weight" and weight["values"] == [i / 4 for i in range(360)]
    assert [kind["kinds"][at] for at in kind["values"][:3]] == ["x", "y", "x"]


def test_a_paused_run_goes_on_from_its_state(data: Path) -> None:
    job = next(job for job in Jobs(Database(data)).all() if job.state == "paused")
    folder = data / "models" / job.name
    assert [row["step"] for row in read_index(folder / FOLDER)] == [0, 1, 5]
    train = load_dataset(job.config.training.dataset)
    run = Run(job.config, train, folder, torch.device("cpu"), resume=True, threads=1, bfloat16=False)
    assert run.state.step == 5
