"""Fashion-MNIST, with files made up and the table of checksums to match."""

import gzip
from pathlib import Path

import pytest
import torch

from explorer import datasets
from explorer.checkpoint.catalogue import open_model
from explorer.checkpoint.data import has_training_images, load_model_data
from explorer.datasets import fashion_mnist, folder
from explorer.datasets.dataset import DatasetError
from explorer.datasets.verified import IDX_NAMES
from tests.helpers.idx_files import idx_bytes, sha256


@pytest.fixture
def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (5, 4, 3), generator=generator, dtype=torch.uint8)


@pytest.fixture
def fashion(tmp_path, monkeypatch, images):
    """Contents of four small files by name; nothing is on disk yet."""
    labels = torch.tensor([9, 0, 3, 3, 1], dtype=torch.uint8)
    contents = {}
    for image_name, label_name in IDX_NAMES.values():
        contents[image_name] = idx_bytes(images)
        contents[label_name] = idx_bytes(labels)
    table = {name: sha256(content) for name, content in contents.items()}
    monkeypatch.setattr(fashion_mnist, "CONTENT_SHA256", table)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "BUNDLED_FOLDER", tmp_path / "bundled")
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "data"))
    return contents


def put(folder: Path, contents: dict[str, bytes], suffix: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        packed = gzip.compress(content) if suffix else content
        (folder / f"{name}{suffix}").write_bytes(packed)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("place", ["data/FashionMNIST/raw", "debian"])
def test_fashion_is_found_packed_or_not(tmp_path, fashion, images, suffix, place):
    put(tmp_path / place, fashion, suffix)
    dataset = datasets.load_dataset("fashion-mnist", "test")
    assert torch.equal(dataset.images, images.unsqueeze(1))
    assert dataset.labels.tolist() == [9, 0, 3, 3, 1]
    assert dataset.classes[9] == "Ankle boot"
    assert len(dataset.classes) == 10
    assert dataset.sha256 == sha256(b"".join(fashion[n] for n in IDX_NAMES["test"]))


def test_fashion_prefers_the_folder_given(tmp_path, fashion):
    put(tmp_path / "given" / "FashionMNIST" / "raw", fashion)
    put(tmp_path / "debian", dict.fromkeys(fashion, b""))
    datasets.load_dataset("fashion-mnist", data_dir=tmp_path / "given")
    datasets.load_dataset("fashion-mnist", data_dir=str(tmp_path / "given"))
    with pytest.raises(DatasetError, match=r"debian.*cut short"):
        datasets.load_dataset("fashion-mnist")


def test_fashion_missing_names_three_ways_and_downloads_nothing(tmp_path, fashion, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "_download", pytest.fail)
    half = dict(list(fashion.items())[:1])  # images without labels are not enough
    put(tmp_path / "data" / "FashionMNIST" / "raw", half)
    with pytest.raises(DatasetError) as caught:
        datasets.load_dataset("fashion-mnist")
    for words in (
        str(tmp_path / "data" / "FashionMNIST" / "raw"),
        "train-labels-idx1-ubyte",
        "dataset-fashion-mnist",
        "--download",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_fashion_with_other_content_is_refused(tmp_path, fashion, suffix):
    name = "train-images-idx3-ubyte"
    damaged = bytearray(fashion[name])
    damaged[-1] ^= 1
    put(tmp_path / "data/FashionMNIST/raw", fashion | {name: bytes(damaged)}, suffix)
    with pytest.raises(DatasetError) as caught:
        datasets.load_dataset("fashion-mnist")
    for words in (name + suffix, sha256(damaged), sha256(fashion[name]), "Delete it"):
        assert words in str(caught.value)


def test_fashion_labels_out_of_range_are_refused(tmp_path, fashion, monkeypatch):
    name = "t10k-labels-idx1-ubyte"
    fashion[name] = idx_bytes(torch.tensor([0, 1, 2, 3, 10], dtype=torch.uint8))
    monkeypatch.setitem(fashion_mnist.CONTENT_SHA256, name, sha256(fashion[name]))
    put(tmp_path / "debian", fashion)
    with pytest.raises(DatasetError, match="labels run from 0 to 10"):
        datasets.load_dataset("fashion-mnist", "test")


def test_fashion_is_downloaded_only_when_asked_and_only_when_missing(tmp_path, fashion, monkeypatch):
    import torchvision

    calls = []

    def download(root, train=True, download=False):
        calls.append((root, download))
        put(Path(root) / "FashionMNIST" / "raw", fashion, ".gz")

    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", download)
    for split in ("train", "test"):
        datasets.load_dataset("fashion-mnist", split, download=True)
    assert calls == [(str(tmp_path / "data"), True)]


@pytest.mark.parametrize("error", [RuntimeError, OSError, ValueError, ImportError])
def test_a_download_that_fails_says_what_to_do(fashion, monkeypatch, error):
    import torchvision

    def download(root, **options):
        raise error("the network\nis down.\n")

    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", download)
    with pytest.raises(DatasetError, match=r"the network is down\. Check.*try again.*Debian"):
        datasets.load_dataset("fashion-mnist", download=True)


def test_a_download_that_leaves_nothing_is_an_error(fashion, monkeypatch):
    import torchvision

    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", lambda *a, **k: None)
    with pytest.raises(DatasetError, match=r"training images.*were not found"):
        datasets.load_dataset("fashion-mnist", download=True)


def test_the_test_set_comes_along_and_the_training_set_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "data"))
    test = datasets.load_dataset("fashion-mnist", "test")
    assert test.images.shape == (10_000, 1, 28, 28) and torch.bincount(test.labels).tolist() == [1_000] * 10
    with pytest.raises(DatasetError, match="training images, which do not come with this program"):
        datasets.load_dataset("fashion-mnist", "train")
    for name in ("fashion-mnist-2d", "fashion-mnist-16d"):
        assert load_model_data(open_model(name)) is test  # of the very data that these models were trained on
        assert not has_training_images(open_model(name))


def test_a_damaged_test_set_of_ours_says_how_to_restore_it(tmp_path, fashion):
    images, labels = IDX_NAMES["test"]
    put(tmp_path / "bundled", {images: b"\0" * 40, labels: fashion[labels]}, ".gz")
    with pytest.raises(DatasetError, match="git checkout"):
        datasets.load_dataset("fashion-mnist", "test")
    with pytest.raises(DatasetError, match=r"were not found.*--download"):
        datasets.load_dataset("fashion-mnist", "train")
    for path in (tmp_path / "bundled").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="git checkout"):
        datasets.load_dataset("fashion-mnist", "test")


def test_the_notice_beside_the_test_set_states_authors_licence_and_checksums():
    notice = (fashion_mnist.BUNDLED_FOLDER.parent / "README.md").read_text(encoding="utf-8")
    root = Path(fashion_mnist.__file__).parents[2]
    licence = (root / "LICENSE").read_text(encoding="utf-8")
    permission = licence[licence.rindex("Permission is hereby granted") :]
    assert "explorer/datasets/bundled/FashionMNIST/" in licence
    assert " ".join(permission.split()) in " ".join(notice.split())
    for words in ("Copyright (c) 2017 Zalando SE", "Han Xiao, Kashif Rasul, Roland Vollgraf", "unmodified"):
        assert words in notice
    for name in IDX_NAMES["test"]:
        assert fashion_mnist.CONTENT_SHA256[name] in notice


def test_the_real_fashion_mnist_where_it_is_installed():
    installed = [
        path
        for path in (
            folder.default_data_dir() / "FashionMNIST" / "raw",
            fashion_mnist.DEBIAN_FOLDER,
        )
        if fashion_mnist._find("train", path) and fashion_mnist._find("test", path)
    ]
    if not installed:
        pytest.skip("Fashion-MNIST is not installed")
    for split, n in (("train", 60_000), ("test", 10_000)):
        dataset = datasets.load_dataset("fashion-mnist", split)
        assert dataset.identity == fashion_mnist.TRAIN_SHA256
        assert dataset.images.shape == (n, 1, 28, 28)
        assert torch.bincount(dataset.labels).tolist() == [n // 10] * 10
