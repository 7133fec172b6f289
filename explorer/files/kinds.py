"""Kinds of files that people bring where others are wanted, told by their content and called by name."""

from __future__ import annotations

import os
from typing import BinaryIO, NamedTuple

HEAD, TAIL = 4_096, 65_536
"""Bytes at the start and at the end of a file that tell its kind."""
LFS = b"version https://git-lfs.github.com/spec/"
LFS_ADVICE = "Run “git lfs pull” where it comes from, and bring it again."


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        words: with its article, as "a GIF".
        advice: a sentence on what to do with one; "" where there is nothing special to do.
    """

    words: str
    advice: str = ""


_AS_PICTURES = "Save its pictures as PNG files."
_RESAVE = "Save it as PNG or JPEG."
_AS_CSV = "Save its sheet as CSV, and bring that."
_PICKLE = Kind("a Python pickle, which can run any program and is never opened", _AS_PICTURES)
_STARTS = (
    ((LFS,), Kind("a Git LFS pointer, not the file that it stands for", LFS_ADVICE)),
    ((b"GIF87a", b"GIF89a"), Kind("a GIF", _RESAVE)),
    ((b"BM",), Kind("a BMP", _RESAVE)),
    (
        (b"II*\0\x10\0\0\0CR", b"IIRO", b"IIRS", b"IIU\0", b"FUJIFILMCCD-RAW", b"MMOR"),
        Kind("a camera's raw file", _RESAVE),
    ),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), Kind("a TIFF", _RESAVE)),
    ((b"%PDF",), Kind("a PDF document", _AS_PICTURES)),
    ((b"%!PS",), Kind("a PostScript document")),
    ((b"8BPS",), Kind("a Photoshop document", _RESAVE)),
    ((b"gimp xcf",), Kind("a GIMP document", _RESAVE)),
    ((b"\0\0\1\0",), Kind("an icon (ICO)", _RESAVE)),
    ((b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51"), Kind("a JPEG 2000", _RESAVE)),
    ((b"\xff\x0a", b"\0\0\0\x0cJXL "), Kind("a JPEG XL", _RESAVE)),
    (
        (b"P1\n", b"P2\n", b"P3\n", b"P4\n", b"P5\n", b"P6\n", b"P5 ", b"P6 "),
        Kind("a Netpbm picture (PGM or PPM)", _RESAVE),
    ),
    ((b"v/1\1",), Kind("an OpenEXR picture", _RESAVE)),
    ((b"#?RADIANCE",), Kind("a Radiance HDR picture", _RESAVE)),
    ((b"SIMPLE  =",), Kind("a FITS file", _RESAVE)),
    ((b"\x93NUMPY",), Kind("a NumPy array (.npy)", _AS_PICTURES)),
    ((b"\x89HDF\r\n\x1a\n",), Kind("an HDF5 file", _AS_PICTURES)),
    ((b"MATLAB ",), Kind("a MATLAB file", _AS_PICTURES)),
    ((b"PAR1",), Kind("a Parquet table", "Save it as CSV, and bring that.")),
    ((b"\0\0\x08\1", b"\0\0\x08\3"), Kind("an IDX file, as MNIST's are", _AS_PICTURES)),
    ((b"\xd0\xcf\x11\xe0",), Kind("an old Office document (.xls, .doc)", _AS_CSV)),
    ((b"{\\rtf",), Kind("a text document (RTF)")),
    ((b"\x1a\x45\xdf\xa3",), Kind("a film (Matroska or WebM)")),
)
_HEIF = {b"avif": "an AVIF", b"avis": "an AVIF", b"crx ": "a camera's raw file"}
_HEIC = (b"heic", b"heix", b"heim", b"mif1", b"msf1", b"hevc")
_ZIPS = (
    ((b"xl/workbook.xml", b"xl/workbook.bin"), Kind("an Excel workbook (.xlsx)", _AS_CSV)),
    ((b"word/document.xml",), Kind("a Word document (.docx)")),
    ((b"ppt/presentation.xml",), Kind("a PowerPoint presentation (.pptx)")),
    ((b"data.pkl",), Kind("a PyTorch file, which holds a Python pickle and is never opened", _AS_PICTURES)),
)


def kind_of(content: bytes, tail: bytes = b"") -> Kind | None:
    """The kind of a file; None where it is none of those known here.

    Args:
        content: the whole file, or its start of `HEAD` bytes; then
        tail: its last `TAIL` bytes.
    """
    head = content[:HEAD]
    if head.startswith(b"PK"):
        return _zip(head, tail or content[-TAIL:])
    if head[4:8] == b"ftyp":
        return _ftyp(head[8:12])
    for starts, kind in _STARTS:
        if head.startswith(starts):
            return kind
    if head[128:132] == b"DICM":
        return Kind("a DICOM file", _RESAVE)
    if head[344:348] in (b"n+1\0", b"ni1\0"):
        return Kind("a NIfTI volume", "Save its slices as PNG files.")
    if head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return _PICKLE
    return _text(head)


def kind_of_file(file: BinaryIO) -> Kind | None:
    """As `kind_of`, of an open file, which is left at its start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL))
    tail = file.read(TAIL)
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    return kind_of(head, tail)


def _ftyp(brand: bytes) -> Kind:
    if brand in _HEIC:
        return Kind("a HEIC, as telephones take", _RESAVE)
    return Kind(_HEIF[brand], _RESAVE) if brand in _HEIF else Kind("a film (MP4 or QuickTime)", _AS_PICTURES)


def _zip(head: bytes, tail: bytes) -> Kind | None:
    """The kind of document that a zip is beside an archive of files, by the list of its entries."""
    names = _entries(tail)
    for wanted, kind in _ZIPS:
        if any(name in wanted or (b"data.pkl" in wanted and name.endswith(b"/data.pkl")) for name in names):
            return kind
    if b"mimetypeapplication/vnd.oasis.opendocument" in head[:200]:
        return Kind("an OpenDocument file (.ods, .odt)", _AS_CSV)
    if names and all(name.endswith(b".npy") for name in names):
        return Kind("a NumPy archive (.npz)", _AS_PICTURES)
    return None


def _entries(tail: bytes) -> list[bytes]:
    """The names in the list at the end of a zip; [] where it is longer than what is looked at."""
    end = tail.rfind(b"PK\5\6")
    at = end - int.from_bytes(tail[end + 12 : end + 16], "little")
    names: list[bytes] = []
    while 0 <= at < end and tail[at : at + 4] == b"PK\1\2":
        name, extra, comment = (int.from_bytes(tail[at + k : at + k + 2], "little") for k in (28, 30, 32))
        names.append(tail[at + 46 : at + 46 + name])
        at += 46 + name + extra + comment
    return names


def _text(head: bytes) -> Kind | None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    lowered = text[:1000].lower()
    if lowered.startswith(b"<svg") or (
        lowered.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in lowered
    ):
        return Kind("an SVG drawing, which has no pixels", _RESAVE)
    if lowered.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return Kind("a web page (HTML), not a picture", "The address may lead to a page about the picture.")
    if lowered.startswith(b"<") and b">" in lowered:
        return Kind("an XML file")
    if text[:1] in (b"{", b"[") and _is_text(head):
        return Kind("a JSON file")
    return Kind("a text file") if len(head) > 3 and _is_text(head) and b"\n" in head else None


def _is_text(head: bytes) -> bool:
    """Whether a start is UTF-8 without control characters; a letter may be cut at its end."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter in "\t\r\n\ufeff" for letter in text)
