"""A model's own data, or none of that name: another set saved under it never stands in."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from explorer import datasets
from explorer.__main__ import main
from explorer.checkpoint.catalogue import open_model
from explorer.checkpoint.data import OtherDataError, has_training_images, load_model_data
from explorer.checkpoint.gallery import SHEET_FILE
from explorer.checkpoint.weights import CONFIG_FILE, Checkpoint, load_checkpoint
from explorer.datasets import DatasetError, load_dataset
from explorer.datasets.pictures import (
    delete_pictures,
    label_sources,
    labelled,
    read_files,
    read_pictures,
    save_pictures,
)
from explorer.page.session import why_not_all
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import Spaces
from tests.helpers.picture_files import noise
from tests.helpers.places import FIXTURES

KEPT = FIXTURES / "data_folder_1"
COMMANDS = (["evaluate", "of-shapes"], ["gaps", "of-shapes"], ["map", "of-shapes"])


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a set of pictures and a model that was trained on it."""
    folder = tmp_path / "data"
    shutil.copytree(KEPT, folder)
    monkeypatch.setenv("EXPLORER_DATA", str(folder))
    monkeypatch.setenv("EXPLORER_MODELS", str(tmp_path / "none"))
    return folder


def replace_the_set(size: int = 28) -> None:
    """Deletes the set and saves other pictures, as many, under its name."""
    delete_pictures("shapes", person="", local=True)
    files = [(f"{number}.png", noise(number)) for number in range(60)]
    read = read_pictures(read_files([(name, io.BytesIO(content)) for name, content in files]), size, 1)
    save_pictures("shapes", read, labelled(read, label_sources(read)[0]))


def forget_the_hash(folder: Path, value: object = None) -> None:
    """A model of which it is not known what it was trained on."""
    path = folder / CONFIG_FILE
    facts = json.loads(path.read_text())
    facts["provenance"] = {} if value is None else {"data_sha256": value}
    path.write_text(json.dumps(facts))


def test_a_set_that_is_as_it_was_is_shown_whole(data: Path) -> None:
    space = Spaces().get("of-shapes", "all")
    assert space.complete and not space.replaced and space.points == "all" and len(space.latents) == 60


@pytest.mark.parametrize("size", [28, 32], ids=["of the same size", "of another size"])
def test_other_pictures_under_the_name_are_neither_shown_nor_measured(
    data: Path, capsys: pytest.CaptureFixture[str], size: int
) -> None:
    before = Spaces().get("of-shapes")
    replace_the_set(size)
    checkpoint = open_model("of-shapes")
    with pytest.raises(OtherDataError, match=r"'shapes'.*other images.*saved under its name"):
        load_model_data(checkpoint)
    assert not has_training_images(checkpoint)
    for points in ("test", "all"):
        space = Spaces().get("of-shapes", points)
        assert space.replaced and not space.complete and space.points == "test"
        assert torch.equal(space.latents.images, before.latents.images)  # the gallery: the first of its own test set
        assert describe(space)["replaced"] and "holds other images" in why_not_all(describe(space))
    names = {path: path.stat().st_mtime_ns for path in (data / "models" / "of-shapes").rglob("*")}
    for command in COMMANDS:
        assert main(command) == 2
        said = capsys.readouterr()
        assert "other images than this model was trained on" in said.err and not re.search(r"\d\.\d", said.out)
    assert {path: path.stat().st_mtime_ns for path in (data / "models" / "of-shapes").rglob("*")} == names


def test_without_a_gallery_a_model_of_other_pictures_is_not_opened(data: Path) -> None:
    replace_the_set()
    for path in (data / "models" / "of-shapes").glob("gallery.*"):
        path.unlink()
    with pytest.raises(OtherDataError, match="EXPLORER_DATA"):
        Spaces().get("of-shapes")


@pytest.mark.parametrize("value", [None, "unknown", 5, "A" * 64])
def test_without_a_hash_the_images_kept_beside_the_model_tell(data: Path, value: object) -> None:
    forget_the_hash(data / "models" / "of-shapes", value)
    assert Spaces().get("of-shapes", "all").complete
    replace_the_set()
    assert Spaces().get("of-shapes").replaced
    (data / "models" / "of-shapes" / SHEET_FILE).write_bytes(b"")  # nothing is left to tell by
    assert load_model_data(open_model("of-shapes")).name == "shapes"


def test_the_hash_of_a_set_that_comes_with_the_program_tells_too(data: Path) -> None:
    forget_the_hash(data / "models" / "of-digits", "0" * 64)
    with pytest.raises(OtherDataError):
        load_model_data(open_model("of-digits"))
    assert Spaces().get("of-digits").replaced


def test_a_set_that_is_gone_is_not_taken_for_another(data: Path) -> None:
    delete_pictures("shapes", person="", local=True)
    space = Spaces().get("of-shapes", "all")
    assert not space.complete and not space.replaced and "not here" in why_not_all(describe(space))


def test_training_images_that_are_not_here_cost_no_test_images(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = datasets.load_dataset

    def half(name: str, split: str = "train", **options: object) -> datasets.Dataset:
        if split == "train":
            raise DatasetError("not here")
        return load(name, split, **options)

    monkeypatch.setattr("explorer.checkpoint.data.load_dataset", half)
    spaces = Spaces()
    space = spaces.get("of-shapes", "all")
    assert space.complete and space.points == "test" and space is spaces.get("of-shapes")
    assert "training images are not on this machine" in why_not_all(describe(space))


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_both_splits_are_known_by_the_hash_of_the_training_split(name: str) -> None:
    train, test = load_dataset(name), load_dataset(name, "test")
    assert train.sha256 == train.identity == test.identity != test.sha256


@pytest.mark.parametrize("name", ["mnist-2d", "mnist-16d"])
def test_shipped_models_are_of_the_data_that_comes_along(name: str) -> None:
    checkpoint: Checkpoint = open_model(name)
    assert load_model_data(checkpoint).identity == checkpoint.config.provenance["data_sha256"]
    other = dataclasses.replace(checkpoint.config, provenance={"data_sha256": "0" * 64})
    with pytest.raises(OtherDataError):
        load_model_data(dataclasses.replace(load_checkpoint(checkpoint.folder), config=other))
