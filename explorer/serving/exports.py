"""What a selection is taken away as: CSV, Parquet, NumPy arrays, or a zip of its images."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from typing import Any

import numpy as np
from PIL import Image as Picture

from .columns import NAMES, column_of
from .fitted_maps import trust_in
from .space import Space
from .state import BadState
from .tables import LONGEST, MAX_COLUMNS, free_column

FORMATS = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "npz": "application/octet-stream",
    "zip": "application/zip",
}
# A zip of images, so that nobody fills the server's memory: a data set has its own files.
MOST_PICTURES = 20_000
LARGEST = 1e300


def export_of(space: Space, state: Any) -> bytes:
    """The rows of a selection.

    Args:
        state: {"format": one of FORMATS, "rows": base64 of one bit an image, from the highest; null for all,
            "map": the places, base64 of float32 (n, 2), or null; "fitted": the name of the fitted map that they are
            of, or null; "columns": [{"name", "values"}] that a person brought, with "kinds" where values are positions
            among them}.

    Raises:
        BadState: a part of it is not usable, or nothing is selected.
    """
    if not isinstance(state, dict) or str(state.get("format")) not in FORMATS:
        raise BadState(f"format must be {', '.join(FORMATS)}.")
    rows = _rows(state.get("rows"), len(space.latents))
    if state["format"] == "zip":
        return _pictures(space, rows)
    table = _table(space, rows, state)
    file = io.BytesIO()
    if state["format"] == "npz":
        latents = space.latents
        arrays = {"loc": latents.loc, "scale": latents.scale, "images": latents.images, "labels": latents.labels}
        arrays = {name: values.numpy()[rows] for name, values in arrays.items()}
        for name, values in table.items():
            # Names of a person's own columns become names of files; words are fixed-width text, never objects.
            if name != "label" and name not in _coordinates(space):
                arrays[free_column(re.sub(r"\W+", "_", name), arrays)] = np.asarray(values)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as folder:
            for name, values in arrays.items():
                part = io.BytesIO()
                np.lib.format.write_array(part, np.ascontiguousarray(values), version=(1, 0))
                folder.writestr(f"{name}.npy", part.getvalue())
        return file.getvalue()
    import pandas

    frame = pandas.DataFrame(table)
    if state["format"] == "parquet":
        frame.to_parquet(file, index=False)
        return file.getvalue()
    return frame.to_csv(index=False).encode()


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


def _table(space: Space, rows: np.ndarray, state: dict[str, Any]) -> dict[str, Any]:
    latents = space.latents
    labels = latents.labels.numpy()[rows]
    table: dict[str, Any] = {
        "index": rows,
        "label": labels,
        "class": np.array(latents.classes)[labels],
    }
    for name in NAMES:
        values = column_of(space, name)[0].numpy()[rows]
        if np.isfinite(values).any():
            table[name] = values
    if state.get("map") is not None:
        u = _places(state["map"], len(latents))[rows]
        table["map_1"], table["map_2"] = u[:, 0], u[:, 1]
    for name, values in trust_in(space, str(state.get("fitted"))).items():
        table[name] = values.numpy()[rows]
    coordinates = _coordinates(space)
    table |= dict(zip(coordinates, np.hstack([latents.loc.numpy(), latents.scale.numpy()])[rows].T, strict=True))
    for name, values in _brought(state.get("columns"), len(latents)):
        table[free_column(name, table)] = values[rows]
    return table


def _coordinates(space: Space) -> list[str]:
    """The columns that in arrays are one of all dimensions."""
    return [f"{kind}_{i + 1}" for kind in ("z", "scale") for i in range(space.latent)]


def _places(value: Any, count: int) -> np.ndarray:
    try:
        content = base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        raise BadState("The places on the map are not base64.") from None
    if len(content) != 8 * count:
        raise BadState("The places on the map are not those of these images.")
    return np.frombuffer(content, "<f4").reshape(count, 2)


def _brought(value: Any, count: int) -> list[tuple[str, np.ndarray]]:
    found = []
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
            cells = np.array([words[at] if type(at) is int and 0 <= at < len(words) else "" for at in values])
        else:
            cells = np.array([_number(entry) for entry in values])
        found.append((_text(column.get("name")) or "column", cells))
    return found


def _text(value: Any) -> str:
    """A short text that every file can hold."""
    return str(value)[:LONGEST].encode("utf-8", "replace").decode()


def _number(value: Any) -> float:
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST
    return float(value) if usable else np.nan


def _pictures(space: Space, rows: np.ndarray) -> bytes:
    if len(rows) > MOST_PICTURES:
        raise BadState(f"{len(rows):,} images are selected; a zip holds up to {MOST_PICTURES:,}: select fewer.")
    images, labels, classes = space.latents.images, space.latents.labels, space.latents.classes
    file = io.BytesIO()
    width = len(str(len(images) - 1))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as folder:  # PNG is compressed already
        lines = ["file,label"]
        for row in rows.tolist():
            image = images[row]
            values = image.permute(1, 2, 0).numpy() if image.shape[0] == 3 else image[0].numpy()
            one = io.BytesIO()
            Picture.fromarray(values).save(one, "PNG")
            name = f"{row:0{width}}.png"
            folder.writestr(name, one.getvalue())
            said = classes[int(labels[row])].replace('"', '""')
            lines.append(f'{name},"{said}"')
        folder.writestr("labels.csv", "\n".join(lines) + "\n")
    return file.getvalue()
