"""Rows of a table told by the names of the files that a person's own pictures came in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ....datasets import DatasetError
from ....datasets.pictures import load_files, match
from ....files.table import Table
from ...space.space import Space
from ...space.state import BadState

_FILE = re.compile(r"((image|picture|photo)[ _]?)?(file[ _]?)?(name|path)?|image|picture|photo|original", re.I)


@dataclass(frozen=True)
class OwnFiles:
    """Names of the files of the images on the map, in their order, and of those of the same set that are not on it."""

    shown: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def elsewhere(space: Space) -> tuple[str, ...]:
    """Files of the training images where only the test images are on the map."""
    if not space.own.files or space.points != "test":
        return ()
    try:
        return load_files(space.checkpoint.config.training.dataset)[0]
    except DatasetError:
        return ()


def by_files(
    table: Table, own: OwnFiles, index_at: int | None, *, alone: bool
) -> tuple[int, list[int | None], list[str]] | None:
    """The column that names the images' files, the image of each row (None for one that is not on the map), remarks.

    None where the set's files are not known, or the table does not name them.

    Args:
        index_at: the column of the images' numbers, which are no names of files.
        alone: whether there is no other way to tell the rows; then fewer of them need be named.
    """
    if not own.shown:
        return None
    names = (*own.shown, *own.others)
    found = match(table, names)
    if found is None or found.file_column == index_at:
        return None
    places = {id(row): at for at, row in enumerate(found.rows) if row is not None}
    order = [places.get(id(row)) for row in table.rows[1:]]
    named = sum(at is not None for at in order)
    # A column of numbers may name pictures called 1.png by chance: where most rows are of pictures, it does not.
    if not _FILE.fullmatch(found.header[found.file_column]) and not alone and named < 0.9 * len(order):
        return None
    shown = [at if at is not None and at < len(own.shown) else None for at in order]
    here = sum(at is not None for at in shown)
    remarks = [remark for remark in found.remarks if "no row in the table" not in remark]
    if not here:
        raise BadState("The table names none of the pictures on the map: show all points, or bring the rows of these.")
    if named > here:
        remarks.append(f"{named - here:,} rows are of pictures that are not on the map: show all points to use them.")
    if here < len(own.shown):
        remarks.append(f"The table has {here:,} of the {len(own.shown):,} images; the others have no value.")
    return found.file_column, shown, remarks
