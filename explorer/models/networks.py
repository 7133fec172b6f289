"""The two kinds of network: dense layers, and strided convolutions to any depth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..config import ConfigError
from .layers import PreciseLinear, QuickLinear

_ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": lambda: nn.GELU(approximate="tanh"), "tanh": nn.Tanh}


def dense(widths: Sequence[int], activation: str, *, precise: int) -> nn.Sequential:
    """Linear layers through `widths`, with the activation after each but the last.

    Args:
        precise: index of the layer that touches z.
    """
    steps = list(itertools.pairwise(widths))
    layers: list[nn.Module] = []
    for index, (inside, outside) in enumerate(steps):
        kind = PreciseLinear if index == precise % len(steps) else QuickLinear
        layers += [kind(inside, outside), _ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def mlp_encoder(pixels: int, hidden: Sequence[int], outputs: int, activation: str) -> nn.Module:
    """(batch, channels, height, width) to (batch, outputs) by dense layers."""
    return nn.Sequential(nn.Flatten(), dense((pixels, *hidden, outputs), activation, precise=-1))


def mlp_decoder(latent: int, hidden: Sequence[int], shape: tuple[int, int, int], activation: str) -> nn.Module:
    """(batch, latent) to (batch, *shape) by the encoder's widths in reverse."""
    pixels = shape[0] * shape[1] * shape[2]
    return nn.Sequential(dense((latent, *reversed(hidden), pixels), activation, precise=0), nn.Unflatten(1, shape))


def conv_encoder(shape: tuple[int, int, int], hidden: Sequence[int], outputs: int, activation: str) -> nn.Module:
    """Convolutions that each halve height and width, then a dense layer; `hidden` is (channels, ..., width)."""
    *channels, width = hidden
    layers: list[nn.Module] = []
    for inside, outside in itertools.pairwise((shape[0], *channels)):
        layers += [nn.Conv2d(inside, outside, kernel_size=4, stride=2, padding=1), _ACTIVATIONS[activation]()]
    flat = math.prod(_lowest(shape, channels))
    return nn.Sequential(*layers, nn.Flatten(), dense((flat, width, outputs), activation, precise=-1))


def conv_decoder(latent: int, hidden: Sequence[int], shape: tuple[int, int, int], activation: str) -> nn.Module:
    """The mirror of `conv_encoder`, with transposed convolutions."""
    *channels, width = hidden
    low = _lowest(shape, channels)
    layers: list[nn.Module] = []
    for inside, outside in itertools.pairwise((*reversed(channels), shape[0])):
        layers += [_ACTIVATIONS[activation](), nn.ConvTranspose2d(inside, outside, kernel_size=4, stride=2, padding=1)]
    first, *others = layers
    flat = dense((latent, width, math.prod(low)), activation, precise=0)
    return nn.Sequential(flat, first, nn.Unflatten(1, low), *others)


def _lowest(shape: tuple[int, int, int], channels: Sequence[int]) -> tuple[int, int, int]:
    """What is left of an image after the last halving: (channels, height, width)."""
    factor = 2 ** len(channels)
    return channels[-1], shape[1] // factor, shape[2] // factor


def conv_hidden(image_shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Widths of a convolutional network that suit images of a size: channels of each halving, then the dense width.

    Halves while the sides are even and longer than four pixels; the channels double up to 256.
    28x28 gives (32, 64, 256), 64x64 gives (32, 64, 128, 256, 256), grey or in colour.

    Raises:
        ConfigError: the images cannot be halved even once.
    """
    _, height, width = image_shape
    channels: list[int] = []
    while min(height, width) > 4 and height % 2 == 0 and width % 2 == 0:
        channels.append(min(32 * 2 ** len(channels), 256))
        height, width = height // 2, width // 2
    if not channels:
        raise ConfigError(
            f"images of {height} by {width} pixels cannot be halved by a convolution: choose an mlp, "
            "or images whose sides are even and longer than 4 pixels."
        )
    return (*channels, 256)


def count_parameters(module: nn.Module) -> int:
    """Number of weights, also of a module on the meta device."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.inference_mode()
def multiply_adds(network: nn.Module, given: Tensor) -> int:
    """Multiply-adds that one row of `given`, a latent (1, d) or an image (1, c, h, w), costs.

    A convolution uses its weights at every place. Also for a network on the meta device,
    where nothing is computed.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        where = {nn.ConvTranspose2d: inputs[0], nn.Conv2d: output}.get(type(module))
        total += module.weight.numel() * (1 if where is None else where[0, 0].numel())

    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    hooks = [layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, kinds)]
    try:
        network(given)
    finally:
        for hook in hooks:
            hook.remove()
    return total
