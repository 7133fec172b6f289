"""Sets of pictures on disk: saved whole or not at all, and opened strictly."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from explorer import datasets
from explorer.datasets import DatasetError, load_dataset, own_names
from explorer.datasets.pictures import (
    Labelling,
    Reading,
    delete_pictures,
    describe_pictures,
    label_by_table,
    label_sources,
    labelled,
    load,
    no_labels,
    read_files,
    read_pictures,
    save_pictures,
    some_pictures,
    store,
    test_rows,
)
from tests.helpers.picture_files import noise

test_rows.__test__ = False  # a name of ours, not a test

COUNT = 40


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    load._load.cache_clear()
    return tmp_path / "pictures"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Reading, Labelling]:
    rows = [f"{number}.png,{number % 3},{number / 4},{'xyz'[number % 2]}" for number in range(COUNT - 1)]
    table = "\n".join(["file,kind,weight,letter", *rows]).encode()
    files = [("t.csv", table), *((f"{number}.png", noise(number)) for number in range(COUNT))]
    sources = read_files([(name, io.BytesIO(content)) for name, content in files])
    read = read_pictures(sources, 32, 3, data_dir=tmp_path_factory.mktemp("spool"))
    return read, labelled(read, label_sources(read)[0], "kind")


def saved(made, name: str = "mine") -> Path:
    return save_pictures(name, *made, made_from="holiday.zip")


def test_what_was_saved_comes_back(made, home: Path) -> None:
    read, labelling = made
    folder = saved(made)
    assert folder == home / "mine" and sorted(os.listdir(folder)) == [
        "files.json",
        "images.safetensors",
        "pictures.json",
    ]
    is_test = test_rows(labelling.labels)
    for split, rows in (("train", ~is_test), ("test", is_test)):
        dataset = load_dataset("mine", split)
        which = rows.nonzero().flatten()
        assert (dataset.name, dataset.split) == ("mine", split) and dataset.images.dtype == torch.uint8
        assert (dataset.images.numpy() == read.pictures(which.tolist())).all()
        assert torch.equal(dataset.labels, labelling.labels[which])
        assert dataset.classes == ("0", "1", "2", "unlabelled") and set(dataset.columns) == {"weight", "letter"}
        for name, column in labelling.columns.items():
            assert torch.equal(dataset.columns[name].nan_to_num(-9), column.values[which].nan_to_num(-9))
            assert dataset.columns[name].dtype == column.values.dtype
            assert dataset.categories.get(name) == column.categories
        assert dataset.files == tuple(read.names[row] for row in which.tolist())
        assert dataset.sha256 == hashlib.sha256((folder / "images.safetensors").read_bytes()).hexdigest()
    about = describe_pictures("mine")
    assert (about.train, about.test, about.shape) == (36, 4, (3, 32, 32))
    assert about.made["from"] == "holiday.zip" and dict(about.columns) == {"weight": None, "letter": ("x", "y")}


def test_the_file_is_an_ordinary_safetensors_file(made, home: Path) -> None:
    tensors = load_file(saved(made) / "images.safetensors")
    assert set(tensors) == {"images", "labels", "column 0", "column 1"}
    assert tensors["images"].shape == (COUNT, 3, 32, 32) and tensors["labels"].shape == (COUNT,)


def test_the_same_pictures_give_the_same_split_and_the_same_hash(made) -> None:
    saved(made), saved(made, "again")
    assert describe_pictures("mine").sha256 == describe_pictures("again").sha256
    assert torch.equal(load_dataset("mine", "test").images, load_dataset("again", "test").images)


@pytest.mark.parametrize(("count", "size"), [(20, 4), (40, 4), (100, 10), (1_234, 123)])
def test_about_a_tenth_is_for_testing_and_never_too_few(count: int, size: int) -> None:
    labels = torch.arange(count) % 4
    rows = test_rows(labels)
    assert int(rows.sum()) == size
    assert (torch.bincount(labels[rows], minlength=4) - size / 4).abs().max() < 1


def test_a_split_that_is_given_is_kept(made, home: Path) -> None:
    read, labelling = made
    own = torch.arange(COUNT) % 3 == 0
    save_pictures("given", read, dataclasses.replace(labelling, test=own))
    assert (load_dataset("given", "test").images.numpy() == read.pictures(own.nonzero().flatten().tolist())).all()
    assert describe_pictures("given").made["split"] == "given with the pictures"


def test_names_stay_those_that_come_along_and_own_ones_are_found(made, home: Path) -> None:
    assert own_names() == ()
    saved(made, "b"), saved(made, "a")
    (home / "half").mkdir()
    (home / ".saving-x").mkdir()
    (home / "Not A Name").mkdir()
    (home / "Not A Name" / "pictures.json").touch()
    assert datasets.names() == ("mnist", "fashion-mnist", "digits") and own_names() == ("a", "b")
    with pytest.raises(DatasetError, match="mnist, fashion-mnist, digits, a, b"):
        load_dataset("c")
    assert len(load_dataset("a", data_dir=home.parent)) == 36 and own_names(home.parent) == ("a", "b")
    assert own_names(home / "nowhere") == ()


def test_a_set_cannot_take_the_name_of_a_built_in_one(made, home: Path) -> None:
    with pytest.raises(DatasetError, match="comes with the app"):
        saved(made, "digits")
    assert not home.exists() and len(load_dataset("digits")) == 1437


@pytest.mark.parametrize("name", ["", "../x", "A", "a b", "-a", "a" * 49, ".a", "ä", "a/b", "con\0"])
def test_bad_names_are_refused(made, home: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="A name has 1 to 48"):
        saved(made, name)
    with pytest.raises(DatasetError, match="no set of pictures"):
        delete_pictures(name, person="", local=True)
    with pytest.raises(DatasetError, match="no data set"):
        load_dataset(name)


def test_a_set_is_never_overwritten(made, home: Path) -> None:
    saved(made)
    with pytest.raises(DatasetError, match="already"):
        saved(made)
    assert os.listdir(home) == ["mine"]


def test_a_set_that_comes_meanwhile_is_not_overwritten(made, home: Path, monkeypatch) -> None:
    write = store._write

    def and_another(folder: Path, *others) -> None:
        write(folder, *others)
        (home / "mine").mkdir()
        (home / "mine" / "pictures.json").write_text("theirs")

    monkeypatch.setattr(store, "_write", and_another)
    with pytest.raises(DatasetError, match="already"):
        saved(made)
    assert (home / "mine" / "pictures.json").read_text() == "theirs" and os.listdir(home) == ["mine"]


@pytest.mark.parametrize("number", [28, 30, 13])
def test_a_full_or_read_only_disk_leaves_nothing_half(made, home: Path, monkeypatch, number: int) -> None:
    class Fails:
        def __init__(self, file) -> None:
            self.count = 0

        def write(self, content: bytes) -> None:
            self.count += 1
            if self.count == 2:
                raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store, "_Digest", Fails)
    with pytest.raises(DatasetError, match=f"not saved: {os.strerror(number)}.*Nothing was left"):
        saved(made)
    assert os.listdir(home) == [] and own_names() == ()


def test_a_data_folder_that_is_a_file_is_told(made, home: Path) -> None:
    home.write_text("in the way")
    with pytest.raises(DatasetError, match="not saved"):
        saved(made)
    assert own_names() == ()


def test_a_deleted_set_is_gone(made, home: Path) -> None:
    saved(made)
    load_dataset("mine")
    delete_pictures("mine", person="", local=True)
    assert own_names() == () and os.listdir(home) == []
    with pytest.raises(DatasetError, match="no data set"):
        load_dataset("mine")
    with pytest.raises(DatasetError, match="deleted already"):
        delete_pictures("mine", person="", local=True)
    saved(made)  # the name is free again
    assert len(load_dataset("mine")) == 36


def test_another_set_under_the_same_name_is_read_anew(made, home: Path) -> None:
    read, _ = made
    saved(made)
    before = load_dataset("mine")
    assert load_dataset("mine") is before
    delete_pictures("mine", person="", local=True)
    save_pictures("mine", read, no_labels(COUNT))
    assert load_dataset("mine").classes == ("unlabelled",)


# What is not as it was written


@pytest.mark.parametrize("change", [
    {"image_shape": [3, 32, 10**9]}, {"image_shape": [2, 32, 32]}, {"image_shape": [3, 32, 28]}, {"image_shape": 3},
    {"image_shape": [3, 33, 33]}, {"train": 10**12}, {"train": -1}, {"train": 36.0}, {"train": True}, {"train": "36"},
    {"test": 0}, {"classes": []}, {"classes": [1]}, {"classes": ["x"] * 300}, {"columns": [{"name": "a"}]},
    {"columns": [{"name": "a", "categories": None}] * 2}, {"columns": None}, {"sha256": None}, {"made": []},
])  # fmt: skip
def test_a_description_out_of_bounds_is_refused_before_memory_is_taken(made, home: Path, change) -> None:
    index = saved(made) / "pictures.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | change))
    tracemalloc.start()
    with pytest.raises(DatasetError, match=r"mine are damaged: pictures\.json"):
        load_dataset("mine")
    assert tracemalloc.get_traced_memory()[1] < 2e6
    tracemalloc.stop()


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", "[" * 100_000, '"x"', "\xff", '{"train": 1e999}'])
def test_a_description_that_is_nonsense_is_refused(made, home: Path, text: str) -> None:
    (saved(made) / "pictures.json").write_text(text, encoding="latin-1")
    with pytest.raises(DatasetError, match="damaged"):
        load_dataset("mine")
    with pytest.raises(DatasetError, match="damaged"):
        some_pictures("mine", 3)


@pytest.mark.parametrize("change", [{"train": 35}, {"classes": ["a"]}, {"image_shape": [1, 32, 32]}, {"columns": []}])
def test_a_description_of_other_pictures_is_refused(made, home: Path, change) -> None:
    index = saved(made) / "pictures.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | change))
    with pytest.raises(DatasetError, match=r"images\.safetensors|labels run from"):
        load_dataset("mine")


def test_damaged_pictures_are_refused(made, home: Path) -> None:
    path = saved(made) / "images.safetensors"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    huge = (1 << 60).to_bytes(8, "little") + whole[8:]
    for content in (whole[:-1], whole + b"\0", whole[:4], b"", bytes(flipped), huge, bytes(len(whole))):
        path.write_bytes(content)
        load._load.cache_clear()
        with pytest.raises(DatasetError, match=r"mine are damaged: images\.safetensors"):
            load_dataset("mine")
    path.unlink()
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        load_dataset("mine")
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        some_pictures("mine", 3)


def forge(folder: Path, content: bytes) -> None:
    """Other content with its hash, so that the hash alone tells nothing."""
    (folder / "images.safetensors").write_bytes(content)
    index = json.loads((folder / "pictures.json").read_text())
    index["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "pictures.json").write_text(json.dumps(index))


def test_forged_files_are_refused_whatever_their_hash(made, home: Path) -> None:
    folder = saved(made)
    whole = (folder / "images.safetensors").read_bytes()
    tensors = load_file(folder / "images.safetensors")
    header = store.layout(COUNT, (3, 32, 32), [torch.float64, torch.int64])
    assert whole.startswith(header)
    absurd = header.replace(f"[{COUNT},3,32,32]".encode(), b"[90,3,32,32]")  # as long, and more than there is
    other = header.replace(b"3,32,32]", b"32,3,32]")  # sound by itself, but not what the description says
    for content in (whole + b"\0", whole[:-1], *(changed + whole[len(header) :] for changed in (absurd, other))):
        forge(folder, content)
        with pytest.raises(DatasetError, match=r"mine are damaged: images\.safetensors"):
            load_dataset("mine")
    tensors["labels"][0] = 99
    body = b"".join(tensors[key].numpy().tobytes() for key in ("images", "labels", "column 0", "column 1"))
    forge(folder, header + body)
    with pytest.raises(DatasetError, match="labels run from 0 to 99"):
        load_dataset("mine")


def test_the_layout_is_the_one_that_the_library_reads(tmp_path: Path) -> None:
    """Against safetensors' own writer: the same tensors, in any order of its header."""
    tensors = {"images": torch.arange(48, dtype=torch.uint8).view(3, 1, 4, 4), "labels": torch.arange(3)}
    save_file(tensors, tmp_path / "theirs")
    ours = store.layout(3, (1, 4, 4), []) + b"".join(tensors[key].numpy().tobytes() for key in tensors)
    (tmp_path / "ours").write_bytes(ours)
    theirs, mine = load_file(tmp_path / "theirs"), load_file(tmp_path / "ours")
    assert theirs.keys() == mine.keys() and all(torch.equal(theirs[key], mine[key]) for key in theirs)


def test_some_pictures_are_read_without_the_others(made, home: Path) -> None:
    saved(made)
    images, about = some_pictures("mine", 5)
    assert images.shape == (5, 3, 32, 32) and about.count == COUNT
    assert (images[0] == load_dataset("mine").images[0].numpy()).all()
    assert (images[-1] == load_dataset("mine", "test").images[-1].numpy()).all()
    assert len(some_pictures("mine", 999)[0]) == COUNT


def test_saving_needs_no_more_memory_for_more_pictures(tmp_path: Path) -> None:
    read = Reading(64, 3, (tmp_path / "spool").open("w+b"))
    count = 4_000
    read.names = [f"{number}.png" for number in range(count)]
    read.spool.write(np.zeros(count * read.picture_bytes, np.uint8).tobytes())
    tracemalloc.start()
    save_pictures("large", read, no_labels(count))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6 < count * read.picture_bytes
    read.spool.close()


def test_a_column_of_texts_none_of_which_is_known_comes_back(made, home: Path) -> None:
    read, _ = made
    (source, _) = label_sources(read)
    labelling = label_by_table(source.match, None)
    save_pictures("no-label", read, labelling)
    assert set(load_dataset("no-label").columns) == {"kind", "weight", "letter"}
