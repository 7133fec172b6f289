"""The two kinds of network: dense layers, and strided convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

_ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": lambda: nn.GELU(approximate="tanh"), "tanh": nn.Tanh}


def dense(widths: Sequence[int], activation: str) -> nn.Sequential:
    """Linear layers through `widths`, with the activation after each but the last."""
    layers: list[nn.Module] = []
    for inside, outside in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.Linear(inside, outside), _ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def mlp_encoder(pixels: int, hidden: Sequence[int], outputs: int, activation: str) -> nn.Module:
    """(batch, channels, height, width) to (batch, outputs) by dense layers."""
    return nn.Sequential(nn.Flatten(), dense((pixels, *hidden, outputs), activation))


def mlp_decoder(latent: int, hidden: Sequence[int], shape: tuple[int, int, int], activation: str) -> nn.Module:
    """(batch, latent) to (batch, *shape) by the encoder's widths in reverse."""
    pixels = shape[0] * shape[1] * shape[2]
    return nn.Sequential(dense((latent, *reversed(hidden), pixels), activation), nn.Unflatten(1, shape))


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
        dense((second * (shape[1] // 4) * (shape[2] // 4), width, outputs), activation),
    )


def conv_decoder(latent: int, hidden: Sequence[int], shape: tuple[int, int, int], activation: str) -> nn.Module:
    """The mirror of `conv_encoder`, with transposed convolutions."""
    first, second, width = hidden
    act = _ACTIVATIONS[activation]
    low = (second, shape[1] // 4, shape[2] // 4)
    return nn.Sequential(
        dense((latent, width, low[0] * low[1] * low[2]), activation),
        act(),
        nn.Unflatten(1, low),
        nn.ConvTranspose2d(second, first, kernel_size=4, stride=2, padding=1),
        act(),
        nn.ConvTranspose2d(first, shape[0], kernel_size=4, stride=2, padding=1),
    )


def count_parameters(module: nn.Module) -> int:
    """Number of weights, also of a module on the meta device."""
    return sum(parameter.numel() for parameter in module.parameters())
