"""A data set encoded: for every image its label, its binary pixels and its q(z|x)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .datasets.binarise import repeatable
from .models import VAE

CHUNK = 2_048


@dataclass(frozen=True)
class Latents:
    """Images and where a model's encoder puts them, row for row.

    Attributes:
        images: grey values, uint8 (n, c, h, w).
        x: what the likelihood sees, 0 or 1, uint8 (n, c, h, w).
        labels: int64 (n,); classes: their names.
        loc, scale: of q(z|x), float32 (n, d).
    """

    images: Tensor
    x: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    loc: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@torch.inference_mode()
def encode(
    model: VAE, parts: list[tuple[Tensor, Tensor]], classes: tuple[str, ...], *, binarisation: str = "fixed"
) -> Latents:
    """Encodes the parts of a data set, one after another.

    Args:
        parts: (images uint8 (n, c, h, w), labels (n,)) of each split, test first. Each is
            binarised by a fixed draw of its own, so an image has the same pixels whether
            or not other splits come along.
        binarisation: what the model was trained with, see `datasets.binarise.repeatable`.
    """
    device = next(model.parameters()).device
    images = torch.cat([images for images, _ in parts])
    x = torch.cat([repeatable(images, binarisation) for images, _ in parts])
    loc, scale = [], []
    for chunk in x.split(CHUNK):
        q = model.posterior(chunk.to(device)).base_dist
        loc.append(q.loc.cpu())
        scale.append(q.scale.cpu())
    labels = torch.cat([labels for _, labels in parts])
    return Latents(images, x.to(torch.uint8), labels, classes, torch.cat(loc), torch.cat(scale))
