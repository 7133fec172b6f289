"""Zip archives of strangers, read entry by entry and never unpacked to disk.

Whatever an archive says of itself is a claim: what counts is counted while reading. One bad
entry is told and passed over; an archive that is bad as a whole is refused.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .kinds import HEAD, TAIL, kind_of
from .text import KNOWN_AS, OF_NAMES, likeliest, normal_form

# Deflate is read in bounded pieces; Python's bzip2 and LZMA readers take a bomb in one.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_CHUNK = 1 << 16
_RATIO_FROM = 1 << 20  # a small file of one value is no bomb, however well it packs
_MAX_DIRECTORY_BYTES = 64 << 20
_ENTRY_SIGNATURE = b"PK\x01\x02"
_ENCRYPTED, _UTF8 = 0x1, 0x800
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\x00", b"BZh")
_ARCHIVE_SUFFIXES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".xz", ".bz2", ".zst")
# What reading a damaged entry can raise; a wrong password or method is a RuntimeError.
_FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)


class ArchiveError(ValueError):
    """An archive is refused as a whole; the message says why, and what to do."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold.

    Attributes:
        entries: entries, folders and ignored ones included.
        total_bytes: unpacked bytes really read, over all entries.
        entry_bytes: unpacked bytes of one entry.
        ratio: unpacked bytes for each packed byte of an entry that unpacks to more than 1 MiB.
    """

    entries: int
    total_bytes: int
    entry_bytes: int
    ratio: float = 200.0


@dataclass(frozen=True)
class Entry:
    """A file in an archive: its content, or a sentence that says why it was not taken.

    Attributes:
        name: relative, with "/" between its parts; only ever to be shown and compared.
        content: all bytes, or None.
        fault: "" where there is content.
        fraction: how far through the archive this entry stands, 0 to 1.
        encoding: in words, that of its name, where it had to be guessed.
    """

    name: str
    content: bytes | None = None
    fault: str = ""
    fraction: float = 1.0
    encoding: str = ""


def read_archive(
    source: Path | BinaryIO | bytes, limits: Limits, wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[Entry]:
    """The files of a zip archive, one at a time and at most one in memory.

    Folders, what `wanted` does not want, names that begin with a dot and what systems leave
    behind (__MACOSX, Thumbs.db) are passed over in silence. Names without the UTF-8 mark are
    read in the encoding that is likeliest for all of them together.

    Args:
        source: a file's path, its bytes, or an open binary file, which stays open.

    Raises:
        ArchiveError: while iterating: it is no zip archive, is cut off, or exceeds `limits`.
    """
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                yield from _read(file, limits, wanted)
        except OSError as error:
            raise ArchiveError(f"{source.name} cannot be read: {error.strerror or error}.") from None
    else:
        yield from _read(io.BytesIO(source) if isinstance(source, bytes) else source, limits, wanted)


def is_archive(start: bytes) -> bool:
    """Whether a file that begins so is an archive of any usual kind."""
    return start.startswith(_ARCHIVES)


def is_safe(name: str) -> bool:
    """Whether a name with "/" between its parts stays within the folder it is relative to."""
    return not (name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/") or "\0" in name)


def is_ignored(name: str) -> bool:
    """Whether a file is what systems leave behind: hidden, or for the system's own use."""
    parts = name.split("/")
    return any((part.startswith(".") and part != ".") or part == "__MACOSX" for part in parts) or parts[-1].lower() in {
        "thumbs.db",
        "desktop.ini",
    }


def _read(file: BinaryIO, limits: Limits, wanted: Callable[[str], bool]) -> Iterator[Entry]:
    with _opened(file, limits) as archive:
        seen: set[str] = set()
        total = 0
        infos = archive.infolist()
        if len(infos) > limits.entries:
            raise ArchiveError(_too_many(limits))
        encoding = _encoding(infos)
        for number, info in enumerate(infos, 1):
            name, guessed = _name(info, encoding)
            if info.is_dir() or name.endswith("/") or (is_safe(name) and (is_ignored(name) or not wanted(name))):
                continue
            content, fault = None, _fault(name, info, limits)
            if not fault and name in seen:
                fault = "The archive has this name twice; the first one was taken."
            if not fault:
                seen.add(name)
                content, count, fault = _content(archive, info, limits, limits.total_bytes - total)
                total += count
            yield Entry(name, content, fault, number / len(infos), guessed)
            del content  # not kept while the next one is read


def _opened(file: BinaryIO, limits: Limits) -> zipfile.ZipFile:
    """The archive with its list of entries read."""
    guard = _Guard(file, limits)
    try:
        archive = zipfile.ZipFile(guard)
    except ArchiveError:
        raise
    except UnicodeDecodeError:
        raise ArchiveError("The archive has a name that is not in the encoding it claims. Pack it anew.") from None
    except _FAULTS:
        raise ArchiveError(_not_an_archive(file)) from None
    guard.opening = False
    return archive


def _content(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits, left: int
) -> tuple[bytes | None, int, str]:
    """An entry's bytes or the fault, and how many bytes were unpacked to see it."""
    most = max(_RATIO_FROM, limits.ratio * info.compress_size)
    content = bytearray()
    try:
        with archive.open(info) as stream:
            while piece := stream.read(_CHUNK):
                content += piece
                if len(content) > left:
                    raise ArchiveError(f"The archive unpacks to more than the {_size(limits.total_bytes)} allowed.")
                if len(content) > limits.entry_bytes:
                    return None, len(content), _too_large(limits)
                if len(content) > most:
                    return None, len(content), "It unpacks to far more than it is packed in, as only a bomb does."
        if len(content) != info.file_size:
            raise zipfile.BadZipFile
    except ArchiveError:
        raise
    except _FAULTS:
        return None, len(content), "It is damaged or cut off within the archive."
    if is_archive(content[:8]):
        kind = kind_of(bytes(content[:HEAD]), bytes(content[-TAIL:]))
        said = f"It is {kind.words}. {kind.advice}".strip() if kind else _NESTED
        return None, len(content), said
    return bytes(content), len(content), ""


_NESTED = "It is an archive within the archive, which is not opened. Unpack it first."


def _fault(name: str, info: zipfile.ZipInfo, limits: Limits) -> str:
    """Why an entry is not even opened; "" where it can be."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if not is_safe(name) or "\0" in info.orig_filename:
        return "Its name points outside of the archive, so it was not read."
    if kind == stat.S_IFLNK:
        return "It is a link to another file, not a file."
    if kind not in (0, stat.S_IFREG):
        return "It is not an ordinary file."
    if info.flag_bits & _ENCRYPTED:
        return "It is encrypted. Pack it without a password."
    if name.lower().endswith(_ARCHIVE_SUFFIXES):
        return _NESTED
    if info.compress_type not in _METHODS:
        return "It is packed by a method that is not read here. Pack it as an ordinary zip (deflate)."
    if info.file_size > limits.entry_bytes:
        return _too_large(limits)
    return ""


def _encoding(infos: list[zipfile.ZipInfo]) -> str:
    """The likeliest encoding of all names without the UTF-8 mark, each folder's counted once."""
    return likeliest((part for info in infos for part in _raw(info).split(b"/")), OF_NAMES) or "cp437"


def _raw(info: zipfile.ZipInfo) -> bytes:
    """A name's bytes where its encoding is not known, else b""; zipfile has read them as code page 437."""
    try:
        return b"" if info.flag_bits & _UTF8 or info.filename.isascii() else info.filename.encode("cp437")
    except UnicodeEncodeError:  # read from a further field, which has it in Unicode
        return b""


def _name(info: zipfile.ZipInfo, encoding: str) -> tuple[str, str]:
    """An entry's name, and in words the encoding that was guessed for it."""
    name, guessed = info.filename, ""
    if raw := _raw(info):
        try:
            name, guessed = raw.decode(encoding), KNOWN_AS.get(encoding, "")
        except UnicodeDecodeError:  # beyond what was looked at, or an archive of two makers
            name = raw.decode("utf-8") if _is_utf8(raw) else name
    # Only now: in Shift-JIS a backslash may be the second half of a letter.
    return normal_form(name).replace("\\", "/").removeprefix("./"), guessed


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _too_large(limits: Limits) -> str:
    return f"It is larger than the {_size(limits.entry_bytes)} allowed for one file."


def _too_many(limits: Limits) -> str:
    return f"The archive has more than the {limits.entries:,} entries allowed."


def _size(count: int) -> str:
    """Bytes in words: 64 MB."""
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def _not_an_archive(file: BinaryIO) -> str:
    file.seek(0)
    if file.read(2) == b"PK":
        return "The archive is damaged or its end is missing, as after an upload or copy that broke off. Pack it anew."
    return "This is not a zip archive."


class _Guard(io.RawIOBase):
    """A file that will not let the list of entries be read where it is beyond all bounds.

    zipfile reads the whole list at once, and makes an object of each entry, before it
    says how many there are.
    """

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._file, self._limits, self.opening = file, limits, True

    def read(self, size: int = -1) -> bytes:
        if self.opening and size > _MAX_DIRECTORY_BYTES:
            raise ArchiveError("The archive's list of its entries is damaged or too long.")
        # Without a size it is the end of the file that is looked at, 64 kB of it.
        content = self._file.read(1 << 17 if self.opening and size < 0 else size)
        if self.opening and content.count(_ENTRY_SIGNATURE) > self._limits.entries:
            raise ArchiveError(_too_many(self._limits))
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
