"""Pictures made for tests, as bytes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def solid(colour="red", size=(40, 40), mode: str = "RGB", kind: str = "PNG", **options) -> bytes:
    return encoded(Image.new(mode, size, colour), kind, **options)


def noise(seed: int, size: int = 40) -> bytes:
    """A colour picture like no other."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels))


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def claims(width: int, height: int, body: bytes | None = None) -> bytes:
    """A PNG whose header claims a size that its few bytes do not have."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(64)) if body is None else body
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


BAD = {
    "drawing.png": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawing"),
    "page.png": (b"<!DOCTYPE html><html><script>alert(1)</script>", "web page (HTML)"),
    "text.jpg": (b"hello", "not a picture"),
    "empty.png": (b"", "empty"),
    "old.gif": (b"GIF89a" + bytes(20), "a GIF"),
    "old.bmp": (solid(kind="BMP"), "a BMP"),
    "scan.png": (solid(kind="TIFF"), "a TIFF"),
    "phone.jpg": (b"\0\0\0\x18ftypheic" + bytes(40), "a HEIC"),
    "new.png": (b"\0\0\0\x18ftypavif" + bytes(40), "an AVIF"),
    "paper.png": (b"%PDF-1.7" + bytes(40), "a PDF"),
    "cut.png": (noise(0)[:2000], "cut off"),
    "cut.jpg": (encoded(Image.open(io.BytesIO(noise(0))), "JPEG")[:700], "cut off"),
    "cut.webp": (encoded(Image.open(io.BytesIO(noise(0))), "WEBP")[:300], "cannot be"),
    "head.png": (noise(0)[:20], "header cannot be read"),
    "torn.png": (claims(40, 40, b"\xff" * 200), "cannot be decoded"),
    "line.png": (solid(size=(1, 10_000)), "too long and thin for a square: 1×10,000"),
    "bomb.png": (claims(60_000, 60_000), "far more pixels"),
    "big.png": (claims(6_000, 5_000), "6,000×5,000 pixels; 25 million are allowed"),
}
"""Files that are no picture to be used, each with words of the sentence that says so."""
