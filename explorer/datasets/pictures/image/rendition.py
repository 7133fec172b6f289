"""Renditions settled over a whole set: the range that 16 bits use, and the paper under transparent parts.

Until then such squares are kept raw, beside the pictures: uint16 (1 or 3, size, size) of 16 bits a
channel, uint8 (4, size, size) with transparency. A person may choose otherwise afterwards.
"""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from PIL import Image

MOST = 65_535
WHITE, BLACK = 255, 0
NARROW = MOST // 2
"""A set that uses less of the range than this is stretched, unless a person chooses otherwise."""
FAINT = 24.0
"""Mean difference from the paper, of 255, below which nothing of a picture is seen on it."""


@dataclass
class Renditions:
    """The raw squares of a set and how they are shown.

    Attributes:
        spool: the raw squares, one after another; without a name on disk.
        low, high: the least and the largest 16-bit value in the set's files.
        stretched: whether that range is stretched over all greys; None before it is settled.
        paper: WHITE, BLACK, or None for what tells each picture from its paper.
    """

    spool: BinaryIO
    low: int = MOST
    high: int = 0
    stretched: bool | None = None
    paper: int | None = None
    _squares: list[tuple[int, int, int, int]] = field(default_factory=list)  # row, channels, offset, paper

    @property
    def deep(self) -> int:
        """Number of pictures with 16 bits a channel."""
        return sum(channels < 4 for _, channels, _, _ in self._squares)

    @property
    def clear(self) -> int:
        """Number of pictures with transparent parts."""
        return len(self._squares) - self.deep

    @property
    def narrow(self) -> bool:
        """Whether the set uses a part of the 16 bits only."""
        return self.low < self.high and self.high - self.low < NARROW

    def __post_init__(self) -> None:
        weakref.finalize(self, self.spool.close)

    def add(self, row: int, raw: np.ndarray, extrema: tuple[int, int] | None) -> None:
        """Keeps one raw square.

        Args:
            row: of the picture in the set.
            extrema: the least and the largest value of the whole picture, where it has 16 bits.
        """
        offset = self._squares[-1][2] + self._bytes(self._squares[-1][1], raw) if self._squares else 0
        self.spool.seek(offset)
        self.spool.write(raw.tobytes())
        if extrema is not None:
            self.low, self.high = min(self.low, extrema[0]), max(self.high, extrema[1])
        self._squares.append((row, len(raw), offset, WHITE if extrema else best_paper(raw)))

    def render(self, spool: BinaryIO, size: int, channels: int) -> Counter[str]:
        """Writes every such picture into the spool of the set as it is to be shown.

        Returns:
            How many had what done to them; keys of `square.NOTES`.
        """
        if self.stretched is None:
            self.stretched = self.narrow
        low, high = (self.low, self.high) if self.stretched else (0, MOST)
        done: Counter[str] = Counter()
        for row, kind, offset, best in self._squares:
            self.spool.seek(offset)
            if kind < 4:
                raw = np.frombuffer(self.spool.read(2 * kind * size**2), np.uint16).reshape(kind, size, size)
                pixels = from_deep(raw, channels, low, high)
                done["stretched" if self.stretched else "deep"] += 1
            else:
                raw = np.frombuffer(self.spool.read(kind * size**2), np.uint8).reshape(kind, size, size)
                paper = best if self.paper is None else self.paper
                pixels = over_paper(raw, channels, paper)
                done["transparent" if paper == WHITE else "dark paper"] += 1
            spool.seek(row * channels * size**2)
            spool.write(pixels.tobytes())
        return done

    @staticmethod
    def _bytes(channels: int, like: np.ndarray) -> int:
        return channels * like[0].size * (2 if channels < 4 else 1)


def from_deep(raw: np.ndarray, channels: int, low: int = 0, high: int = MOST) -> np.ndarray:
    """Values of 16 bits as bytes, `low` black and `high` white; uint8 (channels, size, size)."""
    scaled = (raw.astype(np.float64) - low) * (255 / max(high - low, 1))
    return in_channels(np.rint(scaled).clip(0, 255).astype(np.uint8), channels)


def over_paper(raw: np.ndarray, channels: int, paper: int = WHITE) -> np.ndarray:
    """A picture with transparency laid over an even grey, uint8 (channels, size, size)."""
    picture = Image.fromarray(np.ascontiguousarray(raw.transpose(1, 2, 0)))
    under = Image.new("RGBA", picture.size, (paper, paper, paper, 255))
    return in_channels(np.asarray(Image.alpha_composite(under, picture).convert("RGB")).transpose(2, 0, 1), channels)


def in_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Grey as colour or colour as grey, by ITU-R 601 luma."""
    if len(pixels) == channels:
        return np.ascontiguousarray(pixels)
    if channels == 3:
        return np.repeat(pixels, 3, 0)
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).convert("L"))[None]


def best_paper(raw: np.ndarray) -> int:
    """White, but for a picture of which next to nothing would be seen on it: that is laid over black."""
    weight = raw[3].astype(np.float64)
    if not weight.any():
        return WHITE

    def contrast(paper: int) -> float:
        away = np.abs(raw[:3].astype(np.float64) - paper).mean(0)
        return float((away * weight).sum() / weight.sum())

    return BLACK if contrast(WHITE) < FAINT < contrast(BLACK) else WHITE
