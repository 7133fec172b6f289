"""A data set encoded: for every image its label, the pixels its likelihood sees and its q(z|x)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .datasets.binarise import repeatable
from .models import VAE

CHUNK = 2_048
VALUES = 1 << 21  # pixels encoded at once, so that large colour images take no more memory than small ones


@dataclass(frozen=True)
class Latents:
    """Images and where a model's encoder puts them, row for row.

    Attributes:
        images: grey values, uint8 (n, c, h, w).
        x: what the likelihood sees, times `white`, uint8 (n, c, h, w): binary pixels, or the
            grey values themselves (then no copy of them).
        white: x of a white pixel, 1 or 255.
        labels: int64 (n,); classes: their names.
        loc, scale: of q(z|x), float32 (n, d).
    """

    images: Tensor
    x: Tensor
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
    images = torch.cat([images for images, _ in parts])
    labels = torch.cat([labels for _, labels in parts])
    if binarisation == "none":
        x, white = images, 255
    else:
        x, white = torch.cat([repeatable(images, binarisation).to(torch.uint8) for images, _ in parts]), 1
    loc, scale = [], []
    for chunk in x.split(max(1, min(CHUNK, VALUES // x.shape[1:].numel()))):
        q = model.posterior(chunk.to(device).float().div_(white)).base_dist
        loc.append(q.loc.cpu())
        scale.append(q.scale.cpu())
    return Latents(images, x, labels, classes, torch.cat(loc), torch.cat(scale), white)
