"""Files and columns that a person's own pictures came with: joined over splits, and given out in sheets."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from ....datasets import Dataset
from ....datasets.pictures.labelling.labels import Column
from ...http.blobs import digest

LONGEST_CELL = 200  # letters of a cell that is shown; files that are taken away hold it whole
MOST_KINDS = 1_000  # different texts that points are told apart by


@dataclass(frozen=True)
class OwnRows:
    """Files and columns of images, beside their labels.

    Attributes:
        files: the name of each image's file; empty where they are not known.
        columns: every column of the set, by its name.
    """

    files: tuple[str, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """Names the content; "" where there is none."""
        if not self.files and not self.columns:
            return ""
        texts = json.dumps([self.files, [(name, column.categories) for name, column in self.columns.items()]])
        return digest(texts.encode(), *(column.values.numpy().tobytes() for column in self.columns.values()))


def joined(parts: Sequence[Dataset]) -> OwnRows:
    """The files and columns of splits, one after another."""
    first = parts[0]
    files = tuple(name for part in parts for name in part.files)
    columns = {}
    for name in first.columns:
        values = torch.cat([part.columns[name] for part in parts])
        if values.ndim == 1:
            columns[name] = Column(values, first.categories.get(name))
    return OwnRows(files if all(part.files for part in parts) else (), columns)


def cells(column: Column, rows: np.ndarray) -> np.ndarray:
    """A column's cells in some rows: texts as objects, "" where unknown; numbers float64, NaN where unknown."""
    values = column.values.numpy()[rows]
    if column.categories is None:
        return values.astype(np.float64)
    texts = np.array([*column.categories, ""], dtype=object)  # −1 is the last
    return texts[values]


def sheet_of(own: OwnRows, rows: slice) -> bytes:
    """JSON: {"files": [...], "columns": [[a cell for each row], ...]}, null where nothing is known."""
    columns = []
    for column in own.columns.values():
        found = cells(column, np.arange(len(column.values))[rows]).tolist()
        columns.append([_shown(cell) for cell in found])
    return json.dumps({"files": list(own.files[rows]), "columns": columns}, ensure_ascii=False).encode()


def _shown(cell: float | str) -> float | str | None:
    if isinstance(cell, str):
        return cell[:LONGEST_CELL] or None
    return cell if math.isfinite(cell) else None


def kinds_of(column: Column) -> tuple[torch.Tensor, list[str] | None]:
    """A column as points are coloured by it: values (n), NaN where unknown; the texts they are positions among.

    Of more than `MOST_KINDS` texts the rarest share the last position.
    """
    values = column.values.double()
    if column.categories is None:
        return values, None
    values[column.values < 0] = torch.nan
    if len(column.categories) <= MOST_KINDS:
        return values, [text[:LONGEST_CELL] for text in column.categories]
    counts = Counter(column.values[column.values >= 0].tolist())
    kept = sorted(at for at, _ in counts.most_common(MOST_KINDS - 1))
    place = torch.full((len(column.categories),), len(kept), dtype=torch.float64)
    place[kept] = torch.arange(len(kept), dtype=torch.float64)
    known = column.values >= 0
    values[known] = place[column.values[known]]
    texts = [column.categories[at][:LONGEST_CELL] for at in kept]
    return values, [*texts, f"{len(column.categories) - len(kept):,} others"]
