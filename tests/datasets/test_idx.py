"""The idx parser: every fault in a file is an error with words."""

import gzip
import struct
import tracemalloc
from pathlib import Path

import pytest
import torch

from explorer.datasets.dataset import DatasetError
from explorer.datasets.idx import read_idx
from tests.helpers.idx_files import idx_bytes


@pytest.fixture
def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (5, 4, 3), generator=generator, dtype=torch.uint8)


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "values.idx"


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


@pytest.mark.parametrize("magic", [b"\0\0\x08\x01", b"\0\0\x09\x03", b"\0\1\x08\x03", b"\x1f\x8b\x08\x08"])
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


@pytest.mark.parametrize("sizes", [(2**32 - 1,) * 3, (0, 28, 28), (60_000, 0, 28), (2**31, 2**31, 4)])
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
