"""Numbers and words of a column of cells, told apart over the whole column as a spreadsheet would."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .table import Table

LONGEST_NUMBER = 64
"""Letters; a cell of more is no number."""
# Among words, none and NA may be what is meant; what programs write for nothing is nothing.
_NOTHING = {"", "nan", "null", "#n/a", "<na>", "nat"}
_MISSING = {*_NOTHING, "na", "n/a", "none", "-", "--", "?", "."}
_INFINITE = {"inf", "infinity", "∞"}
# Each digit can be read in one way only, so the time is that of the length.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DECIMAL_COMMA = re.compile(
    r"[+-]?(?:(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]*)?|,[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
)
_POINT_OR_GROUP = re.compile(r"[+-]?[0-9]{1,3}\.[0-9]{3}")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_SHOWN = 3


@dataclass(frozen=True)
class Cells:
    """A column read.

    Attributes:
        numbers: where it is of numbers, one for each cell, NaN where unknown; else None.
        words: where it is not, the text of each cell, None where unknown; else None.
        remarks: sentences on what was left out, or taken in one of two ways.
    """

    numbers: list[float] | None
    words: list[str | None] | None
    remarks: tuple[str, ...] = ()


def is_missing(cell: str) -> bool:
    """Whether a cell among numbers says that nothing is known."""
    return len(cell) < LONGEST_NUMBER and cell.strip().lower() in _MISSING


def plain_number(cell: str) -> float | None:
    """The number a cell holds: NaN where it is missing or beyond floats, None where it is something else."""
    if len(cell) > LONGEST_NUMBER:
        return None
    cell = cell.strip()
    # Not every text that Python takes: 1_000 is an inventory number.
    if _NUMBER.fullmatch(cell):
        return float(cell) if math.isfinite(float(cell)) else math.nan
    return math.nan if is_missing(cell) else None


def read_cells(table: Table, name: str, cells: Sequence[str | None]) -> Cells:
    """Reads one column of a table.

    It is of numbers if every cell in it is one, or missing, or infinite, and one at least is a
    number. Commas stand before decimals, or between thousands, only where one of the two alone
    makes sense. In a column of words "none" and "NA" are words.

    Args:
        name: of the column, for remarks.
        cells: None where a picture has no row.
    """
    filled = {cell for cell in cells if cell and not _infinite(cell) and not is_missing(cell)}
    numbers, remark = _numbers(table, name, filled)
    if numbers is None:
        dropped = [cell for cell in cells if cell and _is_nothing(cell)]
        remarks = [remark] * bool(remark) + _dropped(name, dropped, "counts as unknown", "count as unknown")
        words = [None if cell is None or _is_nothing(cell) else cell for cell in cells]
        if any(words):
            return Cells(None, words, tuple(remarks))
        return Cells([math.nan] * len(cells), None, tuple(remarks))
    infinite = [cell for cell in cells if cell and cell not in numbers and _infinite(cell)]
    infinite += [cell for cell in cells if cell and math.isnan(numbers.get(cell, 0.0))]
    missing = [cell for cell in cells if cell and cell not in numbers and not _infinite(cell)]
    remarks = [remark] * bool(remark)
    remarks += _dropped(name, infinite, "is no finite number: unknown", "are no finite numbers: unknown")
    remarks += _dropped(name, missing, "counts as unknown", "count as unknown")
    return Cells([numbers.get(cell or "", math.nan) for cell in cells], None, tuple(remarks))


def _numbers(table: Table, name: str, filled: set[str]) -> tuple[dict[str, float] | None, str]:
    """The number of each cell, or None where they are words; and a remark."""
    found = {cell: plain_number(cell) for cell in filled}
    strays = [cell for cell, number in found.items() if number is None]
    if not strays:
        finite = {cell: number for cell, number in found.items() if number is not None}
        return (finite if any(map(math.isfinite, finite.values())) else None), ""
    if any(len(cell) > LONGEST_NUMBER or "," not in cell for cell in strays):
        return None, ""
    commas = table.separator != "," and all(_DECIMAL_COMMA.fullmatch(cell.strip()) for cell in strays)
    thousands = all(_THOUSANDS.fullmatch(cell.strip()) for cell in strays)
    if commas and thousands:
        points = _has_decimal_points(table)
        if not points and table.separator != ";":
            return None, f"“{name}” has commas that may stand before decimals or between thousands: read as words."
        commas, thousands = not points, points
    if commas:
        grouped = any("." in cell for cell in strays)  # 1.234,5
        if not grouped and any(_POINT_OR_GROUP.fullmatch(cell.strip()) for cell in filled):
            return None, f"“{name}” has commas, and points that may be either: read as words."
        found |= {
            cell: plain_number(cell.replace(".", "").replace(",", ".")) for cell in filled if grouped or "," in cell
        }
        remark = f"“{name}” has commas before its decimals."
    elif thousands:
        found |= {cell: plain_number(cell.replace(",", "")) for cell in strays}
        remark = f"“{name}” has commas between its thousands."
    else:
        return None, ""
    return {cell: math.nan if number is None else number for cell, number in found.items()}, remark


def _has_decimal_points(table: Table) -> bool:
    """Whether numbers elsewhere in the table are written with a point."""
    return any("." in cell and _NUMBER.fullmatch(cell) for row in table.rows[:1_000] for cell in row if len(cell) < 64)


def _infinite(cell: str) -> bool:
    return len(cell) < LONGEST_NUMBER and cell.strip().lower().lstrip("+-") in _INFINITE


def _is_nothing(cell: str) -> bool:
    return len(cell) < LONGEST_NUMBER and cell.strip().lower() in _NOTHING


def _dropped(name: str, cells: list[str], one: str, many: str) -> list[str]:
    """A sentence on cells that count as unknown."""
    if not cells:
        return []
    shown = ", ".join(list(dict.fromkeys(cells))[:_SHOWN])
    return [f"“{name}”: {shown} {one}." if len(cells) == 1 else f"“{name}”: {shown} in {len(cells):,} rows {many}."]
