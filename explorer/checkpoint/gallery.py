"""A few labelled test images kept beside a model, so that it opens without its data set.

One PNG sheet that a person can look at, and a JSON file that says what is in it.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .weights import CheckpointError, write_file

SHEET_FILE = "gallery.png"
INDEX_FILE = "gallery.json"
COLUMNS = 40
MAX_IMAGES = 10_000
MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Gallery:
    """The first images of a test set: images uint8 (n, c, h, w), labels int64 (n,)."""

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]


def save_gallery(folder: Path, gallery: Gallery) -> None:
    """Writes gallery.png (images row by row, COLUMNS a row) and gallery.json."""
    from PIL import Image

    count, channels, height, width = gallery.images.shape
    rows = -(-count // COLUMNS)
    sheet = torch.zeros(rows * COLUMNS, channels, height, width, dtype=torch.uint8)
    sheet[:count] = gallery.images
    sheet = sheet.view(rows, COLUMNS, channels, height, width).permute(0, 3, 1, 4, 2)
    pixels = sheet.reshape(rows * height, COLUMNS * width, channels).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(buffer, "PNG", optimize=True)
    index = {
        "image_shape": [channels, height, width],
        "columns": COLUMNS,
        "classes": list(gallery.classes),
        "labels": gallery.labels.tolist(),
    }
    write_file(folder / SHEET_FILE, buffer.getvalue())
    write_file(folder / INDEX_FILE, (json.dumps(index) + "\n").encode())


def _readable(name: object) -> str:
    """A class's name as it can be shown anywhere, whatever a file holds."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(name)[:200])


def load_gallery(folder: Path, image_shape: tuple[int, int, int]) -> Gallery | None:
    """Reads what `save_gallery` wrote; None where a model has no gallery.

    Raises:
        CheckpointError: the gallery is there but does not fit the model or itself.
    """
    sheet, index = folder / SHEET_FILE, folder / INDEX_FILE
    if not (sheet.exists() or index.exists()):
        return None
    try:
        if index.stat().st_size > MAX_BYTES or sheet.stat().st_size > MAX_BYTES:
            raise CheckpointError(f"{index} or {sheet.name} beside it is too large to be a gallery.")
        facts = json.loads(index.read_text("utf-8-sig"))
        labels = torch.tensor(facts["labels"], dtype=torch.int64)
        columns, classes = int(facts["columns"]), tuple(map(_readable, facts["classes"]))
        shape = tuple(facts["image_shape"])
    except CheckpointError:
        raise
    except (OSError, ValueError, OverflowError, KeyError, TypeError, RuntimeError, RecursionError) as error:
        raise CheckpointError(f"{index} could not be read: {error!r:.120}.") from None
    if shape != tuple(image_shape):
        raise CheckpointError(f"{index} has images of shape {shape}; the model needs {tuple(image_shape)}.")
    if labels.ndim != 1 or not 0 < len(labels) <= MAX_IMAGES or not 0 < columns <= 1_000:
        raise CheckpointError(f"{index} must hold 1 to {MAX_IMAGES:,} labels.")
    if not classes or labels.min() < 0 or labels.max() >= len(classes):
        raise CheckpointError(f"{index} has labels outside its classes.")
    return Gallery(_cut(sheet, len(labels), columns, shape), labels, classes)


def _cut(path: Path, count: int, columns: int, shape: tuple[int, ...]) -> Tensor:
    from PIL import Image

    channels, height, width = shape
    rows = -(-count // columns)
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            # The size is known before any pixel is decoded.
            if picture.size != (columns * width, rows * height):
                raise CheckpointError(
                    f"{path} is {picture.size[0]}×{picture.size[1]} pixels; its index asks for "
                    f"{columns * width}×{rows * height}."
                )
            pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    except CheckpointError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CheckpointError(f"{path} could not be read: {error}.") from None
    tiles = torch.from_numpy(pixels.copy()).view(rows, height, columns, width, channels)
    return tiles.permute(0, 2, 4, 1, 3).reshape(rows * columns, channels, height, width)[:count].contiguous()
