"""What a selection is taken away as: CSV, Parquet, NumPy arrays, or a zip of its images."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from PIL import Image as Picture

from ....cancellation import check_cancelled
from ....files.formulas import to_csv
from ...space.space import Space
from ...space.state import BadState
from ...visitors.person import Visitor
from ..columns import NAMES, column_of, draws_of
from ..fitted_maps import places_in, trust_in
from ..plane_trust import plane_named
from ..tables.brought import LONGEST, MAX_COLUMNS, free_column, kept_table, names_taken_away
from ..tables.cells import cell_of, cells_of, is_whole, parquet_of
from ..tables.dictionary import Column, dictionary, rows_of
from ..tables.own_rows import cells
from .zip_names import ZipNames

FORMATS = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "npz": "application/octet-stream",
    "zip": "application/zip",
    # The dictionary of the columns of the others, for a file of its own and for the page.
    "columns.csv": "text/csv",
    "columns.json": "application/json",
}
DICTIONARY = "columns.csv"  # within a file of arrays or images
# So that nobody fills the server's memory: a data set has its own files.
MOST_PICTURES = 20_000  # of a zip
MOST_BYTES = 1 << 28  # of arrays, before they are compressed: 70,000 colour images of 32 x 32
LARGEST = 1e300


def export_of(space: Space, state: Any, visitor: Visitor) -> bytes:
    """The rows of a selection.

    Args:
        state: {"format": one of FORMATS, "rows": base64 of one bit an image, from the highest; null for all,
            "map": the name of the map whose places are wanted, or null; "columns": names of those that the person
            brought}.
        visitor: whose columns.

    Raises:
        BadState: a part of it is not usable, or nothing is selected.
    """
    if not isinstance(state, dict) or str(state.get("format")) not in FORMATS:
        raise BadState(f"format must be {', '.join(FORMATS)}.")
    rows = _rows(state.get("rows"), len(space.latents))
    state = {**state, "columns": _kept(space, state.get("columns"), visitor)}
    if state["format"] == "zip":
        return _pictures(space, rows, state)
    arrays = state["format"] == "npz"
    # Before anything is copied; a person's own columns are counted when they are there.
    _check_size(len(rows) * (8 * space.latent + arrays * space.latents.images[0].numel()), arrays)
    table, origins = _table(space, rows, state)
    entries = dictionary(table, origins, **_facts(space, state))
    if arrays:
        return _arrays(space, rows, table, entries)
    if state["format"] == "columns.csv":
        return to_csv(rows_of(entries)).encode()
    if state["format"] == "columns.json":
        return json.dumps([asdict(entry) for entry in entries]).encode()
    if state["format"] == "parquet":
        return parquet_of(table, {entry.name: {"meaning": entry.meaning, "unit": entry.unit} for entry in entries})
    columns = [cells_of(values) for values in table.values()]
    return to_csv([list(table), *zip(*columns, strict=True)]).encode()


def _check_size(taken: int, images: bool) -> None:
    if taken > MOST_BYTES:
        otherwise = ", or take CSV or Parquet, which hold no images" if images else ""
        raise BadState(
            f"What is selected takes {taken / 1e6:,.0f} MB; up to {MOST_BYTES / 1e6:,.0f} MB can be taken away at "
            f"once: select fewer points{otherwise}."
        )


def _facts(space: Space, state: dict[str, Any]) -> dict[str, str]:
    """Facts that meanings of columns name: the map that is shown, and the method behind log p(x)."""
    return {"map": str(state.get("map")), "made": str(column_of(space, "log_evidence")[1]["made"])}


def _arrays(space: Space, rows: np.ndarray, table: dict[str, np.ndarray], entries: list[Column]) -> bytes:
    latents = space.latents
    whole = {"loc": latents.loc, "scale": latents.scale, "images": latents.images, "labels": latents.labels}
    columns: dict[str, np.ndarray] = {}
    coordinates = _coordinates(space)
    listed = dictionary({name: np.broadcast_to(np.zeros(()), len(rows)) for name in whole})
    for entry in entries:
        # Names of a person's own columns become names of files.
        if entry.name != "label" and entry.name not in coordinates:
            given = free_column(re.sub(r"\W+", "_", entry.name), {*whole, *columns})
            columns[given] = table[entry.name]
            listed.append(replace(entry, name=given))
    taken = sum(values[0].nbytes for values in whole.values()) * len(rows) + sum(map(_size, columns.values()))
    _check_size(taken, True)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as folder:
        for name in (*whole, *columns):  # one copy at a time
            check_cancelled()
            values = whole[name].numpy()[rows] if name in whole else columns[name]
            if values.dtype == object:  # fixed-width text: objects would be a pickle
                values = values.astype(str)
            with folder.open(f"{name}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, np.ascontiguousarray(values), version=(1, 0))
        folder.writestr(DICTIONARY, to_csv(rows_of(listed)))
    return file.getvalue()


def _size(values: np.ndarray) -> int:
    """Bytes of an array as it is written, text four a letter and as wide as its longest word."""
    return 4 * max(map(len, values)) * len(values) if values.dtype == object else values.nbytes


def _rows(value: Any, count: int) -> np.ndarray:
    """Numbers of the images that are selected, int64."""
    if value is None:
        return np.arange(count)
    try:
        bits = np.frombuffer(base64.b64decode(value, validate=True), np.uint8)
    except (TypeError, ValueError):
        raise BadState("The selection is not base64.") from None
    if len(bits) != -(-count // 8):
        raise BadState(f"The selection must have one bit for each of the {count:,} images.")
    rows = np.flatnonzero(np.unpackbits(bits)[:count])
    if not len(rows):
        raise BadState("Nothing is selected, so there is nothing to take away: select some points first.")
    return rows


def _table(space: Space, rows: np.ndarray, state: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Columns of the selected rows, and where those that are not ours are from, see `dictionary`.

    Words are objects, each there once however many rows it stands in.
    """
    latents = space.latents
    labels = latents.labels.numpy()[rows]
    table = _whose(space, rows) | {"label": labels, "class": np.array(latents.classes, dtype=object)[labels]}
    for name in NAMES:
        check_cancelled()
        values = column_of(space, name)[0].numpy()[rows]
        if np.isfinite(values).any():
            table[name] = values
    table["elbo_draws"] = draws_of(space).numpy()[rows]
    if state.get("map") is not None:
        u = _places(space, state["map"])[rows]
        table["map_1"], table["map_2"] = u[:, 0], u[:, 1]
    for name, values in trust_in(space, str(state.get("map")).removeprefix("umap-")).items():
        table[name] = values.numpy()[rows]
    coordinates = [*latents.loc.numpy()[rows].T, *latents.scale.numpy()[rows].T]
    table |= dict(zip(_coordinates(space), coordinates, strict=True))
    return table, _add_theirs(table, space, rows, state)


def _add_theirs(table: dict[str, np.ndarray], space: Space, rows: np.ndarray, state: dict[str, Any]) -> dict[str, str]:
    """Adds the columns that the pictures came with and those that a person brought; where each is from, by its name."""
    origins = {}
    columns = [("pictures", *column) for column in _own(space, rows).items()]
    columns += [("brought", *column) for column in _brought(state.get("columns"), len(space.latents), rows)]
    for origin, name, values in columns:
        given = free_column(name, table)
        table[given], origins[given] = values, origin
    return origins


def _whose(space: Space, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Columns that identify images: by their number on the map, by that in their split, and by their files."""
    test = rows < space.test_count
    found = {
        "index": rows,
        "split": np.array(["train", "test"], dtype=object)[test.astype(int)],
        "split_index": np.where(test, rows, rows - space.test_count),
    }
    if space.own.files:
        found["file"] = np.array(space.own.files, dtype=object)[rows]
    return found


def _own(space: Space, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The columns that the pictures came with."""
    names = names_taken_away(space)
    return {names[name]: cells(column, rows) for name, column in space.own.columns.items()}


def _coordinates(space: Space) -> list[str]:
    """The columns that in arrays are one of all dimensions."""
    return [f"{kind}_{i + 1}" for kind in ("z", "scale") for i in range(space.latent)]


def _places(space: Space, name: Any) -> np.ndarray:
    """Places of all images on a map, float32 (n, 2)."""
    kind, _, key = str(name).partition("-")
    if kind == "umap":
        places = places_in(space, key)
    else:
        plane = plane_named(space, str(name))
        places = None if plane is None else plane.project(space.latents.loc)
    if places is None:
        raise BadState("There is no map of this name here any more: choose another.")
    return places.numpy().astype("<f4")


def _kept(space: Space, names: Any, visitor: Visitor) -> list[dict[str, Any]]:
    """The columns of these names that a person brought."""
    if not isinstance(names, (list, type(None))) or len(names or []) > MAX_COLUMNS:
        raise BadState(f"Columns of one's own are a list of up to {MAX_COLUMNS} names.")
    if not names:
        return []
    kept = {column["name"]: column for column in kept_table(space, visitor)["columns"]}
    for name in names:
        if not isinstance(name, str) or name not in kept:
            raise BadState(
                f"The column {str(name)[:LONGEST]} is not kept here: bring its table again, in a browser that keeps "
                "cookies, or forget it."
            )
    return [kept[name] for name in dict.fromkeys(names)]


def _brought(value: Any, count: int, rows: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Names and selected rows of the columns that a person brought."""
    found = []
    chosen = rows.tolist()
    if not isinstance(value, (list, type(None))) or len(value or []) > MAX_COLUMNS:
        raise BadState(f"Columns of one's own are a list of up to {MAX_COLUMNS}.")
    for column in value or []:
        if not isinstance(column, dict) or not isinstance(column.get("values"), list):
            raise BadState("A column is a name and values.")
        values, kinds = column["values"], column.get("kinds")
        if len(values) != count:
            raise BadState("A column has not as many values as there are images.")
        if isinstance(kinds, list):
            words = [_text(kind) for kind in kinds]
            places = (values[row] for row in chosen)
            texts = [words[at] if type(at) is int and 0 <= at < len(words) else "" for at in places]
            cells = np.array(texts, dtype=object)
        else:
            cells = np.array([_number(values[row]) for row in chosen])
        found.append((_text(column.get("name")) or "column", cells))
    return found


def _text(value: Any) -> str:
    """A short text that every file can hold."""
    return str(value)[:LONGEST].encode("utf-8", "replace").decode()


def _number(value: Any) -> float:
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST
    return float(value) if usable else np.nan


def _pictures(space: Space, rows: np.ndarray, state: dict[str, Any]) -> bytes:
    """A zip of PNGs, named as the pictures were where this is known, and labels.csv with their columns."""
    if len(rows) > MOST_PICTURES:
        raise BadState(f"{len(rows):,} images are selected; a zip holds up to {MOST_PICTURES:,}: select fewer.")
    images, labels, classes = space.latents.images, space.latents.labels, space.latents.classes
    file = io.BytesIO()
    width = len(str(len(images) - 1))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as folder:  # PNG is compressed already
        whose, given = _whose(space, rows), ZipNames(["labels.csv", DICTIONARY])
        files = whose.pop("file", None)
        texts = np.array(classes, dtype=object)[labels.numpy()[rows]]
        table = {"file": np.empty(len(rows), dtype=object), "label": texts, **whose}
        if files is not None:
            table["original"] = files
        origins = _add_theirs(table, space, rows, state)
        for at, row in enumerate(rows.tolist()):
            check_cancelled()
            image = images[row]
            values = image.permute(1, 2, 0).numpy() if image.shape[0] == 3 else image[0].numpy()
            one = io.BytesIO()
            Picture.fromarray(values).save(one, "PNG")
            name = f"{row:0{width}}.png" if files is None else given.name(files[at], ".png")
            folder.writestr(name, one.getvalue())
            table["file"][at] = name
        whole = {name for name, values in table.items() if values.dtype == np.float64 and is_whole(values)}
        listed = [[cell_of(value, name in whole) for value in values.tolist()] for name, values in table.items()]
        folder.writestr(DICTIONARY, to_csv(rows_of(dictionary(table, origins))))
        folder.writestr("labels.csv", to_csv([list(table), *zip(*listed, strict=True)]))
    return file.getvalue()
