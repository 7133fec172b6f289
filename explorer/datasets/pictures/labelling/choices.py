"""Sources of labels and of a split, for pictures that were read, the likeliest first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ..reading import Reading
from .folders import Level, folder_levels, folder_split, split_of
from .labels import Labelling, label_by_folder, label_by_table, label_columns, no_labels
from .matching import Match
from .other_tables import with_other_tables

_SHOWN = 3


@dataclass(frozen=True)
class LabelSource:
    """A place for labels to come from.

    Attributes:
        words: what a person reads in a list of these.
        match: the table, or None.
        columns: those of its columns that can be labels, the likeliest first.
        level: the folders whose names they are, or None.
    """

    words: str
    match: Match | None = None
    columns: tuple[str, ...] = ()
    level: Level | None = None


@dataclass(frozen=True, eq=False)
class SplitSource:
    """A way to part the pictures into those for training and for testing.

    Attributes:
        words: what a person reads in a list of these.
        test: bool (n,), the pictures kept for testing; None for a tenth of each class.
    """

    words: str
    test: torch.Tensor | None = None


NO_LABELS = LabelSource("no labels")
OUR_SPLIT = SplitSource("a tenth of every class for testing")


def label_sources(reading: Reading) -> list[LabelSource]:
    """What there is to choose from; the last is always `NO_LABELS`."""
    found = [LabelSource(f"table {m.table.name}", m, tuple(label_columns(m))) for m in reading.matches]
    for level in folder_levels(reading.names):
        different = level.different
        shown = ", ".join(name[:30] for name in different[:_SHOWN]) + (", …" if len(different) > _SHOWN else "")
        found.append(LabelSource(f"names of {len(different)} folders: {shown}", level=level))
    return [*found, NO_LABELS]


def split_sources(reading: Reading) -> list[SplitSource]:
    """The splits that the pictures come with, in folders or columns, and last `OUR_SPLIT`."""
    found = []
    if (split := folder_split(reading.names)) is not None:
        found.append(SplitSource(f"as in the folders {', '.join(sorted(split[0].different)[:_SHOWN])}", split[1]))
    for match in reading.matches:
        for number, name in enumerate(match.header):
            if number != match.file_column and (test := split_of(match.cells(number))) is not None:
                found.append(SplitSource(f"as in the column {name[:40]}", test))
    return [*found, OUR_SPLIT]


def labelled(
    reading: Reading, source: LabelSource, column: str | None = None, split: SplitSource = OUR_SPLIT
) -> Labelling:
    """The labels from a source, and the columns of every table that came along.

    Args:
        column: of a table, one of `source.columns`, or None for its columns without a label.
        split: which pictures are for testing.

    Raises:
        DatasetError: the source gives no labels for these pictures.
    """
    if source.match is not None:
        labelling = label_by_table(source.match, column)
    elif source.level is not None:
        labelling = label_by_folder(folder_levels(reading.names), source.level)
    else:
        labelling = no_labels(len(reading))
    labelling = with_other_tables(labelling, [other for other in reading.matches if other is not source.match])
    return replace(labelling, test=split.test)
