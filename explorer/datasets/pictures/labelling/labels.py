"""Labels and columns of a person's pictures: from the folders they lie in, or from a table."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ....files.numbers import read_cells
from ...dataset import DatasetError
from .folders import Level
from .matching import Match

UNLABELLED = "unlabelled"
MOST_CLASSES = 200
MOST_CATEGORIES = 1_000
"""Different texts that a column may have to be one of categories; one with more is of words, kept to be read."""
MOST_TEXT = 16 << 20
"""Letters of all columns of texts together."""
_LABEL_HEADERS = ("label", "class", "category", "target", "species", "kind", "type", "y")


@dataclass(frozen=True)
class Column:
    """A further column: a value for each picture.

    Attributes:
        values: float64 (n,), NaN where unknown; or int64 (n,), each an index into
            `categories`, −1 where unknown.
        categories: the texts, as many as there are different ones, or None for numbers. With more
            than `MOST_CATEGORIES` they are words to be read, as names are, and nothing to colour by.
    """

    values: torch.Tensor
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Labelling:
    """Labels and columns of each picture, in the order of `Reading.names`, which are the names of their files.

    Attributes:
        labels: int64 (n,), each an index into `classes`.
        columns: every other column, by name.
        remarks: sentences for people.
        test: bool (n,), the pictures that the person's own split keeps for testing; None where a
            tenth of each class is to be.
    """

    labels: torch.Tensor
    classes: tuple[str, ...]
    columns: dict[str, Column]
    remarks: tuple[str, ...] = ()
    test: torch.Tensor | None = None


def no_labels(count: int) -> Labelling:
    """One class for all."""
    return Labelling(torch.zeros(count, dtype=torch.int64), (UNLABELLED,), {})


def label_by_folder(levels: Sequence[Level], chosen: Level) -> Labelling:
    """Each picture belongs to the class that its folder on one level is called; other levels become columns.

    Raises:
        DatasetError: there are too many folders.
    """
    labels, classes = _classes(chosen.names, "folders")
    remarks = []
    if classes[-1] == UNLABELLED and None in chosen.names:
        remarks.append(f"{chosen.names.count(None):,} in no folder: “{UNLABELLED}”.")
    others = {level.title: _words(level.names) for level in levels if level != chosen}
    return Labelling(labels, classes, others, tuple(remarks))


def label_columns(match: Match) -> list[str]:
    """The columns that can be labels, the likeliest first."""
    likely = {name: len(_LABEL_HEADERS) - number for number, name in enumerate(_LABEL_HEADERS)}
    found = []
    for number, name in enumerate(match.header):
        cells = {cell for cell in match.cells(number) if cell}
        if number != match.file_column and 1 <= len(cells) <= MOST_CLASSES:
            is_text = read_cells(match.table, name, list(cells)).numbers is None
            found.append((likely.get(name.casefold(), 0), is_text, 2 <= len(cells) <= 50, -number, name))
    return [entry[-1] for entry in sorted(found, reverse=True)]


def label_by_table(match: Match, column: str | None) -> Labelling:
    """Labels from one column of a table, and all its other columns as they are.

    `read_cells` tells numbers from words.

    Args:
        column: a name in `match.header`, or None for no labels.

    Raises:
        DatasetError: there is no such column, or it has too many different values.
    """
    if column is not None and (column not in match.header or column == match.header[match.file_column]):
        raise DatasetError(f"The table has no column {column!r} that could give labels.")
    labelling = no_labels(len(match.rows))
    labels, classes = labelling.labels, labelling.classes
    remarks, columns, letters = list(match.remarks), {}, 0
    for number, name in enumerate(match.header):
        if number == match.file_column:
            continue
        read = read_cells(match.table, name, match.cells(number))
        remarks += read.remarks
        if name == column:
            words = match.cells(number) if read.words is None else read.words
            labels, classes = _classes(words, f"values in “{name}”")
            unknown = sum(not cell for cell in words)
            if unknown:
                remarks.append(f"{unknown:,} without a value in “{name}”: “{UNLABELLED}”.")
        elif read.numbers is not None:
            if not all(map(math.isnan, read.numbers)):
                columns[name] = Column(torch.tensor(read.numbers, dtype=torch.float64))
        elif read.words is not None:
            values = _words(read.words)
            size = sum(map(len, values.categories or ()))
            if letters + size > MOST_TEXT:
                remarks.append(f"“{name}” holds too much text, so it is not kept.")
            else:
                letters += size
                columns[name] = values
    return Labelling(labels, classes, columns, tuple(remarks))


def _words(cells: Sequence[str | None]) -> Column:
    texts = sorted({cell for cell in cells if cell}, key=natural)
    index = {text: number for number, text in enumerate(texts)}
    return Column(torch.tensor([index.get(cell or "", -1) for cell in cells], dtype=torch.int64), tuple(texts))


def _classes(values: Sequence[str | None], what: str) -> tuple[torch.Tensor, tuple[str, ...]]:
    texts = sorted({value for value in values if value}, key=natural)
    if len(texts) > MOST_CLASSES:
        raise DatasetError(f"There are {len(texts):,} different {what}; labels may have {MOST_CLASSES}.")
    if not all(values) and UNLABELLED not in texts:
        texts.append(UNLABELLED)
    index = {text: number for number, text in enumerate(texts)}
    labels = torch.tensor([index[value or UNLABELLED] for value in values], dtype=torch.int64)
    return labels, tuple(text[:60] for text in texts)


def natural(text: str) -> list[tuple[bool, int, str]]:
    """A key that sorts a2 before a10."""
    parts = re.split(r"(\d{1,18})", text.casefold())
    return [(bool(number % 2), int(part) if number % 2 else 0, part) for number, part in enumerate(parts)] + [
        (False, 0, text)
    ]
