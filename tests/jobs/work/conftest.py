"""A table of jobs, and a worker in a hurry."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from explorer.checkpoint import publish
from explorer.jobs import Database, Jobs, Measurements
from explorer.jobs.training import work
from explorer.training import loop, reporting
from explorer.training import run as run_module


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(Database(tmp_path))


@pytest.fixture
def waiting(tmp_path: Path) -> Measurements:
    return Measurements(Database(tmp_path))


@pytest.fixture
def whole_models() -> None:
    """Models with all that belongs to them."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Every step is reported, the arithmetic is not timed, and torch does not check, as in the worker.

    Nor is a decoder exported, which takes a second, but where a test asks for `whole_models`.
    """
    if "whole_models" not in request.fixturenames:
        monkeypatch.setattr(publish, "export_decoder", lambda *_: None)
        monkeypatch.setattr(work, "warm_up_exporter", lambda: None)
    torch.distributions.Distribution.set_default_validate_args(False)
    monkeypatch.setattr(reporting, "REPORT_SECONDS", 0.0)
    plain = loop.Speed(1, False, "1 thread in float32")
    monkeypatch.setattr(run_module, "choose_speed", lambda *_, **__: plain)
