"""The queue of maps to fit and the process that fits them; umap-learn itself stands aside here."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from explorer.jobs import Database, JobError
from explorer.jobs import fit_worker as worker
from explorer.jobs.fits import MOST_DEATHS, MOST_OF_ONE, Fits
from explorer.maps import map_file
from explorer.projection import Embedding, ProjectionError, UmapSettings, load_embedding, umap_fit

CODES, LABELS = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 4
ROWS = torch.arange(40) + 7
KEY = "0123456789abcdef"


@pytest.fixture
def fits(tmp_path: Path) -> Fits:
    return Fits(Database(tmp_path))


def submit(fits: Fits, key: str = KEY, person: str = "ann", **settings: Any):
    return fits.submit(key, CODES, LABELS, ROWS, UmapSettings(**settings), person=person, model="mine")


def laid_out(codes: Tensor, labels: Tensor, settings: UmapSettings, progress: Any) -> tuple[Embedding, tuple[str, ...]]:
    """In the place of umap-learn: the first two coordinates."""
    for share in (0.0, 0.5, 1.0):
        progress(share)
    ones = torch.ones(len(codes))
    return Embedding(codes[:, :2].clone(), ones, ones.clone(), settings, "by hand"), ("Two points are alike.",)


def test_the_same_map_is_asked_for_once(fits: Fits) -> None:
    first = submit(fits)
    assert first.state == "waiting" and submit(fits, person="bob") == first and len(fits.all()) == 1
    codes, labels, rows = fits.read_input(KEY)
    assert torch.equal(codes, CODES) and torch.equal(labels, LABELS) and torch.equal(rows, ROWS)
    assert fits.any_waiting() and fits.claim().state == "running" and not fits.any_waiting()  # type: ignore[union-attr]
    assert fits.claim() is None
    assert submit(fits).state == "running"  # not once more while it runs
    fits.end(KEY, "failed", "memory")
    assert submit(fits).state == "waiting"  # but again after it failed


def test_one_person_does_not_fill_the_queue(fits: Fits) -> None:
    for seed in range(MOST_OF_ONE):
        submit(fits, f"{seed:016x}", seed=seed)
    with pytest.raises(JobError, match="Enough maps are waiting"):
        submit(fits, "f" * 16, seed=99)
    assert submit(fits, "e" * 16, person="bob", seed=98).state == "waiting"


def test_only_who_asked_stops_a_fit(fits: Fits) -> None:
    submit(fits)
    with pytest.raises(JobError, match="Somebody else"):
        fits.stop(KEY, person="bob")
    assert fits.stop(KEY, person="ann").state == "stopped" and fits.claim() is None
    assert not [*fits.folder.iterdir()]  # nothing is left of it
    with pytest.raises(JobError, match="no such fit"):
        fits.stop("f" * 16, person="ann")


def test_a_fit_is_carried_out_and_kept(fits: Fits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(umap_fit, "fit_umap", laid_out)
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

    monkeypatch.setattr(umap_fit, "fit_umap", fails)
    submit(fits)
    worker.carry_out(fits, fits.claim(), tmp_path)  # type: ignore[arg-type]
    ended = fits.get(KEY)
    assert ended is not None and (ended.state, ended.message) == ("failed", said)


def test_a_fit_that_is_stopped_ends_at_its_next_report(fits: Fits, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(umap_fit, "fit_umap", laid_out)
    monkeypatch.setattr(worker, "REPORT_SECONDS", 0.0)
    submit(fits)
    running = fits.claim()
    fits.stop(KEY, person="ann")
    worker.carry_out(fits, running, tmp_path)  # type: ignore[arg-type]
    assert fits.get(KEY).state == "stopped" and not map_file(tmp_path, KEY).exists()  # type: ignore[union-attr]


def test_what_a_dead_process_left_is_taken_up_again_but_not_for_ever(fits: Fits) -> None:
    submit(fits)
    for _ in range(MOST_DEATHS - 1):
        fits.claim()
        fits.orphans()
        assert fits.get(KEY).state == "waiting"  # type: ignore[union-attr]
    fits.claim()
    fits.orphans()
    ended = fits.get(KEY)
    assert ended is not None and ended.state == "failed" and "memory" in (ended.message or "")


def test_there_is_one_process_a_folder_and_it_ends_when_idle(fits: Fits, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(umap_fit, "fit_umap", laid_out)
    monkeypatch.setattr(worker, "IDLE_SECONDS", 1.5)
    monkeypatch.setattr(worker, "NICENESS", 0)
    ended: list[bool] = []
    one = threading.Thread(target=lambda: ended.append(worker.fit_maps(tmp_path, while_served=True)))
    one.start()
    until = time.monotonic() + 10
    while not worker.fit_lock(tmp_path).exists() and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.1)
    assert worker.fit_maps(tmp_path, while_served=True) is False
    submit(fits)
    one.join(20)
    assert ended == [True] and fits.get(KEY).state == "done"  # type: ignore[union-attr]
