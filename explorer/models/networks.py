"""The two kinds of network: dense layers, and strided convolutions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": lambda: nn.GELU(approximate="tanh"), "tanh": nn.Tanh}


class PreciseLinear(nn.Linear):
    """A dense layer that stays in float32 when its neighbours run in bfloat16.

    For the layers next to z: a bfloat16 near 2 moves in steps of 1/64, as coarse as a
    narrow posterior is wide.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not torch.is_autocast_enabled(input.device.type):
            return super().forward(input)
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.float())


def dense(widths: Sequence[int], activation: str, *, precise: int) -> nn.Sequential:
    """Linear layers through `widths`, with the activation after each but the last.

    Args:
        precise: index of the layer that touches z.
    """
    steps = list(itertools.pairwise(widths))
    layers: list[nn.Module] = []
    for index, (inside, outside) in enumerate(steps):
        kind = PreciseLinear if index == precise % len(steps) else nn.Linear
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
    """Two convolutions of stride 2, then a dense layer; `hidden` is (channels, channels, width)."""
    first, second, width = hidden
    act = _ACTIVATIONS[activation]
    return nn.Sequential(
        nn.Conv2d(shape[0], first, kernel_size=4, stride=2, padding=1),  # (h/2, w/2)
        act(),
        nn.Conv2d(first, second, kernel_size=4, stride=2, padding=1),  # (h/4, w/4)
        act(),
        nn.Flatten(),
        dense((second * (shape[1] // 4) * (shape[2] // 4), width, outputs), activation, precise=-1),
    )


def conv_decoder(latent: int, hidden: Sequence[int], shape: tuple[int, int, int], activation: str) -> nn.Module:
    """The mirror of `conv_encoder`, with transposed convolutions."""
    first, second, width = hidden
    act = _ACTIVATIONS[activation]
    low = (second, shape[1] // 4, shape[2] // 4)
    return nn.Sequential(
        dense((latent, width, low[0] * low[1] * low[2]), activation, precise=0),
        act(),
        nn.Unflatten(1, low),
        nn.ConvTranspose2d(second, first, kernel_size=4, stride=2, padding=1),
        act(),
        nn.ConvTranspose2d(first, shape[0], kernel_size=4, stride=2, padding=1),
    )


def count_parameters(module: nn.Module) -> int:
    """Number of weights, also of a module on the meta device."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.inference_mode()
def multiply_adds(decoder: nn.Module, latent: int) -> int:
    """Multiply-adds that one latent (1, latent) costs: a convolution uses its weights at every place."""
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        places = inputs[0][0, 0].numel() if isinstance(module, nn.ConvTranspose2d) else 1
        total += module.weight.numel() * places

    layers = [module for module in decoder.modules() if isinstance(module, (nn.Linear, nn.ConvTranspose2d))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        decoder(torch.zeros(1, latent, device=next(decoder.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    return total
