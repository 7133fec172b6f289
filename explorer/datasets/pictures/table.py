"""A table of a person's: CSV of any separator and encoding, with any number of columns."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
import unicodedata
from dataclasses import dataclass

from ..formulas import unmarked

MAX_ROWS = 200_000
MAX_COLUMNS = 100
MAX_CELL = 10_000
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?"}


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
        """The number a cell holds: NaN where it is missing, None where it is something else.

        Where commas do not separate, they may stand before decimals.
        """
        if is_missing(cell):
            return math.nan
        plain = cell.replace(",", ".") if self.separator != "," and "." not in cell else cell
        # Not every text that Python takes: 1_000 is an inventory number, and inf no measurement.
        if not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", plain, re.A):
            return None
        return float(plain) if math.isfinite(float(plain)) else math.nan


def is_missing(cell: str) -> bool:
    """Whether a cell says that nothing is known."""
    return cell.strip().lower() in _MISSING


def read_table(name: str, content: bytes) -> Table:
    """Reads comma-, semicolon- or tab-separated values in UTF-8, UTF-16 or Windows-1252.

    Raises:
        TableError: it is empty, not text, or beyond `MAX_ROWS`.
    """
    text, remarks = _decode(content)
    separator = _separator(text)
    rows: list[list[str]] = []
    ragged = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            if not any(cell.strip() for cell in row):
                continue
            if len(rows) > MAX_ROWS:
                raise TableError(f"The table has more than the {MAX_ROWS:,} rows allowed.")
            width = len(rows[0]) if rows else min(len(row), MAX_COLUMNS)
            if not rows and len(row) > MAX_COLUMNS:
                remarks.append(f"Only the first {MAX_COLUMNS} of its {len(row):,} columns are taken.")
            elif rows and len(row) != width and len(row) <= MAX_COLUMNS:
                ragged += 1
            rows.append([_clean(cell) for cell in row[:width]] + [""] * (width - len(row)))
    except csv.Error:
        raise TableError("It cannot be read as a table: a field is too long or its quotes do not end.") from None
    if len(rows) < 2:
        raise TableError("The table is empty: a header and a row are the least.")
    if ragged:
        what = "row has" if ragged == 1 else "rows have"
        beyond = "missing ones are left empty, and what is beyond its last is left out"
        remarks.append(f"{ragged:,} {what} more or fewer cells than the first; {beyond}.")
    if separator != ",":
        remarks.append(f"Its cells are separated by {_SEPARATORS[separator]}.")
    return Table(name, rows, separator, tuple(remarks))


def _decode(content: bytes) -> tuple[str, list[str]]:
    """Text, and a remark where its encoding had to be guessed."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return content.decode("utf-16"), []
        except UnicodeDecodeError:
            raise TableError("It is damaged: its start says UTF-16, and it is not.") from None
    if b"\0" in content:
        raise TableError("It is not text, so it is no table.")
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        # Windows-1252 is latin-1 with letters in place of controls; what it leaves out is replaced.
        return content.decode("cp1252", "replace"), ["It is not UTF-8; it was read as Windows-1252 (latin-1)."]


def _separator(text: str) -> str:
    """The one that parts the first lines into most cells, and alike."""
    start = "".join(io.StringIO(text[:50_000]).readlines()[:20])

    def fitness(separator: str) -> tuple[int, int]:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(start), delimiter=separator) if row]
        except csv.Error:
            return 0, 0
        return widths.count(widths[0]) if widths and widths[0] > 1 else 0, widths[0] if widths else 0

    return max(_SEPARATORS, key=fitness)


def _clean(cell: str) -> str:
    cell = unicodedata.normalize("NFC", cell.strip())
    return unmarked("".join(letter for letter in cell[:MAX_CELL] if letter.isprintable())).strip()
