"""A small model with three latent dimensions, and a client of what is served of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from explorer.serving import routes as served
from explorer.serving.space.space import SPACES, Space
from explorer.serving.train_page import routes as job_routes
from tests.helpers.spaces import save_digits

LATENT = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_digits(tmp_path_factory.mktemp("latents") / "three", latent=LATENT)


@pytest.fixture(scope="module")
def space(folder: Path) -> Space:
    return SPACES.get(str(folder))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=served.routes())) as client:
        yield client


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    job_routes.open_database.cache_clear()
    return tmp_path
