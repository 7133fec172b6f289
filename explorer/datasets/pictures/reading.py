"""Pictures read one at a time into a spool on disk, with what was skipped and why."""

from __future__ import annotations

import hashlib
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...files.archives import Entry
from ...files.table import Table, TableError, read_table
from ..dataset import DatasetError
from .image.colour import has_colour, settle_channels
from .image.rendition import Renditions
from .image.square import NOTES, SIZES, PictureError, square
from .labelling.matching import Match, match
from .sources import MAX_TABLE_BYTES, is_table
from .spool import open_spool

FEWEST = 20
MOST = 100_000
MOST_BYTES = 2 << 30
MOST_TABLES = 8
MOST_SKIPPED = 10_000
"""Further skipped files are only counted."""


@dataclass
class Reading:
    """What was read: pictures as they will be used, not yet labelled or saved.

    Attributes:
        size, channels: of every picture.
        names: of the pictures, in the order read; relative paths with "/".
        notes: how many pictures had what done to them; keys of `NOTES`.
        skipped: (name, reason) of what was not taken; `skipped_count` counts them all.
        matches: the tables that came along, laid beside the pictures.
        copies: how many pictures are an exact copy, byte for byte, of one before.
        coloured: how many have colour, of those that are read in colour.
        settled: a sentence on why they are kept in colour or as grey, where nobody said which.
        spool: the pixels, one picture after another; without a name on disk, gone when closed.
        renditions: of those pictures that can be shown in more than one way.
        encodings: those in which names of files were read, where they had to be guessed.
    """

    size: int
    channels: int
    spool: BinaryIO
    names: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    skipped_count: int = 0
    matches: list[Match] = field(default_factory=list)
    copies: int = 0
    coloured: int = 0
    settled: str = ""
    renditions: Renditions | None = None
    encodings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        weakref.finalize(self, self.spool.close)  # when the visit that read it ends

    def __len__(self) -> int:
        return len(self.names)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a picture."""
        return self.channels, self.size, self.size

    @property
    def picture_bytes(self) -> int:
        return self.channels * self.size**2

    def pictures(self, rows: Iterable[int]) -> np.ndarray:
        """Some of the pictures, uint8 (rows, channels, size, size)."""
        parts = []
        for row in rows:
            self.spool.seek(row * self.picture_bytes)
            parts.append(np.frombuffer(self.spool.read(self.picture_bytes), np.uint8))
        return np.stack(parts).reshape(-1, *self.shape) if parts else np.zeros((0, *self.shape), np.uint8)

    def remarks(self) -> list[str]:
        """Sentences on what was done to the pictures."""
        said = [f"{_pictures(self.notes[key])} {words}." for key, words in NOTES.items() if self.notes[key]]
        if self.renditions is not None and self.notes["stretched"]:
            low, high = self.renditions.low, self.renditions.high
            more = f"stretched to 8: {low:,} became black, {high:,} white ({high.bit_length()} bits)."
            said = [sentence.replace("stretched to 8.", more) for sentence in said]
        if self.encodings:
            said.append(f"Names of files and folders were read as {', '.join(self.encodings)}.")
        if self.settled:
            said.insert(0, self.settled)
        if self.copies:
            said.append(
                f"{_pictures(self.copies)} came more than once; a copy may fall into the training and the test part."
            )
        return said

    def render(self, *, stretched: bool | None = None, paper: int | None = None) -> None:
        """Shows the pictures of 16 bits and those with transparent parts in another way.

        Args:
            stretched: whether the range that the set uses is stretched over all greys; None for
                where that is a small part.
            paper: a grey for what lies under transparent parts; None for white, or black under
                what would not be seen on it.

        Raises:
            DatasetError: the disk is full.
        """
        if self.renditions is not None:
            self.renditions.stretched, self.renditions.paper = stretched, paper
            for key in ("deep", "stretched", "transparent", "dark paper"):
                del self.notes[key]
            try:
                self.notes.update(self.renditions.render(self.spool, self.size, self.channels))
                self.spool.flush()
            except OSError as error:
                raise DatasetError(f"The pictures could not be shown so: {error.strerror or error}.") from None

    def skip(self, name: str, reason: str) -> None:
        self.skipped_count += 1
        if len(self.skipped) < MOST_SKIPPED:
            self.skipped.append((name, reason))


def read_pictures(
    entries: Iterable[Entry],
    size: int,
    channels: int | None,
    *,
    progress: Callable[[float, int, int], None] = lambda fraction, used, skipped: None,
    data_dir: Path | str | None = None,
) -> Reading:
    """Reads pictures and tables from a source, with one file in memory at a time.

    Args:
        entries: what `read_files` or `read_folder` yields.
        size: pixels a side, one of `SIZES`.
        channels: 1 for grey, 3 for colour, None for colour where there is any.
        progress: told the fraction read, and how many were used and skipped so far.
        data_dir: where the spool is kept meanwhile; the data folder if None.

    Raises:
        DatasetError: the source is refused, there are too few or too many pictures, or the
            disk is full.
    """
    if size not in SIZES or channels not in (1, 3, None):
        raise DatasetError(f"Pictures have {', '.join(map(str, SIZES))} pixels a side and 1 or 3 channels.")
    reading = Reading(size, channels or 3, open_spool(data_dir))
    reading.renditions = Renditions(open_spool(data_dir))
    most = min(MOST, MOST_BYTES // reading.picture_bytes)
    seen: set[bytes] = set()
    tables: list[Table] = []
    try:
        for entry in entries:
            if entry.content is None:
                reading.skip(entry.name, entry.fault)
            elif is_table(entry.name):
                _take_table(reading, tables, entry.name, entry.content)
            elif len(reading) == most:
                raise DatasetError(f"There are more than the {most:,} pictures of this size that a set may hold.")
            else:
                _take_picture(reading, entry.name, entry.content, seen)
            if entry.encoding and entry.encoding not in reading.encodings:
                reading.encodings.append(entry.encoding)
            progress(entry.fraction, len(reading), reading.skipped_count)
        reading.render()
        if channels is None:
            settle_channels(reading)
        reading.spool.flush()
    except BaseException as error:
        reading.spool.close()
        if isinstance(error, OSError):
            raise DatasetError(f"The pictures could not be read: {error.strerror or error}.") from None
        raise
    if len(reading) < FEWEST:
        reading.spool.close()
        raise DatasetError(_too_few(reading))
    for table in tables:
        if found := match(table, reading.names):
            reading.matches.append(found)
        else:
            reading.skip(table.name, "No column of the table names the pictures, so it says nothing of them.")
    return reading


def _take_picture(reading: Reading, name: str, content: bytes, seen: set[bytes]) -> None:
    try:
        done = square(content, reading.size, reading.channels)
    except PictureError as error:
        reading.skip(name, str(error))
        return
    digest = hashlib.sha256(content).digest()
    reading.copies += digest in seen
    reading.coloured += has_colour(done.looks)
    seen.add(digest)
    reading.spool.write(done.pixels.tobytes())
    if done.raw is not None and reading.renditions is not None:
        reading.renditions.add(len(reading), done.raw, done.extrema)
    reading.names.append(name)
    reading.notes.update(done.notes)


def _take_table(reading: Reading, tables: list[Table], name: str, content: bytes) -> None:
    if len(content) > MAX_TABLE_BYTES:
        reading.skip(name, f"The table is larger than the {MAX_TABLE_BYTES >> 20} MB allowed.")
    elif len(tables) == MOST_TABLES:
        reading.skip(name, f"Only the first {MOST_TABLES} tables are looked at.")
    else:
        try:
            tables.append(read_table(name, content))
        except TableError as error:
            reading.skip(name, str(error))


def _too_few(reading: Reading) -> str:
    count = {0: "There is no picture", 1: "There is only one picture"}.get(
        len(reading), f"There are only {len(reading)} pictures"
    )
    sentence = f"{count} that can be used; at least {FEWEST} are needed."
    if reading.skipped:
        few = [f"{name}: {reason}" for name, reason in reading.skipped[:3]]
        more = reading.skipped_count - len(few)
        sentence += " Skipped: " + " ".join(few) + (f" And {more:,} more." if more else "")
    return sentence


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"
