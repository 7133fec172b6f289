"""A table of a person's: CSV of any separator and encoding, with any number of columns."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from .formulas import unmarked
from .numbers import is_missing, plain_number
from .text import decoded, normal_form

MAX_ROWS = 200_000
MAX_COLUMNS = 100
MAX_CELL = 10_000
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_PREAMBLE = 50  # rows in which the header must stand
_LOOKED_AT = 1_000  # rows that tell how wide a table is
_USUAL_NAMES = {"file", "filename", "path", "image", "id", "index", "label", "class", "name"}


class TableError(ValueError):
    """A file is no table that can be read; the message says why."""


@dataclass(frozen=True)
class Table:
    """The cells of a table, as text.

    Attributes:
        name: of the file.
        rows: every row as long as `width`; the first may be a header.
        separator: one character.
        remarks: sentences on what was found odd, and what was done.
    """

    name: str
    rows: list[list[str]]
    separator: str
    remarks: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.rows[0])

    def number(self, cell: str) -> float | None:
        """The number a cell holds by itself: NaN where it is missing, None where it is something else.

        Where commas do not separate, they may stand before decimals. `read_cells` judges whole columns.
        """
        if self.separator != "," and "." not in cell[:64]:
            cell = cell.replace(",", ".")
        return plain_number(cell)


def read_table(name: str, content: bytes) -> Table:
    """Reads values separated by commas, semicolons, tabs or bars, as a spreadsheet would.

    The encoding is UTF-8, UTF-16 or the likeliest other. Lines before the header, comments and
    blank lines are passed over; a remark says so.

    Raises:
        TableError: it is empty, not text, or beyond `MAX_ROWS`.
    """
    try:
        text, guessed = decoded(content)
    except UnicodeError as error:
        raise TableError(str(error)) from None
    remarks = [f"It is not UTF-8; it was read as {guessed}."] if guessed else []
    separator, text = _named_separator(text)
    separator = separator or _separator(text)
    rows = _without_blanks(_parse(text, separator, remarks))
    rows = _from_header(rows, remarks)
    if len(rows) < 2:
        raise TableError("The table is empty: a header and a row are the least.")
    width = len(rows[0])
    if width > MAX_COLUMNS:
        remarks.append(f"Only the first {MAX_COLUMNS} of its {width:,} columns are taken.")
    if ragged := sum(len(row) != width and len(row) <= MAX_COLUMNS for row in rows):
        what = "row has" if ragged == 1 else "rows have"
        beyond = "missing ones are left empty, and what is beyond its last is left out"
        remarks.append(f"{ragged:,} {what} more or fewer cells than the first; {beyond}.")
    if separator != ",":
        remarks.append(f"Its cells are separated by {_SEPARATORS[separator]}.")
    width = min(width, MAX_COLUMNS)
    for number, row in enumerate(rows):
        rows[number] = [_clean(cell) for cell in row[:width]] + [""] * (width - len(row))
    return Table(name, rows, separator, tuple(remarks))


def _named_separator(text: str) -> tuple[str, str]:
    """The separator of a first line such as sep=; with the text after it; "" where there is none."""
    line = text.lstrip("\r\n")[:16].partition("\n")[0]
    line = line.strip("\r").strip('"').lower()
    if len(line) == 5 and line.startswith("sep=") and line[4] in _SEPARATORS:
        return line[4], text.lstrip("\r\n").partition("\n")[2]
    return "", text


def _separator(text: str) -> str:
    """The one that parts the first lines into most cells, and alike."""
    start = "".join(io.StringIO(text[:50_000]).readlines()[:_PREAMBLE])

    def fitness(separator: str) -> tuple[int, int]:
        try:
            widths = Counter(len(row) for row in csv.reader(io.StringIO(start), delimiter=separator) if row)
        except csv.Error:
            return 0, 0
        alike = [(count, width) for width, count in widths.items() if width > 1]
        return max(alike, default=(0, 0))

    return max(_SEPARATORS, key=fitness)


def _parse(text: str, separator: str, remarks: list[str]) -> list[list[str]]:
    """The rows as they are; [] for a blank line."""
    for strict in (True, False):
        rows: list[list[str]] = []
        try:
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict):
                if len(rows) > MAX_ROWS + _PREAMBLE:
                    break
                rows.append(row)
        except csv.Error:
            # A quote that never ends would swallow the rest; one too many within a cell does no harm.
            if strict and text.count('"') % 2 == 0:
                continue
            raise TableError("It cannot be read as a table: a field is too long or its quotes do not end.") from None
        if not strict:
            remarks.append("Some of its quotes stand within cells; they were read as they stand.")
        return rows
    raise AssertionError("unreachable")


def _without_blanks(rows: list[list[str]]) -> list[list[str]]:
    """The rows without blank lines, but for those that are the empty cells of a table of one column."""
    while rows and rows[-1] != [""] and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    filled = [row for row in rows if len(row) > 1 or (row and (row[0].strip() or not row[0]))]
    if all(len(row) == 1 for row in filled) and len(filled) > 2 * (len(rows) - len(filled)):
        first = next((number for number, row in enumerate(rows) if row), 0)
        return [row or [""] for row in rows[first:]]
    return filled


def _from_header(rows: list[list[str]], remarks: list[str]) -> list[list[str]]:
    """The rows from the header on, without comments; at most `MAX_ROWS` below it."""
    usual = Counter(map(_filled_width, islice(rows, _LOOKED_AT)))
    del usual[0]
    width = max(usual, key=lambda key: (usual[key], key), default=0)
    start = _header_at(rows, width)
    if start:
        before = [" ".join(filter(None, map(str.strip, row)))[:40] for row in rows[:start] if any(row)]
        lines = "1 line" if len(before) == 1 else f"{len(before):,} lines"
        verb = "was" if len(before) == 1 else "were"
        remarks.append(f"{lines} before its header {verb} passed over (“{before[0]}”).")
    rows = rows[start:]
    if not rows:
        return rows
    if rows[0][0].lstrip().startswith("#") and width > 1:
        rows[0] = [rows[0][0].lstrip(" #"), *rows[0][1:]]
    kept = [row for row in rows if width < 2 or _filled_width(row) > 1 or not row[0].lstrip().startswith("#")]
    if len(kept) < len(rows):
        number = len(rows) - len(kept)
        remarks.append("1 comment was passed over." if number == 1 else f"{number:,} comments were passed over.")
    if len(kept[0]) == width - 1 and all(len(row) == width for row in kept[1:]) and _all_differ(kept[1:]):
        kept[0] = ["", *kept[0]]  # R writes no name above the names of its rows
    if len(kept) > MAX_ROWS + 1:
        raise TableError(f"The table has more than the {MAX_ROWS:,} rows allowed.")
    return kept


def _header_at(rows: list[list[str]], width: int) -> int:
    """The row that names the columns: the first that is as wide as the table, unless a narrower one names them."""
    several = None
    for number, row in enumerate(rows[:_PREAMBLE]):
        filled = _filled_width(row)
        if filled == 1 and row[0].lstrip().startswith("#"):
            continue
        full = sum(bool(cell.strip()) for cell in row)
        if filled >= width or (len(row) >= width and full > 1):
            if width == 1:
                return number + _title_of_one_column(rows[number:])
            return number if several is None or _names_columns(rows[number:]) else several
        if full > 1 and several is None:
            several = number
    return several or 0


def _title_of_one_column(rows: list[list[str]]) -> int:
    """1 where a word stands above the header of a column of numbers."""
    numbers = [plain_number(row[0]) is not None for row in rows[:_LOOKED_AT]]
    return int(len(numbers) > 4 and not numbers[0] and not numbers[1] and all(numbers[2:]) and bool(rows[1][0].strip()))


def _names_columns(rows: list[list[str]]) -> bool:
    """Whether the first row has a usual name, or a word where those below have numbers."""
    first, *others = rows[:_PREAMBLE]
    if any(cell.strip().casefold() in _USUAL_NAMES for cell in first):
        return True
    for column, cell in enumerate(first):
        below = [row[column] for row in others if column < len(row) and not is_missing(row[column])]
        if plain_number(cell) is None and below and all(plain_number(other) is not None for other in below):
            return True
    return False


def _all_differ(rows: list[list[str]]) -> bool:
    """Whether the first cells are names of rows, each its own."""
    return len({row[0] for row in rows}) == len(rows)


def _filled_width(row: list[str]) -> int:
    """Cells up to the last that holds anything."""
    return next((number for number in range(len(row), 0, -1) if row[number - 1].strip()), 0)


def _clean(cell: str) -> str:
    cell = cell[:MAX_CELL].strip()
    if cell.startswith('="') and cell.endswith('"'):
        cell = cell[2:-1]  # by which spreadsheets keep the noughts of 007
    cell = normal_form(cell)
    if not cell.isprintable():
        cell = "".join(letter for letter in cell if letter.isprintable())
    return unmarked(cell).strip() if cell.startswith("'") else cell.strip()
