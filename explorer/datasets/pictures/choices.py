"""Where labels can come from, for pictures that were read, the likeliest first."""

from __future__ import annotations

from dataclasses import dataclass

from .labels import MOST_CLASSES, Labelling, folder_names, label_by_folder, label_by_table, label_columns, no_labels
from .matching import Match
from .other_tables import with_other_tables
from .reading import Reading


@dataclass(frozen=True)
class LabelSource:
    """A place for labels to come from.

    Attributes:
        words: what a person reads in a list of these.
        match: the table, or None.
        columns: those of its columns that can be labels, the likeliest first.
        folders: whether it is the names of the folders.
    """

    words: str
    match: Match | None = None
    columns: tuple[str, ...] = ()
    folders: bool = False


NO_LABELS = LabelSource("no labels")


def label_sources(reading: Reading) -> list[LabelSource]:
    """What there is to choose from; the last is always `NO_LABELS`."""
    found = [LabelSource(f"table {m.table.name}", m, tuple(label_columns(m))) for m in reading.matches]
    folders = {folder for folder in folder_names(reading.names) if folder}
    if 2 <= len(folders) <= MOST_CLASSES:  # one folder around all tells nothing of any of them
        found.append(LabelSource(f"names of the {len(folders)} folders", folders=True))
    return [*found, NO_LABELS]


def labelled(reading: Reading, source: LabelSource, column: str | None = None) -> Labelling:
    """The labels from a source, and the columns of every table that came along.

    Args:
        column: of a table, one of `source.columns`, or None for its columns without a label.

    Raises:
        DatasetError: the source gives no labels for these pictures.
    """
    if source.match is not None:
        found = label_by_table(source.match, column)
    else:
        found = label_by_folder(reading.names) if source.folders else no_labels(len(reading))
    return with_other_tables(found, [other for other in reading.matches if other is not source.match])
