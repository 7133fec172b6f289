"""A table of jobs, and a worker in a hurry."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from explorer.jobs import Database, Jobs
from explorer.training import cadence, loop
from explorer.training import run as run_module


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(Database(tmp_path))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is reported, the arithmetic is not timed, and torch does not check, as in the worker."""
    torch.distributions.Distribution.set_default_validate_args(False)
    monkeypatch.setattr(cadence, "REPORT_SECONDS", 0.0)
    plain = loop.Speed(1, False, "1 thread in float32")
    monkeypatch.setattr(run_module, "choose_speed", lambda *_, **__: plain)
