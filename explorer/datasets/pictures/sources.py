"""Where a person's pictures come from: loose files, zips among them, or a folder of this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ...files.archives import ArchiveError, Entry, Limits, is_archive, is_ignored, is_safe, read_archive
from ...files.kinds import kind_of, kind_of_file
from ...files.text import KNOWN_AS, OF_NAMES, likeliest, normal_form
from ..dataset import DatasetError
from .image.square import MAX_FILE_BYTES

MAX_FILES = 200_000
MAX_TABLE_BYTES = 32 << 20
TABLE_SUFFIXES = (".csv", ".tsv")
LIMITS = Limits(entries=MAX_FILES, total_bytes=16 << 30, entry_bytes=MAX_FILE_BYTES)


def is_table(name: str) -> bool:
    """Whether a file is a table of labels, by its name."""
    return name.lower().endswith(TABLE_SUFFIXES)


def origin_of(names: Sequence[str]) -> str:
    """A name for files together: the archive or the folder that they come in; "" for loose ones."""
    paths = [name.replace("\\", "/").removeprefix("./") for name in names]
    archives = [path for path in paths if path.lower().endswith(".zip")]
    if len(archives) == 1:
        return archives[0].rpartition("/")[2][: -len(".zip")]
    tops = {path.partition("/")[0] if "/" in path else "" for path in paths}
    return tops.pop() if len(tops) == 1 else ""


def read_files(files: Sequence[tuple[str, BinaryIO]]) -> Iterator[Entry]:
    """Loose files, and the files within those that are zip archives; one in memory at a time.

    Args:
        files: (name, open binary file) each; a name may hold folders, as a browser sends them.

    Raises:
        DatasetError: an archive is refused as a whole; the message names it.
    """
    for number, (given, file) in enumerate(files):
        name = given.replace("\\", "/").removeprefix("./")
        if not is_safe(name):  # a browser sends no such name
            name = Path(name).name
        if is_ignored(name):
            continue
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(8)
        file.seek(0)
        if start.startswith(b"PK") and (kind := kind_of_file(file)):
            fault = f"It is {kind.words}. {kind.advice}".strip()
            yield Entry(name, None, fault, (number + 1) / len(files))
            continue
        if start.startswith(b"PK"):
            yield from _read_zip(name, file, number, len(files))
            continue
        fraction = (number + 1) / len(files)
        if is_archive(start):
            yield Entry(name, None, "It is an archive, but not a zip. Pack it as a zip.", fraction)
        elif size > MAX_FILE_BYTES:
            yield Entry(name, None, _too_large(), fraction)
        else:
            yield Entry(name, file.read(), "", fraction)


def _read_zip(name: str, file: BinaryIO, number: int, count: int) -> Iterator[Entry]:
    try:
        for entry in read_archive(file, LIMITS):
            yield replace(entry, fraction=(number + entry.fraction) / count)
    except ArchiveError as error:
        raise DatasetError(f"{name} was refused. {error}") from None


def read_folder(folder: Path) -> Iterator[Entry]:
    """The files of a folder of this machine and of the folders in it, in the order of their names.

    Links are not followed, and nothing but ordinary files is opened.

    Raises:
        DatasetError: it is no folder, cannot be listed, or holds too many files.
    """
    try:
        there = folder.is_dir()
    except OSError:  # a name longer than any folder's, or a folder within one that is locked
        there = False
    if not there:
        raise DatasetError(
            f"{str(folder)[:200]} is not a folder of the machine that runs this app. Give its full path."
        )
    names = sorted(_walk(folder))
    raw = (part for name in names for part in os.fsencode(name).split(b"/"))
    encoding = likeliest(raw, OF_NAMES) or "utf-8"
    for number, name in enumerate(names, 1):
        content, fault = None, ""
        try:
            content, fault = _read_file(folder / name)
        except OSError as error:
            fault = f"It cannot be read: {error.strerror or error}."
        shown, guessed = _shown(name, encoding)
        yield Entry(shown, content, fault, number / len(names), guessed)
        del content


def _shown(name: str, encoding: str) -> tuple[str, str]:
    """A name of this machine as text, and in words the encoding that was guessed where it is not UTF-8."""
    guessed = ""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # bytes that are no UTF-8
        name, guessed = os.fsencode(name).decode(encoding, "replace"), KNOWN_AS.get(encoding, "")
    return normal_form(name).replace(os.sep, "/"), guessed


def _walk(folder: Path) -> Iterator[str]:
    """Paths of the files below a folder, relative to it."""

    def refuse(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise DatasetError(f"{folder} cannot be listed: {error.strerror or error}.")

    count = 0
    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not is_ignored(name)]
        for name in files:
            if is_ignored(name):
                continue
            count += 1
            if count > MAX_FILES:
                raise DatasetError(f"{folder} holds more than the {MAX_FILES:,} files allowed.")
            yield os.path.relpath(os.path.join(place, name), folder)


def _read_file(path: Path) -> tuple[bytes | None, str]:
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        return None, "It is a link to another file, which is not followed."
    if not stat.S_ISREG(facts.st_mode):
        return None, "It is not an ordinary file."
    if facts.st_size > MAX_FILE_BYTES:
        return None, _too_large()
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)  # it may grow meanwhile
    if content.startswith(b"PK") and (kind := kind_of(content)):
        return None, f"It is {kind.words}. {kind.advice}".strip()
    if is_archive(content[:8]):
        return None, "It is an archive within the folder, which is not opened. Give it by itself, or unpack it."
    return content, ""


def _too_large() -> str:
    return f"The file is larger than the {MAX_FILE_BYTES >> 20} MB allowed for one."
