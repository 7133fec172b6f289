"""Which row of a table belongs to which picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....files.table import Table
from .finding import END, ENDING, NUMBER, SEVERAL, Hit, Index

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
    "id",
    "image id",
    "index",
    "number",
)
_SHOWN = 3
_SAMPLE = 400_000  # cells looked at to find the column that names the pictures


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
    capitals do not matter. Where that finds none, the longest end that a longer path has in
    common with a picture's, another ending of pictures (.jpg) and a number (7 for 000007.png)
    are tried. A name that fits several pictures fits none.

    Args:
        names: relative paths of the pictures.
    """
    index = Index(names)
    file_column = _file_column(table, index)
    if file_column is None:
        return None
    cells = [row[file_column] for row in table.rows]
    hits = index.hits(cells)
    has_header = hits[0] is None
    rows: list[list[str] | None] = [None] * len(names)
    unknown, several, twice = [], [], []
    found: dict[int, list[tuple[str, str]]] = {END: [], ENDING: [], NUMBER: []}
    best = _best(hits, cells)
    for hit, row in list(zip(hits, table.rows, strict=True))[has_header:]:
        cell = row[file_column]
        if hit is None:
            if any(row):
                unknown.append(cell)
        elif hit.picture == SEVERAL or (hit.how and best[hit.picture] != (hit.how, -hit.depth, cell)):
            several.append(cell)
        elif rows[hit.picture] is not None:
            twice.append(cell)
        else:
            rows[hit.picture] = row
            if hit.how in found:
                found[hit.how].append((cell, names[hit.picture]))
    missing = [name for name, row in zip(names, rows, strict=True) if row is None]
    remarks = [
        *table.remarks,
        *_found(found[END], "by the end of its path", "by the end of their path"),
        *_found(found[ENDING], "by its name with another ending", "by their name with another ending"),
        *_found(found[NUMBER], "by number", "by number"),
        *_remark(unknown, "row of the table names", "rows of the table name", "no picture that is used; passed over"),
        *_remark(several, "row fits", "rows fit", "several pictures, or one that others fit as well; passed over"),
        *_remark(twice, "row names", "rows name", "a picture named before; the first row counts"),
        *_remark(missing, "picture has", "pictures have", "no row in the table; values stay unknown"),
    ]
    if not has_header:
        remarks.append("The table has no header, so its columns are numbered.")
    return Match(table, _header(table, has_header), file_column, tuple(rows), tuple(remarks))


def _file_column(table: Table, index: Index) -> int | None:
    """The column that names most pictures by name, or most by number where names tell little."""
    rows = table.rows
    step = -(-len(rows) * table.width // _SAMPLE)
    for some in [rows[::step], rows] if step > 1 else [rows]:
        by_name, by_number = [], []
        for column in range(table.width):
            hits = [hit for hit in index.hits([row[column] for row in some]) if hit]
            numbers = sum(hit.how == NUMBER for hit in hits)
            by_name.append(len(hits) - numbers)
            by_number.append(numbers)
        # The header tells between columns that name as many pictures; the values tell before it.
        likely = [_rank(cell) for cell in rows[0]]
        count = by_name if 2 * max(by_name) >= max(by_number) else by_number
        column = max(range(table.width), key=lambda column: (count[column], likely[column], -column))
        if count[column]:
            return column
    return None


def _best(hits: Sequence[Hit | None], cells: Sequence[str]) -> dict[int, tuple[int, int, str | None]]:
    """For each picture the surest way in which a cell names it; without a cell where two name it equally."""
    best: dict[int, tuple[int, int, str | None]] = {}
    for hit, cell in zip(hits, cells, strict=True):
        if hit is not None:
            way = hit.how, -hit.depth, cell
            before = best.get(hit.picture)
            if before is None or way[:2] < before[:2]:
                best[hit.picture] = way
            elif way[:2] == before[:2] and cell != before[2]:
                best[hit.picture] = (*way[:2], None)
    return best


def _rank(header: str) -> int:
    plain = header[:60].casefold().replace("_", " ").strip()
    return len(_FILE_HEADERS) - _FILE_HEADERS.index(plain) if plain in _FILE_HEADERS else 0


def _header(table: Table, has_header: bool) -> tuple[str, ...]:
    names: list[str] = []
    for number in range(table.width):
        name = (table.rows[0][number][:60].strip() if has_header else "") or f"column {number + 1}"
        while name in names:
            name += " (again)"
        names.append(name)
    return tuple(names)


def _found(which: list[tuple[str, str]], one: str, many: str) -> list[str]:
    """A sentence on rows that found their picture in a way that deserves a word."""
    if not which:
        return []
    cell, name = which[0]
    count = f"1 row found its picture {one}" if len(which) == 1 else f"{len(which):,} rows found their picture {many}"
    return [f"{count} (“{_short(cell)}” is {_short(name)})."]


def _short(path: str) -> str:
    return path if len(path) <= 60 else f"…{path[-59:]}"


def _remark(which: list[str], one: str, many: str, what: str) -> list[str]:
    if not which:
        return []
    shown = ", ".join(f"“{_short(name)}”" for name in which[:_SHOWN]) + (" …" if len(which) > _SHOWN else "")
    return [f"{len(which):,} {one if len(which) == 1 else many} {what} ({shown})."]
