"""Small checkpoints of the bundled digits, for tests of what is served."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from explorer.checkpoint.gallery import Gallery, save_gallery
from explorer.checkpoint.weights import Checkpoint, save_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.latents import encode
from explorer.models import build
from explorer.projection import fit_plane
from explorer.serving.space.space import Space
from tests.helpers.oracle import binary_images

SHAPE = (1, 8, 8)


def save_digits(
    folder: Path, *, seed: int = 0, latent: int = 2, dataset: str = "digits", activation: str = "tanh"
) -> Path:
    """An untrained model of 8×8 digits: quick to open, and every number of it is defined."""
    model = ModelConfig(SHAPE, latent, hidden=(16,), activation=activation)
    save_checkpoint(folder, build(model, seed=seed), Config(model, TrainingConfig(dataset=dataset)))
    return folder


def odd_space(folder: Path, count: int = 300) -> Space:
    """300 images of 5×5 pixels: neither the sheets of 256 nor the bytes of 8 bits come out even."""
    config = Config(ModelConfig((1, 5, 5), 3, hidden=(8,), activation="tanh"))
    model = build(config.model, seed=1).eval().requires_grad_(False)
    grey = (binary_images(count, (1, 5, 5)) * 255).byte()
    latents = encode(model, [(grey, (grey.flatten(1).sum(1) % 7).long())], tuple("abcdefg"))
    return Space("odd", Checkpoint(model, config, folder), "test", latents, fit_plane(latents.loc), True, count)


def synthetic_pictures(count: int, shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    """Smooth blobs, uint8 (count, *shape): each channel brightest at a place of its own."""
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = shape
    at = torch.rand(count, channels, 2, 1, 1, generator=generator)
    rows, columns = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    square = (rows - at[:, :, 0]).square() + (columns - at[:, :, 1]).square()
    return (255 * torch.exp(-square / 0.08)).round().byte()


def save_pictures(
    folder: Path,
    shape: tuple[int, int, int],
    likelihood: str,
    *,
    network: str = "mlp",
    hidden: tuple[int, ...] = (32,),
    latent: int = 2,
    count: int = 60,
    gain: float = 1.0,
) -> Path:
    """An untrained model of grey or colour values, with a gallery in the place of a data set."""
    config = ModelConfig(shape, latent, network, hidden, "silu", likelihood)
    model = build(config, seed=0)
    with torch.no_grad():
        for weight in model.decoder.network.parameters():
            weight.mul_(gain)
    save_checkpoint(folder, model, Config(config, TrainingConfig(dataset="nowhere", binarisation="none")))
    images = synthetic_pictures(count, shape)
    save_gallery(folder, Gallery(images, torch.arange(count) % 3, ("red", "green", "blue")))
    return folder


def digits_gallery(count: int = 50) -> Gallery:
    images = (binary_images(count, SHAPE) * 255).byte()
    return Gallery(images, images.flatten(1).sum(1).long() % 10, tuple("0123456789"))
