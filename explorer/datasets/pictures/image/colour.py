"""Whether pictures have colour: a set in which none has is kept as grey, at a third of the size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..reading import Reading

CHROMA = 24  # between the channels of a pixel that has colour; what JPEG and scanners add to grey is less
PIXELS = 0.005  # of a picture that has colour
PICTURES = 0.05  # of a set that is kept in colour


def has_colour(pixels: np.ndarray) -> bool:
    """Whether some of a picture's pixels, uint8 (channels, size, size), are clearly not grey."""
    if len(pixels) == 1:
        return False
    chroma = pixels.max(axis=0).astype(np.int16) - pixels.min(axis=0)
    return bool((chroma > CHROMA).mean() >= PIXELS)


def settle_channels(reading: Reading) -> None:
    """Keeps what was read in colour so where one picture in twenty has any, else makes all of it grey; says which.

    Raises:
        OSError: the spool cannot be written.
    """
    count = len(reading)
    if not count:
        return
    if reading.coloured >= max(PICTURES * count, 1):
        reading.settled = f"Kept in colour: {reading.coloured:,} of {count:,} pictures have any."
        return
    _to_grey(reading)
    some = f"only {reading.coloured:,} of {count:,} pictures have" if reading.coloured else "no picture has"
    reading.settled = f"Kept as grey: {some} colour."


def _to_grey(reading: Reading) -> None:
    """Rewrites the spool from its start: each grey picture ends before the next coloured one begins."""
    from PIL import Image

    size, wide = reading.size, reading.picture_bytes
    for row in range(len(reading)):
        reading.spool.seek(row * wide)
        pixels = np.frombuffer(reading.spool.read(wide), np.uint8).reshape(3, size, size)
        grey = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).convert("L")
        reading.spool.seek(row * size * size)
        reading.spool.write(grey.tobytes())
    reading.channels = 1
    reading.spool.truncate(len(reading) * size * size)
