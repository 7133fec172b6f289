"""Data sets: what is loaded, and what is said when it cannot be."""

import gzip
import os
import pickle
import sys
from pathlib import Path

import pytest
import torch

from explorer import datasets
from explorer.datasets import digits, fashion_mnist, folder, mnist
from explorer.datasets.dataset import Dataset, DatasetError
from explorer.datasets.verified import IDX_NAMES
from tests.helpers.idx_files import sha256

# The type


def made_up(**changes) -> Dataset:
    fields = {
        "name": "made-up",
        "split": "train",
        "images": torch.zeros(2, 1, 3, 4, dtype=torch.uint8),
        "labels": torch.tensor([0, 1]),
        "classes": ("a", "b"),
        "columns": {"weight": torch.ones(2)},
        "sha256": "",
    }
    return Dataset(**(fields | changes))


def test_a_dataset_has_a_length_a_shape_and_can_be_pickled():
    dataset = made_up()
    assert len(dataset) == 2
    assert dataset.image_shape == (1, 3, 4)
    again = pickle.loads(pickle.dumps(dataset))  # between worker processes
    assert torch.equal(again.images, dataset.images)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": torch.tensor([0, 2])}, "labels run from 0 to 2"),
        ({"labels": torch.tensor([-1, 1])}, "labels run from -1 to 1"),
        ({"labels": torch.tensor([0])}, "2 images have 1 labels"),
        ({"labels": torch.tensor([0, 1], dtype=torch.uint8)}, "must be int64"),
        ({"images": torch.zeros(2, 1, 3, 4)}, "must be uint8"),
        ({"images": torch.zeros(2, 3, 4, dtype=torch.uint8)}, "must be uint8"),
        ({"images": torch.zeros(0, 1, 3, 4, dtype=torch.uint8)}, "no images"),
        ({"split": "valid"}, "train, test"),
        ({"columns": {"weight": torch.ones(3)}}, "column 'weight'"),
    ],
)
def test_a_dataset_that_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(DatasetError, match=message):
        made_up(**changes)


# By name


def test_names_and_the_words_for_an_unknown_one():
    assert datasets.names() == ("mnist", "fashion-mnist", "digits")
    with pytest.raises(DatasetError, match=r"'cifar'.*mnist, fashion-mnist, digits"):
        datasets.load_dataset("cifar")
    for name in datasets.names():
        with pytest.raises(DatasetError, match=r"'validation'.*train, test"):
            datasets.load_dataset(name, "validation")


@pytest.mark.parametrize(
    ("split", "counts"),
    [
        ("train", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("test", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ],
)
def test_mnist_is_whole(split, counts, monkeypatch, tmp_path):
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "absent"))  # needs no folder
    dataset = datasets.load_dataset("mnist", split)
    assert dataset.images.shape == (sum(counts), 1, 28, 28)
    assert dataset.images.dtype == torch.uint8
    assert dataset.labels.dtype == torch.int64
    assert torch.bincount(dataset.labels).tolist() == counts
    assert dataset.classes == tuple("0123456789")
    assert (dataset.name, dataset.split, dict(dataset.columns)) == ("mnist", split, {})
    assert (int(dataset.images.min()), int(dataset.images.max())) == (0, 255)


def test_mnist_pixels_have_the_published_mean_and_deviation():
    pixels = datasets.load_dataset("mnist").images.double() / 255
    assert pixels.mean().item() == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std().item() == pytest.approx(0.3081, abs=5e-5)


def test_the_hash_of_a_split_is_that_of_its_files_unpacked():
    paths = [mnist.FOLDER / f"{name}.gz" for name in IDX_NAMES["test"]]
    content = b"".join(gzip.decompress(path.read_bytes()) for path in paths)
    assert datasets.load_dataset("mnist", "test").sha256 == sha256(content)
    assert datasets.load_dataset("mnist", "train").sha256 != sha256(content)


def test_a_split_is_read_once():
    assert datasets.load_dataset("mnist", "test") is datasets.load_dataset("mnist", "test")


def test_the_notice_beside_mnist_states_authors_licence_and_checksums():
    notice = (mnist.FOLDER.parent / "README.md").read_text(encoding="utf-8")
    for words in (
        "Yann LeCun, Corinna Cortes, Christopher J.C. Burges",
        "https://creativecommons.org/licenses/by-sa/3.0/",
        "unmodified",
        *mnist.FILE_SHA256.values(),
        *mnist.CONTENT_SHA256.values(),
    ):
        assert words in notice


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_damaged_bundled_file_is_named_with_both_checksums(tmp_path, monkeypatch, place):
    for name in IDX_NAMES["test"]:
        packed = (mnist.FOLDER / f"{name}.gz").read_bytes()
        (tmp_path / f"{name}.gz").write_bytes(packed)
    name = IDX_NAMES["test"][1]
    damaged = bytearray((tmp_path / f"{name}.gz").read_bytes())
    damaged[place * (len(damaged) - 1) // 2] ^= 1
    (tmp_path / f"{name}.gz").write_bytes(damaged)
    monkeypatch.setattr(mnist, "FOLDER", tmp_path)
    with pytest.raises(DatasetError) as caught:
        datasets.load_dataset("mnist", "test")
    for words in (name, sha256(damaged), mnist.FILE_SHA256[name], "git checkout"):
        assert words in str(caught.value)


def test_a_missing_bundled_file_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "FOLDER", tmp_path)
    with pytest.raises(DatasetError, match=r"No such file.*git checkout"):
        datasets.load_dataset("mnist")


@pytest.mark.parametrize("name", datasets.names())
def test_the_extent_of_a_training_set_is_that_of_its_images(name):
    try:
        train = datasets.load_dataset(name)
    except DatasetError:
        with pytest.raises(DatasetError):
            datasets.training_extent(name)
        return
    assert datasets.training_extent(name) == (train.image_shape, len(train))


# Digits


def test_digits_are_those_of_scikit_learn_split_in_two():
    from sklearn.datasets import load_digits

    source = load_digits()
    train, test = (datasets.load_dataset("digits", split) for split in ("train", "test"))
    assert train.images.shape == (1437, 1, 8, 8)
    assert test.images.shape == (360, 1, 8, 8)
    rows = []
    for part in (train, test):
        sixteenths = (part.images.squeeze(1).double() / 255 * 16).round()
        assert set(part.images.unique().tolist()) == {round(value * 255 / 16) for value in range(17)}
        rows += [
            (*image.flatten().tolist(), label) for image, label in zip(sixteenths, part.labels.tolist(), strict=True)
        ]
    expected = [
        (*image.flatten().tolist(), int(label)) for image, label in zip(source.images, source.target, strict=True)
    ]
    assert sorted(rows) == sorted(expected)


def test_digits_split_is_stratified_and_always_the_same():
    train, test = (datasets.load_dataset("digits", split) for split in ("train", "test"))
    whole = torch.bincount(train.labels) + torch.bincount(test.labels)
    shares = whole * 360 / 1797
    assert (torch.bincount(test.labels) - shares).abs().max() < 1
    digits._load.cache_clear()
    again = datasets.load_dataset("digits", "test")
    assert again is not test
    assert torch.equal(again.images, test.images)
    assert again.sha256 == test.sha256
    known = "733f42dc7eeef226f78f554cd35558b957e1c25118e370cbdcde791c0cf28c8c"
    assert test.sha256 == known


@pytest.mark.parametrize("size", [0, 1, 7, 50, 99, 100])
def test_stratified_rows_add_up_and_keep_proportions(size):
    labels = torch.randint(5, (100,), generator=torch.Generator().manual_seed(1))
    mask = digits.stratified_test_mask(labels, size, seed=0)
    assert int(mask.sum()) == size
    chosen = torch.bincount(labels[mask], minlength=5)
    shares = torch.bincount(labels, minlength=5) * size / 100
    assert (chosen - shares).abs().max() < 1
    if 0 < size < 100:
        other = digits.stratified_test_mask(labels, size, seed=1)
        assert not torch.equal(mask, other)


def test_digits_are_read_without_importing_scikit_learn(monkeypatch):
    """Its modules would stay in a server's memory; where it keeps its file elsewhere, it is asked."""
    by_file = digits._table()
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    assert (digits._table() == by_file).all()
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert (digits._table() == by_file).all()


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    for name in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, None)
    digits._load.cache_clear()
    with pytest.raises(DatasetError, match="pip install"):
        datasets.load_dataset("digits")


# The data folder


def test_the_data_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    assert datasets.default_data_dir() == tmp_path
    monkeypatch.setenv("EXPLORER_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert datasets.default_data_dir() == tmp_path / "cache" / "latent-explorer"
    monkeypatch.delenv("EXPLORER_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # ignored, as its standard asks
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    home = Path.home()
    for platform, cache in (
        ("linux", home / ".cache"),
        ("darwin", home / "Library" / "Caches"),
        ("win32", tmp_path / "local"),
    ):
        monkeypatch.setattr(folder.sys, "platform", platform)
        assert datasets.default_data_dir() == cache / "latent-explorer"


def test_without_a_home_folder_the_variable_is_named(monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("EXPLORER_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(folder.sys, "platform", "linux")
    monkeypatch.setattr(folder.Path, "home", home)
    with pytest.raises(DatasetError, match="Set EXPLORER_DATA"):
        datasets.default_data_dir()


def test_the_bundled_files_are_readable_by_all_and_not_executable():
    if os.name != "posix":
        pytest.skip("no modes here")
    for path in (*mnist.FOLDER.iterdir(), *fashion_mnist.BUNDLED_FOLDER.iterdir()):
        assert path.stat().st_mode & 0o111 == 0
