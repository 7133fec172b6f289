"""The picture that a cell of a table names, found by its path, its end, another ending or a number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ....files.text import normal_form

SEVERAL = -1
_DEEPEST = 12  # parts of a path that are compared, from its end
_LONGEST = 4_096  # letters of a path; a longer cell is none
_ENDINGS = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "jpe",
        "webp",
        "tif",
        "tiff",
        "bmp",
        "gif",
        "heic",
        "heif",
        "avif",
        "jp2",
        "pgm",
        "ppm",
        "dcm",
        "npy",
        "raw",
        "dng",
    ]
)
_WHOLE_NUMBER = re.compile(r"([0-9]{1,18})(?:\.0{1,18})?")
_NUMBERED = re.compile(r"([^0-9]{0,200})([0-9]{1,18})")
EXACT, END, ENDING, NUMBER = range(4)
"""Ways in which a cell names its picture: by its path or the end of it; by the end of a longer path; with
another ending; by number."""


@dataclass(frozen=True)
class Hit:
    """The picture that a cell names, `SEVERAL` where it names more than one.

    Attributes:
        how: EXACT, END, ENDING or NUMBER.
        depth: parts of the paths that are alike; 0 where it is EXACT.
    """

    picture: int
    how: int
    depth: int


class Index:
    """Every way to name a picture."""

    def __init__(self, names: Sequence[str]) -> None:
        """Whole paths win: "a.png" names a.png before it could name a.png.jpg."""
        self._ends: dict[str, int] = {}
        self._stems: dict[str, int] = {}
        keys = [_key(name) for name in names]
        whole = Counter(keys)
        for number, path in enumerate(keys):
            self._ends[path] = number if whole[path] == 1 else SEVERAL
        for index, strip in ((self._ends, False), (self._stems, True)):
            known = set(self._ends)
            for number, path in enumerate(keys):
                for end in _ends(_without_ending(path) if strip else path):
                    if end not in known:
                        index[end] = number if index.get(end, number) == number else SEVERAL
        self._numbers = _numbers(keys)

    def hits(self, cells: Sequence[str]) -> list[Hit | None]:
        """The picture that each cell of a column names.

        Numbers name pictures only where nearly every cell below the first that has no other hit is
        one, none of them twice, and half of those cells, or of the pictures, are found.
        """
        keys = {cell: _key(cell) for cell in set(cells) if cell and len(cell) <= _LONGEST}
        named = {cell: self._named(key) for cell, key in keys.items()}
        hits = [named.get(cell) for cell in cells]
        rest = [cell for cell, hit in zip(cells[1:], hits[1:], strict=True) if hit is None and cell]
        numbers = {cell: _number(keys.get(cell, "")) for cell in rest}
        values = [numbers[cell] for cell in rest if numbers[cell] is not None]
        if not rest or len(values) < 0.9 * len(rest) or len(set(values)) < len(values):
            return hits
        found = {
            cell: Hit(self._numbers[number], NUMBER, 1)
            for cell, number in numbers.items()
            if number is not None and number in self._numbers
        }
        first = _number(keys.get(cells[0], ""))
        if first is not None and first in self._numbers and first not in values:
            found.setdefault(cells[0], Hit(self._numbers[first], NUMBER, 1))  # there is no header
        if 2 * len(found) < min(len(rest), len(self._numbers)):
            return hits
        return [hit or found.get(cell) for cell, hit in zip(cells, hits, strict=True)]

    def _named(self, key: str) -> Hit | None:
        ends = list(_ends(key))
        if not ends:
            return None
        for index in (self._ends, self._stems):
            if (picture := index.get(key)) is not None:
                return Hit(picture, EXACT, 0)
        stems = list(_ends(_without_ending(key))) if _ending(key) in _ENDINGS else []
        for how, index, parts in ((END, self._ends, ends[1:]), (ENDING, self._stems, stems)):
            for number, end in enumerate(parts):  # the longest first
                if (picture := index.get(end)) is not None:
                    return Hit(picture, how, len(parts) - number)
        return None


def _numbers(keys: Sequence[str]) -> dict[int, int]:
    """From the number that a picture's name is, or ends in after what all names begin with, to its index."""
    parts = [_NUMBERED.fullmatch(_without_ending(key).rpartition("/")[2]) for key in keys]
    if len({part[1] for part in parts if part}) > 1:
        parts = [part if part and not part[1] else None for part in parts]
    index: dict[int, int] = {}
    for number, part in enumerate(parts):
        if part:
            value = int(part[2])
            index[value] = number if index.get(value, number) == number else SEVERAL
    return index


def _number(key: str) -> int | None:
    """The whole number that a cell is, 7.0 and 7.jpg among them."""
    found = _WHOLE_NUMBER.fullmatch(_without_ending(key) if _ending(key) in _ENDINGS else key)
    return int(found[1]) if found else None


def _ends(key: str) -> Iterable[str]:
    """The ends of a path, the longest first."""
    parts = key.split("/")[-_DEEPEST:] if key else []
    return ("/".join(parts[first:]) for first in range(len(parts)))


def _ending(key: str) -> str:
    return PurePosixPath(key.rpartition("/")[2]).suffix[1:]


def _without_ending(key: str) -> str:
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}{PurePosixPath(name).stem}"


def _key(name: str) -> str:
    return normal_form(name).strip().replace("\\", "/").removeprefix("./").lstrip("/").casefold()
