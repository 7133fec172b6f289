"""Columns that a person has computed elsewhere, brought as CSV: read, kept in the data folder, given back.

One table a person and data set: a new one replaces it, see `table_store`. A column with the names of the pictures'
files or with their numbers ("index") says which row is which; without one there must be a row for every image on the
map.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Container, Sequence
from typing import Any

from ....files.numbers import is_missing, read_cells
from ....files.table import Table, TableError, read_table
from ...space.space import Space
from ...space.state import BadState
from ...visitors.person import Visitor
from .own_files import OwnFiles, by_files, elsewhere
from .store import StoreFull, find_table, forget_table, keep_table

MAX_BYTES = 24 << 20
MAX_COLUMNS = 30
LONGEST = 60  # letters of a column's name, and of a word in it
MOST_KINDS = 40  # different words of a column that is no number
# What our own export holds: brought back with a column more, that one is what is meant.
_OURS = re.compile(
    r"index|split|split_index|file|label|class|kl|reconstruction|elbo|elbo_draws|log_evidence|gap"
    r"|trustworthiness|continuity|map_[12]|(z|scale)_[0-9]+"
)


def bring_table(space: Space, state: Any, visitor: Visitor) -> dict[str, Any]:
    """Reads {"csv": text}, keeps it and gives its columns, as `kept_table`; {"csv": null} forgets what was kept.

    Raises:
        BadState: it cannot be read, or does not fit the images; the message says what to do.
    """
    if not isinstance(state, dict) or not isinstance(state.get("csv", 0), (str, type(None))):
        raise BadState("A table is brought as text.")
    if state["csv"] is None:
        try:
            forget_table(visitor.person, _subject(space))
        except OSError as error:
            raise BadState(
                f"The data folder cannot be written ({error.strerror}), so the columns are kept as they were."
            ) from None
        return {"columns": [], "remarks": []}
    try:
        table = read_table("table.csv", state["csv"].encode("utf-8", "replace"))
    except TableError as error:
        raise BadState(f"The table cannot be used. {error}") from None
    own = OwnFiles(space.own.files, elsewhere(space))
    found = columns_in(table, len(space.latents), own, names_taken_away(space).values())
    why = _keep(space, found, visitor)
    if why:  # the columns are there for this visit all the same
        found["remarks"].append(f"{why}, so the columns are gone when the page is loaded again.")
    return found


def _keep(space: Space, found: dict[str, Any], visitor: Visitor) -> str:
    """Keeps columns for a person; the reason, where that cannot be."""
    if not visitor.person:
        return "This browser keeps no cookies"
    try:
        keep_table(visitor, _subject(space), json.dumps(found, allow_nan=False))
    except StoreFull as error:
        return str(error)
    except OSError as error:
        return f"The data folder cannot be written ({error.strerror})"
    return ""


def kept_table(space: Space, visitor: Visitor) -> dict[str, Any]:
    """The columns kept for a person: {"columns": [{"name", "values"} or with "kinds"], "remarks": [...]}.

    Values are numbers, or positions among "kinds"; null where nothing is known.
    """
    try:
        path = find_table(visitor.person, _subject(space))
        if path is None:
            return {"columns": [], "remarks": []}
        found = json.loads(path.read_text())
        json.dumps(found, allow_nan=False)  # else no answer could hold it
        n = len(space.latents)
        sound = all(isinstance(column["name"], str) and len(column["values"]) == n for column in found["columns"])
        if sound and isinstance(found["remarks"], list):
            return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return {"columns": [], "remarks": []}


def _subject(space: Space) -> str:
    return f"{space.data_key}-{len(space.latents)}"


def names_taken_away(space: Space) -> dict[str, str]:
    """The names in a file of the columns that the pictures came with: their own, but for those that we use."""
    found: dict[str, str] = {}
    for name in space.own.columns:
        given = f"{name}_" if _OURS.fullmatch(name) else name
        found[name] = free_column(given, found.values())
    return found


def columns_in(table: Table, count: int, own: OwnFiles | None = None, known: Collection[str] = ()) -> dict[str, Any]:
    """The columns of a table, in the order of `count` images.

    Args:
        own: the names of files that rows may be told by.
        known: names of columns that the images have already, which an export of ours holds as well.

    Raises:
        BadState: its rows are not those of the images, or it has no column to colour by.
    """
    header, *rows = table.rows
    remarks = list(table.remarks)
    if all(table.number(cell) is not None and not is_missing(cell) for cell in header):
        raise BadState("The first row of the table must name its columns; it holds numbers.")
    names = _names(header)
    lowered = [name.lower() for name in names]
    index_at = lowered.index("index") if "index" in lowered else None
    by_file = by_files(table, own or OwnFiles(), index_at, alone=index_at is None and len(rows) != count)
    if by_file is None:
        order: Sequence[int | None] = _order(table, rows, index_at, count, remarks)
    else:
        index_at, order, remarks = by_file
    columns: list[dict[str, Any]] = []
    ours = [name for name in names if _OURS.fullmatch(name) or name in known]
    # A lone "label" may be anybody's; a whole export of ours is known by its latents.
    exported = "z_1" in ours and "scale_1" in ours
    for at, name in enumerate(names):
        if at == index_at or (exported and name in ours):
            continue
        if len(columns) == MAX_COLUMNS:
            remarks.append(f"Only the first {MAX_COLUMNS} columns are kept.")
            break
        found = _column(table, name, [row[at] for row in rows], order, count, remarks)
        if found is not None:
            columns.append(found)
    if exported and not columns:
        raise BadState("The table holds what was exported here and nothing more: add a column of your own to it.")
    if not columns:
        raise BadState(" ".join(["The table has no column to colour by.", *remarks]))
    return {"columns": columns, "remarks": remarks}


def _names(header: list[str]) -> list[str]:
    """A name for each column: two of one name could not be told apart where points are coloured by them."""
    names: list[str] = []
    for at, cell in enumerate(header):
        name = cell.strip()[:LONGEST] or f"column {at + 1}"
        names.append(name if name not in names else free_column(f"{name} ({at + 1})", names))
    return names


def free_column(name: str, taken: Container[str]) -> str:
    """A name like this one that no other column has."""
    while name in taken:
        name += "_"
    return name


def _order(table: Table, rows: list[list[str]], index_at: int | None, count: int, remarks: list[str]) -> list[int]:
    """The image of each row."""
    if index_at is None:
        if len(rows) != count:
            raise BadState(
                f"The table has {len(rows):,} rows, and the map {count:,} images. Give a row for every image in their "
                'order, or a column "index" with the numbers of the images.'
            )
        return list(range(count))
    order = []
    for at, row in enumerate(rows):
        number = table.number(row[index_at])
        if number is None or math.isnan(number) or number != int(number) or not 0 <= number < count:
            raise BadState(
                f"Row {at + 2:,} of the table names image {row[index_at][:20]!r}: numbers go from 0 to {count - 1:,}."
            )
        order.append(int(number))
    if len(set(order)) < len(order):
        raise BadState("Two rows of the table name the same image: each may stand there once.")
    if len(order) < count:
        remarks.append(f"The table has {len(order):,} of the {count:,} images; the others have no value.")
    return order


def _column(
    table: Table, name: str, cells: list[str], order: Sequence[int | None], count: int, remarks: list[str]
) -> dict[str, Any] | None:
    """One column in the order of the images; None, with a remark, where it cannot be shown."""
    values: list[float | None] = [None] * count
    read = read_cells(table, name, cells)
    if read.numbers is not None:
        known = 0
        for image, number in zip(order, read.numbers, strict=True):
            if image is not None and not math.isnan(number) and abs(number) < 3e38:
                values[image] = number
                known += 1
        if not known:
            remarks.append(f"{name} is left out: it has no number in any row.")
            return None
        remarks += read.remarks
        if known < len(cells):
            remarks.append(f"{name} has no number in {len(cells) - known:,} of its rows; those points stay grey.")
        return {"name": name, "values": values}
    words = [word and word[:LONGEST] for word in read.words or ()]
    kinds = sorted({word for word in words if word})
    if len(kinds) > MOST_KINDS:
        strays = [cell for cell in cells if table.number(cell) is None]
        few = len(strays) < len(cells) / 2
        what = f"it holds {len(kinds):,} different words, and no numbers"
        why = f"{strays[0].strip()[:20]!r} is no number" if few and strays else what
        remarks.append(f"{name} is left out: {why}.")
        return None
    remarks += read.remarks
    place = {kind: at for at, kind in enumerate(kinds)}
    for image, word in zip(order, words, strict=True):
        if image is not None:
            values[image] = None if word is None else place[word]
    return {"name": name, "values": values, "kinds": kinds}
