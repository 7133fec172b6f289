"""Models by name or folder, and the device they are opened on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import explorer
from explorer.checkpoint import catalogue as registry
from explorer.checkpoint.weights import CheckpointError, save_checkpoint
from explorer.config import Config, ModelConfig
from explorer.device import DeviceError, choose_device
from explorer.models import build

CONFIG = Config(ModelConfig((1, 4, 4), 2, hidden=(8,)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "PRETRAINED", tmp_path)
    for index, name in enumerate(("b-model", "a-model")):
        save_checkpoint(tmp_path / name, build(CONFIG.model, seed=index), CONFIG)
    (tmp_path / "not-a-model").mkdir()
    (tmp_path / "file").touch()
    return tmp_path


def test_names_are_the_folders_that_hold_a_configuration(home: Path) -> None:
    assert explorer.pretrained() == ("a-model", "b-model")


def test_a_name_and_its_folder_are_the_same_model(home: Path) -> None:
    by_name, by_path = explorer.load("b-model"), explorer.load(home / "b-model")
    assert all(torch.equal(value, by_path.state_dict()[name]) for name, value in by_name.state_dict().items())
    other = explorer.load("a-model").state_dict()
    assert any(not torch.equal(value, other[name]) for name, value in by_name.state_dict().items())


@pytest.mark.parametrize("name", ["no-such-model", "", "../file", "a\0b", "a-model/config.json", "x" * 5_000])
def test_an_unknown_name_is_answered_with_the_known_ones(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(CheckpointError) as error:
        explorer.load(name)
    if name:  # "" is the present folder, which is no checkpoint
        assert "a-model, b-model" in str(error.value)


def test_every_pretrained_model_opens() -> None:
    for name in explorer.pretrained():
        model = explorer.load(name)
        assert not model.training
        z = torch.zeros(2, model.config.latent)
        assert torch.isfinite(model.likelihood(z).mean).all()


def test_devices_are_named_with_the_reason() -> None:
    assert choose_device("cpu").torch == torch.device("cpu")
    assert "as asked" in choose_device("cpu").reason
    if not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        assert "no GPU was found" in choose_device().reason


@pytest.mark.parametrize("wanted", ["tpu", "", "cpu0", "cuda:99", "cuda:x", "cpu:7", "mps:3"])
def test_a_device_that_is_not_there_is_refused(wanted: str) -> None:
    with pytest.raises(DeviceError):
        choose_device(wanted)
