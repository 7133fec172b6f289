"""Pictures of 16 bits a channel with all their bits: Pillow alone keeps them of grey ones only."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image


def is_deep(picture: Image.Image) -> bool:
    """Whether a picture that is opened and not yet decoded has 16 bits a channel."""
    return picture.mode.startswith("I") or _layout(picture).endswith(";16B")


def planes(content: bytes, picture: Image.Image) -> Iterator[Image.Image] | None:
    """The channels of a deep picture, each as an image in mode "F", 0 to 65,535: one of grey, three of colour.

    None for one that has transparent parts, which is left to the upper 8 of its bits.

    Args:
        content: the file.
        picture: opened from it and not yet decoded, which is done here.
    """
    layout = _layout(picture)
    picture.load()
    if picture.mode.startswith("I"):
        return iter((picture.convert("F"),))
    if layout == "LA;16B":  # two times 16 bits are read as four times 8
        pairs = np.asarray(_read_as(content, "RGBA"))
        return None if pairs[..., 2].min() < 255 else iter((_plane(pairs[..., 0], pairs[..., 1]),))
    high = np.asarray(picture)  # what Pillow keeps of the two bytes
    if high.shape[2] == 4 and high[..., 3].min() < 255:
        return None
    # The lower byte of each pair is what would be the upper, were they in the other order.
    low = np.asarray(_read_as(content, layout.replace("16B", "16L")))
    return (_plane(high[..., channel], low[..., channel]) for channel in range(3))


def _layout(picture: Image.Image) -> str:
    """Pillow's name of the layout of a PNG's bytes; "" for other kinds."""
    return str(picture.tile[0][3]) if picture.format == "PNG" and picture.tile else ""


def _read_as(content: bytes, layout: str) -> Image.Image:
    picture = Image.open(io.BytesIO(content), formats=("PNG",))
    tile = picture.tile[0]
    picture.tile = [type(tile)(*tile[:3], layout)]
    picture.load()
    return picture


def _plane(high: np.ndarray, low: np.ndarray) -> Image.Image:
    values = high.astype(np.float32)
    values *= 256
    values += low
    return Image.fromarray(values)
