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

    Its images x are float32 of shape (batch, channels, height, width); all but the batch is `model.config.image_shape`.
    For a Bernoulli likelihood each pixel is 0 or 1, grey values having been made binary; for all others each value is
    k / 255 with a whole k from 0 to 255. The model's card says which.

    >>> model = load("mnist-2d")
    >>> model.config.likelihood, model.config.image_shape
    ('bernoulli', (1, 28, 28))

    Raises:
        explorer.checkpoint.weights.CheckpointError: no such model, or one that is damaged.
    """
    from .checkpoint.catalogue import open_model

    return open_model(name_or_path).model


def pretrained() -> tuple[str, ...]:
    """Names of the models that come with the project."""
    from .checkpoint.catalogue import pretrained

    return pretrained()
