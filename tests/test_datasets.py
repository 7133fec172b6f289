"""Data sets: what is loaded, and what is said when it cannot be."""

import gzip
import hashlib
import os
import pickle
import struct
import sys
import tracemalloc
from pathlib import Path

import pytest
import torch

from explorer import datasets
from explorer.datasets import digits, fashion_mnist, folder, mnist
from explorer.datasets.dataset import Dataset, DatasetError
from explorer.datasets.idx import read_idx
from explorer.datasets.verified import IDX_NAMES


def idx_bytes(values: torch.Tensor) -> bytes:
    """Writes an idx file the long way round, as an oracle for the reader."""
    header = struct.pack(">HBB", 0, 0x08, values.ndim)
    header += b"".join(struct.pack(">I", size) for size in values.shape)
    return header + bytes(values.flatten().tolist())


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (5, 4, 3), generator=generator, dtype=torch.uint8)


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "values.idx"


# The parser


@pytest.mark.parametrize("name", ["values.idx", "values.idx.gz"])
@pytest.mark.parametrize("shape", [(7,), (2, 3), (5, 4, 3), (2, 1, 3, 2)])
def test_idx_gives_back_what_was_written(tmp_path, name, shape):
    values = torch.arange(torch.Size(shape).numel()).mul(37).remainder(256)
    values = values.to(torch.uint8).reshape(shape)
    raw = idx_bytes(values)
    path = tmp_path / name
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    found, content = read_idx(path, dims=len(shape))
    assert found.dtype == torch.uint8
    assert torch.equal(found, values)
    assert bytes(content) == raw


def test_every_truncation_is_an_error(file, images):
    raw = idx_bytes(images)
    for length in range(len(raw)):
        file.write_bytes(raw[:length])
        with pytest.raises(DatasetError, match="cut short"):
            read_idx(file, dims=3)


def test_every_truncation_of_gzip_is_an_error(tmp_path, images):
    packed = gzip.compress(idx_bytes(images))
    path = tmp_path / "values.gz"
    for length in range(len(packed)):
        path.write_bytes(packed[:length])
        with pytest.raises(DatasetError, match=r"values\.gz"):
            read_idx(path, dims=3)


def test_a_flipped_bit_in_gzip_never_gives_other_values(tmp_path, images):
    packed = gzip.compress(idx_bytes(images))
    path = tmp_path / "values.gz"
    for place in range(len(packed)):
        damaged = bytearray(packed)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        try:
            found, _ = read_idx(path, dims=3)
        except DatasetError:
            continue
        assert torch.equal(found, images)  # gzip's own header: no matter


@pytest.mark.parametrize(
    "magic", [b"\0\0\x08\x01", b"\0\0\x09\x03", b"\0\1\x08\x03", b"\x1f\x8b\x08\x08"]
)
def test_another_magic_number_is_an_error(file, images, magic):
    file.write_bytes(magic + idx_bytes(images)[4:])
    with pytest.raises(DatasetError, match=f"0x{magic.hex()}.*0x00000803"):
        read_idx(file, dims=3)


def test_trailing_bytes_are_an_error(tmp_path, file, images):
    file.write_bytes(idx_bytes(images) + b"\0")
    with pytest.raises(DatasetError, match="goes on after the 76 bytes"):
        read_idx(file, dims=3)
    packed = tmp_path / "values.gz"
    packed.write_bytes(gzip.compress(idx_bytes(images)) + b"more")
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        read_idx(packed, dims=3)


@pytest.mark.parametrize(
    "sizes", [(2**32 - 1,) * 3, (0, 28, 28), (60_000, 0, 28), (2**31, 2**31, 4)]
)
def test_absurd_dimensions_are_refused_before_memory_is_taken(file, sizes):
    file.write_bytes(struct.pack(">HBB3I", 0, 8, 3, *sizes))
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="states the dimensions"):
            read_idx(file, dims=3)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_the_bound_on_values_is_exact(file, images):
    file.write_bytes(idx_bytes(images))
    assert read_idx(file, dims=3, max_values=60)[0].shape == images.shape
    with pytest.raises(DatasetError, match="between 1 and 59 values"):
        read_idx(file, dims=3, max_values=59)


def test_a_gzip_bomb_takes_no_memory(tmp_path, images):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(idx_bytes(images))
        for _ in range(64):
            stream.write(bytes(1024 * 1024))
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="goes on after"):
            read_idx(path, dims=3)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_what_is_not_a_file_or_not_gzip_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match=r"absent\.gz cannot be read: No such file"):
        read_idx(tmp_path / "absent.gz", dims=3)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_idx(tmp_path, dims=3)
    path = tmp_path / "page.gz"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(DatasetError, match="cannot be unpacked: Not a gzipped file"):
        read_idx(path, dims=3)


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
    assert datasets.load_dataset("mnist", "test") is datasets.load_dataset(
        "mnist", "test"
    )


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
def test_a_damaged_bundled_file_is_named_with_both_checksums(
    tmp_path, monkeypatch, place
):
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


# Digits


def test_digits_are_those_of_scikit_learn_split_in_two():
    from sklearn.datasets import load_digits

    source = load_digits()
    train, test = (
        datasets.load_dataset("digits", split) for split in ("train", "test")
    )
    assert train.images.shape == (1437, 1, 8, 8)
    assert test.images.shape == (360, 1, 8, 8)
    rows = []
    for part in (train, test):
        sixteenths = (part.images.squeeze(1).double() / 255 * 16).round()
        assert set(part.images.unique().tolist()) == {
            round(value * 255 / 16) for value in range(17)
        }
        rows += [
            (*image.flatten().tolist(), label)
            for image, label in zip(sixteenths, part.labels.tolist(), strict=True)
        ]
    expected = [
        (*image.flatten().tolist(), int(label))
        for image, label in zip(source.images, source.target, strict=True)
    ]
    assert sorted(rows) == sorted(expected)


def test_digits_split_is_stratified_and_always_the_same():
    train, test = (
        datasets.load_dataset("digits", split) for split in ("train", "test")
    )
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


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    digits._load.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DatasetError, match="pip install"):
        datasets.load_dataset("digits")


# Fashion-MNIST, with files made up and the table of checksums to match


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


def test_fashion_missing_names_three_ways_and_downloads_nothing(
    tmp_path, fashion, monkeypatch
):
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


def test_fashion_is_downloaded_only_when_asked_and_only_when_missing(
    tmp_path, fashion, monkeypatch
):
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
    with pytest.raises(
        DatasetError, match=r"the network is down\. Check.*try again.*Debian"
    ):
        datasets.load_dataset("fashion-mnist", download=True)


def test_a_download_that_leaves_nothing_is_an_error(fashion, monkeypatch):
    import torchvision

    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", lambda *a, **k: None)
    with pytest.raises(DatasetError, match="was not found"):
        datasets.load_dataset("fashion-mnist", download=True)


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
        assert dataset.images.shape == (n, 1, 28, 28)
        assert torch.bincount(dataset.labels).tolist() == [n // 10] * 10


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
    for path in mnist.FOLDER.iterdir():
        assert path.stat().st_mode & 0o111 == 0
