"""A data set encoded: for every image its label, the pixels its likelihood sees and its q(z|x)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .datasets.binarise import repeatable_bits
from .models import VAE

CHUNK = 2_048
VALUES = 1 << 21  # pixels encoded at once, so that large colour images take no more memory than small ones


class Bits:
    """Binary images, eight pixels a byte; rows of it are tensors.

    Attributes:
        packed: uint8 (n, ceil(D / 8)), each row from its highest bit.
        shape: (n, c, h, w).
    """

    def __init__(self, packed: Tensor, shape: tuple[int, ...]) -> None:
        self.packed, self.shape = packed, shape

    @classmethod
    def of(cls, images: Tensor) -> Bits:
        """From images (n, c, h, w) of 0 and 1, uint8."""
        return cls(torch.from_numpy(np.packbits(images.flatten(1).numpy(), axis=1)), tuple(images.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | int) -> Tensor:
        """The images of a slice (m, c, h, w), or one (c, h, w): uint8, 0 or 1."""
        if isinstance(rows, int):
            return self[rows : rows + 1 or None][0]
        pixels = int(np.prod(self.shape[1:]))
        bits = np.unpackbits(self.packed[rows].numpy(), axis=1, count=pixels)
        return torch.from_numpy(bits).view(-1, *self.shape[1:])


@dataclass(frozen=True)
class Latents:
    """Images and where a model's encoder puts them, row for row.

    Attributes:
        images: grey values, uint8 (n, c, h, w).
        x: what the likelihood sees, times `white`, uint8 (n, c, h, w): binary pixels as `Bits`, or the
            grey values themselves (then no copy of them).
        white: x of a white pixel, 1 or 255.
        labels: int64 (n,); classes: their names.
        loc, scale: of q(z|x), float32 (n, d).
    """

    images: Tensor
    x: Tensor | Bits
    labels: Tensor
    classes: tuple[str, ...]
    loc: Tensor
    scale: Tensor
    white: int = 1

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def binary(self) -> bool:
        """Whether the likelihood sees 0 and 1 alone."""
        return self.white == 1

    def observed(self, rows: slice) -> Tensor:
        """x as the likelihood sees it, float32 in [0, 1] (m, c, h, w)."""
        return self.x[rows].float().div_(self.white)


@torch.inference_mode()
def encode(
    model: VAE, parts: list[tuple[Tensor, Tensor]], classes: tuple[str, ...], *, binarisation: str = "fixed"
) -> Latents:
    """Encodes the parts of a data set, one after another.

    Args:
        parts: (images uint8 (n, c, h, w), labels (n,)) of each split, test first. Each is
            made binary by a fixed draw of its own, so an image has the same pixels whether
            or not other splits come along.
        binarisation: what the model was trained with, see `datasets.binarise.repeatable`.
    """
    device = next(model.parameters()).device
    # Of one part no copy: the data set's own images are shared by all its models.
    images = torch.cat([images for images, _ in parts]) if len(parts) > 1 else parts[0][0]
    labels = torch.cat([labels for _, labels in parts])
    x: Tensor | Bits
    if binarisation == "none":
        x, white = images, 255
    else:
        bits = [Bits.of(repeatable_bits(images, binarisation)).packed for images, _ in parts]
        x, white = Bits(torch.cat(bits), tuple(images.shape)), 1
    loc, scale = [], []
    step = max(1, min(CHUNK, VALUES // images.shape[1:].numel()))
    for first in range(0, len(images), step):
        q = model.posterior(x[first : first + step].to(device).float().div_(white)).base_dist
        loc.append(q.loc.cpu())
        scale.append(q.scale.cpu())
    return Latents(images, x, labels, classes, torch.cat(loc), torch.cat(scale), white)
