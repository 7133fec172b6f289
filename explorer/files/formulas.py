"""Cells of a CSV file that a spreadsheet would take for formulas: marked on the way out, as they were on the way in."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

# Marked ones are marked once more, so that each comes back as it was.
_FORMULA = re.compile(r"['\s]*[=+\-@＝＋－＠]|'*[\t\r]")
_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.A)


def marked(text: str) -> str:
    """A text as a cell: with a leading ' where a spreadsheet would compute it; a negative number is none.

    Carriage returns become line feeds: not every writer quotes a cell for their sake.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unmarked(cell: str) -> str:
    """The text of a cell, without the ' that `marked` put before it."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def to_csv(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV; texts are marked, numbers stay as they are."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([marked(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return file.getvalue()
