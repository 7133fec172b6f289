"""Columns of numbers and words as the cells of a CSV file and as Parquet, without pandas.

Imported once, pandas would stay in the server's memory.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ....cancellation import check_cancelled


def parquet_of(table: dict[str, np.ndarray], about: dict[str, dict[str, str]] | None = None) -> bytes:
    """A table of columns (n,) as Parquet; unknown numbers (NaN) are null, whole ones integers.

    Args:
        about: what each column's own metadata in the schema say, by its name.
    """
    import pyarrow
    import pyarrow.parquet

    columns = []
    for values in table.values():
        check_cancelled()
        columns.append(_arrow(pyarrow, values))
    file = io.BytesIO()
    fields = [
        pyarrow.field(name, column.type, metadata=(about or {}).get(name))
        for name, column in zip(table, columns, strict=True)
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, schema=pyarrow.schema(fields)), file)
    return file.getvalue()


def _arrow(pyarrow: Any, values: np.ndarray) -> Any:
    """A column by its bytes: given the array itself, pyarrow imports pandas, which a server would keep in memory."""
    if values.dtype == object:
        texts = [str(text).encode("utf-8", "replace") for text in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        return pyarrow.StringArray.from_buffers(len(texts), pyarrow.py_buffer(ends), pyarrow.py_buffer(b"".join(texts)))
    known = np.ones(len(values), bool) if values.dtype.kind != "f" else ~np.isnan(values)
    if values.dtype == np.float64 and is_whole(values):  # ages are no fractions, also where some are unknown
        values = np.where(known, values, 0).astype(np.int64)
    valid = pyarrow.py_buffer(np.packbits(known, bitorder="little"))
    data = pyarrow.py_buffer(np.ascontiguousarray(values))
    return pyarrow.Array.from_buffers(pyarrow.from_numpy_dtype(values.dtype), len(values), [valid, data])


def cells_of(values: np.ndarray) -> list[Any]:
    """A column as cells of a CSV file: as few digits as tell a number, nothing where it is unknown."""
    check_cancelled()
    if values.dtype.kind != "f":
        return values.tolist()
    if values.dtype == np.float64 and is_whole(values):
        return [cell_of(value, True) for value in values.tolist()]
    shortest = values.tolist() if values.dtype == np.float64 else map(float, values.astype(str))
    return ["" if value != value else value for value in shortest]


def is_whole(values: np.ndarray) -> bool:
    """Whether all that are known, some at least, are whole numbers."""
    known = values[~np.isnan(values)]
    return bool(len(known)) and bool(((np.abs(known) < 2**53) & (known == np.floor(known))).all())


def cell_of(value: Any, whole: bool) -> Any:
    """A value as a cell: nothing where it is unknown, and no fraction where a column has none."""
    if isinstance(value, float):
        return "" if np.isnan(value) else int(value) if whole else value
    return value
