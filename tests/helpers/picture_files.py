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


def deep_png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, from values (height, width, 1 to 4)."""
    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in values))
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
    "notes.xml": (b'<?xml version="1.0"?>\n<annotation><object/></annotation>', "an XML file"),
    "kept.svgz.png": (b"<!-- drawn by hand -->\n<svg/>", "SVG drawing"),
    "about.json": (b'\xef\xbb\xbf{"images": []}', "a JSON file"),
    "read me.txt": ("Größen in µm\nund so fort\n".encode(), "a text file"),
    "pointer.png": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "a Git LFS pointer, not the file that it stands for; PNG, JPEG and WebP are read. Run “git lfs pull”",
    ),
    "scan.dcm": (bytes(128) + b"DICM" + bytes(40), "a DICOM file"),
    "layers.psd": (b"8BPS\0\1" + bytes(40), "a Photoshop document"),
    "camera.cr2": (b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "a camera's raw file"),
    "array.npy": (b"\x93NUMPY\1\0" + bytes(40), "a NumPy array"),
    "digits.pkl": (b"\x80\x04\x95" + bytes(40), "a Python pickle, which can run any program and is never opened"),
    "cells.h5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
    "film.mp4": (b"\0\0\0\x18ftypisom" + bytes(40), "a film"),
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
BAD |= {
    "labels.xlsx": (zipped({"docProps/app.xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), "an Excel workbook (.xlsx)"),
    "arrays.npz": (zipped({"images.npy": b"\x93NUMPY", "labels.npy": b"\x93NUMPY"}), "a NumPy archive (.npz)"),
    "weights.pt": (zipped({"net/data.pkl": b"\x80\2", "net/version": b"3"}), "a PyTorch file"),
    "letter.docx": (zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}), "a Word document"),
}
"""Files that are no picture to be used, each with words of the sentence that says so."""
