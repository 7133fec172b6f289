"""Columns of the tables that came along with pictures, beside those of the table that gives their labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ....files.table import MAX_COLUMNS
from .labels import MOST_TEXT, Labelling, label_by_table
from .matching import Match


def with_other_tables(labelling: Labelling, matches: Sequence[Match]) -> Labelling:
    """A labelling with every column of further tables, too: each under a name of its own, as far as there is room.

    Args:
        matches: tables that gave neither labels nor columns so far.
    """
    columns, remarks = dict(labelling.columns), list(labelling.remarks)
    letters = sum(len(text) for column in columns.values() for text in column.categories or ())
    for match in matches:
        other = label_by_table(match, None)
        remarks += [remark for remark in other.remarks if remark not in remarks]
        left = []
        for name, column in other.columns.items():
            more = sum(map(len, column.categories or ()))
            if len(columns) >= MAX_COLUMNS or letters + more > MOST_TEXT:
                left.append(name)
                continue
            letters += more
            columns[_free(name, match.table.name, columns)] = column
        if left:
            remarks.append(f"There is no room for {', '.join(left[:5])}{' …' if len(left) > 5 else ''}: not kept.")
    return dataclasses.replace(labelling, columns=columns, remarks=tuple(remarks))


def _free(name: str, table: str, taken: dict[str, object]) -> str:
    """The column's name, with that of its table where another one has it."""
    if name in taken:
        name = f"{name} ({table.rpartition('/')[2][:40]})"
    while name in taken:
        name += " (again)"
    return name
