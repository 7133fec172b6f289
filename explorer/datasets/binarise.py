"""Grey values to the pixels a likelihood is of: binary ones for a Bernoulli, else grey / 255.

The ways, whose numbers are never mixed in one table:
    dynamic    a new draw x ~ Bernoulli(grey) every time an image is seen (training);
    fixed      one such draw an image, repeatable from a seed (numbers that must repeat);
    threshold  grey >= 1/2;
    none       grey / 255, for a likelihood of grey or colour values.
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
        float32 of the same shape, 0 or 1, with P(1) = grey / 255 (to within 2**-32):
        u is uniform on 0..254 and x = [u < grey].
    """
    u = _bytes_below_255(images, generator) if images.device.type == "cpu" else _uniform(images, generator)
    return (u < images).view(torch.uint8).float()  # by way of uint8: bool to float is four times slower


def _uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform on 0..254, uint8: one number of the generator a pixel."""
    return torch.empty_like(like).random_(0, 255, generator=generator)


def _bytes_below_255(like: Tensor, generator: torch.Generator) -> Tensor:
    """The same distribution in half the time on a CPU: eight pixels a number, any 255 drawn anew."""
    count = like.numel()
    words = torch.empty(-(-count // 8), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    u = words.view(torch.uint8)[:count]
    again = u.eq(torch.full_like(u, 255)).nonzero().squeeze(1)
    u[again] = torch.empty(len(again), dtype=torch.uint8).random_(0, 255, generator=generator)
    return u.view(like.shape)


def fixed(images: Tensor, seed: int = FIXED_SEED) -> Tensor:
    """One repeatable draw: the images are taken to be a data set in its own order.

    The draw is made on the CPU, image after image, so that the first n images of a
    set get the same pixels whatever n is, and a GPU sees what a CPU sees.
    """
    return _drawn(images, seed).float().to(images.device)


def _drawn(images: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    grey = images.cpu()
    return (_uniform(grey, generator) < grey).view(torch.uint8)


def threshold(images: Tensor) -> Tensor:
    """1 where the grey value is at least one half."""
    return (images >= 128).float()


def grey(images: Tensor) -> Tensor:
    """Grey values in [0, 1], float32: k / 255 exactly as float32 rounds it."""
    return images.float().div_(255)


def repeatable(images: Tensor, how: str) -> Tensor:
    """The pixels whose numbers are reported, float32: as the model was trained, a fixed draw for a dynamic one."""
    if how == "none":
        return grey(images)
    return threshold(images) if how == "threshold" else fixed(images)


def repeatable_bits(images: Tensor, how: str) -> Tensor:
    """`repeatable` for binary pixels, as uint8 0 or 1 on the CPU: a quarter of the memory."""
    return (images.cpu() >= 128).view(torch.uint8) if how == "threshold" else _drawn(images, FIXED_SEED)


def observed(images: Tensor, how: str, generator: torch.Generator) -> Tensor:
    """What a likelihood sees of images while it is trained, float32.

    Args:
        images: uint8, a minibatch; for "fixed" a whole data set in its own order, see `fixed`.
        how: one of the ways above.
        generator: of the draws of "dynamic", on the images' device; no other way touches it.
    """
    return dynamic(images, generator) if how == "dynamic" else repeatable(images, how)
