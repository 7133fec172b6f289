"""Grey values to binary pixels: a Bernoulli is a likelihood of nothing else.

Three ways, never mixed in one table:
    dynamic    a new draw x ~ Bernoulli(grey) every time an image is seen (training);
    fixed      one such draw an image, repeatable from a seed (numbers that must repeat);
    threshold  grey >= 1/2.
"""

from __future__ import annotations

import torch
from torch import Tensor

FIXED_SEED = 0


def dynamic(images: Tensor, generator: torch.Generator) -> Tensor:
    """A Bernoulli draw of every pixel.

    Args:
        images: uint8, any shape, grey values 0 to 255.
        generator: the source of randomness, on the images' device.

    Returns:
        float32 of the same shape, 0 or 1, with P(1) = grey / 255 exactly:
        u is uniform on 0..254 and x = [u < grey].
    """
    u = torch.empty_like(images).random_(0, 255, generator=generator)
    return (u < images).float()


def fixed(images: Tensor, seed: int = FIXED_SEED) -> Tensor:
    """One repeatable draw: the images are taken to be a data set in its own order.

    The draw is made on the CPU, image after image, so that the first n images of a
    set get the same pixels whatever n is, and a GPU sees what a CPU sees.
    """
    generator = torch.Generator().manual_seed(seed)
    return dynamic(images.cpu(), generator).to(images.device)


def threshold(images: Tensor) -> Tensor:
    """1 where the grey value is at least one half."""
    return (images >= 128).float()
