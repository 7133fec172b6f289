"""What a person sees of pictures before they are saved: a sheet of them, and counts."""

from __future__ import annotations

import numpy as np
import torch

from .labelling.labels import Labelling
from .store import held_out

PAPER = 128
"""The grey between pictures, which tells light and dark ones from it."""


def contact_sheet(images: np.ndarray, columns: int, zoom: int = 2, gap: int = 2) -> np.ndarray:
    """Pictures side by side, each pixel a block of its own.

    Args:
        images: uint8 (n, 1 or 3, size, size), n at least 1.
        columns: pictures a row.
        zoom: screen pixels a pixel.

    Returns:
        uint8 (height, width, 3).
    """
    count, _, height, width = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    tall, wide = height * zoom + gap, width * zoom + gap
    sheet = np.full((rows * tall - gap, columns * wide - gap, 3), PAPER, np.uint8)
    for number, image in enumerate(images):
        top, left = number // columns * tall, number % columns * wide
        block = image.transpose(1, 2, 0).repeat(zoom, 0).repeat(zoom, 1)
        sheet[top : top + height * zoom, left : left + width * zoom] = block
    return sheet


def class_counts(labelling: Labelling) -> dict[str, list]:
    """A table with a row for each class: its name, and how many pictures are for training and for testing."""
    is_test = held_out(labelling)
    most = len(labelling.classes)
    test = torch.bincount(labelling.labels[is_test], minlength=most)
    train = torch.bincount(labelling.labels[~is_test], minlength=most)
    return {"label": list(labelling.classes), "training": train.tolist(), "test": test.tolist()}


def examples(labelling: Labelling, label: int, count: int) -> list[int]:
    """Rows of a class, spread evenly over it."""
    rows = (labelling.labels == label).nonzero().flatten()
    places = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return rows[places].tolist()
