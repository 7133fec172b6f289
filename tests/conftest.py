"""Fixtures that many tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Two processes of tests share the cores, and so do the servers and workers they start: a thread each, since waiting
# OpenMP threads burn what the others want.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from torch import Tensor

from explorer.models import VAE
from tests.helpers.oracle import binary_images, tiny_model

BROWSER = Path(__file__).parent / "browser"


@pytest.hookimpl(tryfirst=True)  # before pytest looks at -m
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that waits the longest comes first: whoever has it last would keep the others waiting, too."""
    items.sort(key=lambda item: item.path.name != "test_worker.py")
    for item in items:
        if BROWSER in item.path.parents:
            item.add_marker("browser")


@pytest.fixture
def model() -> VAE:
    return tiny_model()


@pytest.fixture
def x() -> Tensor:
    """One binary image (1, 1, 4, 4)."""
    return binary_images(1)


@pytest.fixture(autouse=True)
def few_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's gaps take seconds, of which most tests want to know nothing."""
    monkeypatch.setattr("explorer.checkpoint.publish.GAP_IMAGES", 12)


@pytest.fixture(autouse=True)
def exports_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX files are exported by this very process, which has the exporter anyway, and kept nowhere."""
    monkeypatch.setattr("explorer.serving.space.onnx_files._apart", lambda checkpoint, part: None)


@pytest.fixture(autouse=True)
def no_answers_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that changes limits asks what another has asked."""
    asking = sys.modules.get("explorer.serving.http.asking")
    if asking is not None:
        monkeypatch.setattr(asking, "_ANSWERS", type(asking._ANSWERS)(2_048))


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    """Commands and the loop set torch's threads and checks for the whole process; a test gives them back."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.distributions.Distribution.set_default_validate_args(True)
