"""Small checkpoints of the bundled digits, for tests of what is served."""

from __future__ import annotations

from pathlib import Path

from explorer.checkpoint import Checkpoint, save_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.gallery import Gallery
from explorer.latents import encode
from explorer.models import build
from explorer.projection import fit_plane
from explorer.serving.space import Space

from .oracle import binary_images

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
    return Space("odd", Checkpoint(model, config, folder), "test", latents, fit_plane(latents.loc), True)


def digits_gallery(count: int = 50) -> Gallery:
    images = (binary_images(count, SHAPE) * 255).byte()
    return Gallery(images, images.flatten(1).sum(1).long() % 10, tuple("0123456789"))
