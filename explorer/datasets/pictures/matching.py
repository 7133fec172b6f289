"""Which row of a table belongs to which picture."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from .table import Table

_FILE_HEADERS = (
    "file",
    "filename",
    "file name",
    "path",
    "file path",
    "image",
    "image path",
    "picture",
    "photo",
    "name",
)
_SEVERAL = -1
_SHOWN = 3


@dataclass(frozen=True)
class Match:
    """A table laid beside the pictures.

    Attributes:
        table: what was matched.
        header: the name of each column, each once.
        file_column: index of the column that names the pictures.
        rows: for each picture its row of the table, or None.
        remarks: sentences on what did not fit, and what was done.
    """

    table: Table
    header: tuple[str, ...]
    file_column: int
    rows: tuple[list[str] | None, ...]
    remarks: tuple[str, ...]

    def cells(self, column: int) -> list[str | None]:
        """The column's cell for each picture; None where the picture has no row."""
        return [None if row is None else row[column] for row in self.rows]


def match(table: Table, names: Sequence[str]) -> Match | None:
    """Finds the column that names the pictures, and each picture's row; None if no column does.

    A cell names a picture by its path, by the end of its path, or without the ending (.png);
    capitals do not matter. A name that fits several pictures fits none.

    Args:
        names: relative paths of the pictures.
    """
    index = _index(names)
    found = [[index.get(_key(row[column])) for row in table.rows] for column in range(table.width)]
    # The header tells between columns that name as many pictures; the values tell before it.
    hits = [sum(picture is not None for picture in column) for column in found]
    likely = [_rank(cell) for cell in table.rows[0]]
    file_column = max(range(table.width), key=lambda column: (hits[column], likely[column], -column))
    if not hits[file_column]:
        return None
    pictures = found[file_column]
    has_header = pictures[0] is None
    rows: list[list[str] | None] = [None] * len(names)
    unknown, several, twice = [], [], []
    for picture, row in list(zip(pictures, table.rows, strict=True))[has_header:]:
        if picture is None:
            unknown.append(row[file_column])
        elif picture == _SEVERAL:
            several.append(row[file_column])
        elif rows[picture] is not None:
            twice.append(row[file_column])
        else:
            rows[picture] = row
    missing = [name for name, row in zip(names, rows, strict=True) if row is None]
    remarks = [
        *table.remarks,
        *_remark(unknown, "row of the table names", "rows of the table name", "no picture that is used; passed over"),
        *_remark(several, "row fits", "rows fit", "several pictures; give more of the path. Passed over"),
        *_remark(twice, "row names", "rows name", "a picture named before; the first row counts"),
        *_remark(missing, "picture has", "pictures have", "no row in the table; its values stay unknown"),
    ]
    if not has_header:
        remarks.append("The table has no header, so its columns are numbered.")
    return Match(table, _header(table, has_header), file_column, tuple(rows), tuple(remarks))


def _index(names: Sequence[str]) -> dict[str, int]:
    """From every way to name a picture to its index, or to `_SEVERAL`. Whole paths win."""
    index: dict[str, int] = {}
    whole = Counter(_key(name) for name in names)
    for number, name in enumerate(names):
        path = _key(name)
        index[path] = number if whole[path] == 1 else _SEVERAL
    for with_ending in (True, False):  # "a.png" names a.png before it could name a.png.jpg
        known = set(index)
        for number, name in enumerate(names):
            parts = _key(name).split("/")
            if not with_ending:
                parts[-1] = PurePosixPath(parts[-1]).stem
            for first in range(len(parts)):
                end = "/".join(parts[first:])
                if end not in known:
                    index[end] = number if index.get(end, number) == number else _SEVERAL
    return index


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().replace("\\", "/").removeprefix("./").lstrip("/").casefold()


def _rank(header: str) -> int:
    plain = header.casefold().replace("_", " ").strip()
    return len(_FILE_HEADERS) - _FILE_HEADERS.index(plain) if plain in _FILE_HEADERS else 0


def _header(table: Table, has_header: bool) -> tuple[str, ...]:
    names: list[str] = []
    for number in range(table.width):
        name = (table.rows[0][number][:60].strip() if has_header else "") or f"column {number + 1}"
        while name in names:
            name += " (again)"
        names.append(name)
    return tuple(names)


def _remark(which: list[str], one: str, many: str, what: str) -> list[str]:
    if not which:
        return []
    shown = ", ".join(f"“{name[:60]}”" for name in which[:_SHOWN]) + (" …" if len(which) > _SHOWN else "")
    return [f"{len(which):,} {one if len(which) == 1 else many} {what} ({shown})."]
