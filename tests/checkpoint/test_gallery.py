"""A gallery beside a model: an exact round trip, and a sentence for every bad one."""

from __future__ import annotations

import contextlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from explorer.checkpoint.gallery import Gallery, load_gallery, save_gallery
from explorer.checkpoint.weights import CheckpointError

SHAPE = (1, 4, 6)


def gallery_of(count: int, shape: tuple[int, int, int] = SHAPE) -> Gallery:
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(256, (count, *shape), generator=generator, dtype=torch.uint8)
    return Gallery(images, torch.arange(count) % 3, ("a", "b", "ü"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_gallery(tmp_path, gallery_of(50))
    return tmp_path


def refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"gallery\.(json|png)") as error:
        load_gallery(folder, SHAPE)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("count", [1, 39, 40, 41, 100])
@pytest.mark.parametrize("shape", [SHAPE, (3, 5, 4)])
def test_round_trip_is_exact(tmp_path: Path, count: int, shape: tuple[int, int, int]) -> None:
    saved = gallery_of(count, shape)
    save_gallery(tmp_path, saved)
    opened = load_gallery(tmp_path, shape)
    assert opened is not None
    assert torch.equal(opened.images, saved.images)
    assert torch.equal(opened.labels, saved.labels) and opened.classes == saved.classes


def test_the_sheet_is_a_picture_of_the_images_in_reading_order(folder: Path) -> None:
    sheet, images = np.asarray(Image.open(folder / "gallery.png")), gallery_of(50).images
    assert sheet.shape == (2 * 4, 40 * 6)
    np.testing.assert_array_equal(sheet[0:4, 6:12], images[1, 0])
    np.testing.assert_array_equal(sheet[4:8, 0:6], images[40, 0])


def test_no_gallery_is_none(tmp_path: Path) -> None:
    assert load_gallery(tmp_path, SHAPE) is None


@pytest.mark.parametrize("file", ["gallery.png", "gallery.json"])
def test_half_a_gallery_is_refused(folder: Path, file: str) -> None:
    (folder / file).unlink()
    refused(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"labels": []},
        {"labels": [0] * 10_001},
        {"labels": [0] * 200},
        {"labels": [-1] * 50},
        {"labels": [3] * 50},
        {"labels": [10**30]},
        {"labels": [[0, 1], [1, 2]]},
        {"labels": "0123"},
        {"labels": None},
        {"columns": 0},
        {"columns": 10**9},
        {"columns": 1e999},
        {"columns": 20},
        {"columns": None},
        {"classes": []},
        {"classes": 3},
        {"image_shape": [1, 6, 4]},
        {"image_shape": [1, 10**9, 10**9]},
        {"image_shape": 3},
    ],
)
def test_an_index_that_does_not_fit_is_refused(folder: Path, values: dict) -> None:
    index = folder / "gallery.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), **values}))
    refused(folder)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 200_000, b'{"labels": ' + b"9" * 5_000 + b"}"]
)
def test_an_index_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / "gallery.json").write_bytes(content)
    refused(folder)


def test_a_damaged_sheet_is_refused(folder: Path) -> None:
    sheet = folder / "gallery.png"
    whole = sheet.read_bytes()
    for length in range(0, len(whole) - 20, 97):
        sheet.write_bytes(whole[:length])
        refused(folder)
    for index in range(0, 120):  # the header and the first chunks
        sheet.write_bytes(whole[:index] + bytes([whole[index] ^ 0x3C]) + whole[index + 1 :])
        with contextlib.suppress(CheckpointError):  # anything else would be raised
            load_gallery(folder, SHAPE)


def test_another_format_behind_the_name_is_refused(folder: Path) -> None:
    Image.open(folder / "gallery.png").save(folder / "gallery.png", "BMP")
    refused(folder)


def test_a_decompression_bomb_is_refused_before_a_pixel_is_read(folder: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    for side in (9_000, 60_000, 2**31 - 1):
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
        (folder / "gallery.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
        refused(folder)
