"""What all tests of models that come and go share: folders of their own, and one sound model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.strangers import sound_model


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, no models of one's own, and no token nor proxy of whoever runs the tests."""
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("EXPLORER_MODELS", str(tmp_path / "none"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return tmp_path / "data"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """A sound model's files, by name."""
    return sound_model(tmp_path / "sound")
