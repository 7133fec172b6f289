"""Latent Explorer: look inside a variational autoencoder.

>>> import explorer
>>> model = explorer.load("mnist-2d")
>>> model.posterior(x), model.likelihood(z), model.prior()   # torch distributions
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import VAE

__all__ = ["load", "pretrained"]


def load(name_or_path: str | Path) -> VAE:
    """A model in evaluation mode, on the CPU, by a pretrained name or a checkpoint's folder.

    Images are float32 in [0, 1], (batch, channels, height, width).

    Raises:
        explorer.checkpoint.CheckpointError: no such model, or one that is damaged.
    """
    from .registry import open_model

    return open_model(name_or_path).model


def pretrained() -> tuple[str, ...]:
    """Names of the models that come with the project."""
    from .registry import pretrained

    return pretrained()
