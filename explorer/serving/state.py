"""What a request says is on a screen, read with care: which image, and where q or z is."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..view import MAX_SIGMA, MIN_SIGMA
from .blobs import digest
from .space import Space

# Beyond this the decoder is far outside anything it was trained on, and float32 soon overflows.
LIMIT = 1_000.0


class BadState(ValueError):
    """A state that cannot be evaluated; the message says which part of it."""


def read_pair(value: Any, name: str, low: float = -LIMIT, high: float = LIMIT) -> tuple[float, float]:
    """Two finite numbers within bounds.

    Raises:
        BadState: anything else.
    """
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise BadState(f"{name} must be two numbers.")
    numbers = []
    for entry in value:
        if isinstance(entry, bool) or not isinstance(entry, (int, float)):
            raise BadState(f"{name} must be two numbers.")
        # Also false for NaN and infinity; not math.isfinite, which a number of 400 digits overflows.
        if not low <= entry <= high:
            raise BadState(f"{name} must lie between {low:g} and {high:g}.")
        numbers.append(float(entry))
    return numbers[0], numbers[1]


@dataclass(frozen=True)
class Image:
    """One image and what the encoder makes of it: x (1, c, h, w); loc and scale (d,).

    `name` names image and model, so that what is made of them can be kept.
    """

    x: Tensor
    loc: Tensor
    scale: Tensor
    name: tuple[str, int | str]


def image_of(space: Space, index: Any) -> Image:
    """An image of the data set.

    Raises:
        BadState: there is none of this number.
    """
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(space.latents):
        raise BadState(f"image must be a whole number from 0 to {len(space.latents) - 1}.")
    latents = space.latents
    x = latents.observed(slice(index, index + 1))
    return Image(x, latents.loc[index], latents.scale[index], (space.key, index))


@torch.no_grad()  # not inference_mode: gradients are taken at what is made here
def drawn_image(space: Space, pixels: bytes) -> Image:
    """An image from its pixels: one byte each, times `white` as in `Latents`.

    Raises:
        BadState: not as many as the model has, or above white.
    """
    config = space.checkpoint.config.model
    values = np.frombuffer(pixels, np.uint8)
    if len(values) != config.pixels:
        raise BadState(f"The model's images have {config.pixels} values, this one {len(values)}.")
    if len(values) and values.max() > space.latents.white:
        raise BadState(f"A pixel of this model lies between 0 and {space.latents.white}.")
    x = torch.from_numpy(values.copy()).float().div_(space.latents.white).view(1, *config.image_shape)
    q = space.checkpoint.model.posterior(x).base_dist
    if not (q.loc.isfinite().all() and q.scale.isfinite().all()):
        raise BadState("The encoder gives no finite q for this image.")
    return Image(x, q.loc[0], q.scale[0], (space.key, digest(pixels)))


def image_in(space: Space, state: Any) -> Image:
    """The image a state speaks of: "pixels", base64, where it is drawn, else "image", a number.

    Raises:
        BadState: neither is usable, or the state is no object.
    """
    if not isinstance(state, dict):
        raise BadState("The state must be an object.")
    pixels = state.get("pixels")
    if pixels is None:
        return image_of(space, state.get("image"))
    try:
        return drawn_image(space, base64.b64decode(pixels, validate=True))
    except (TypeError, ValueError) as error:
        raise error if isinstance(error, BadState) else BadState("The pixels are not base64.") from None


def gaussian_in(space: Space, state: Any) -> tuple[Image, Tensor, Tensor]:
    """The image, u and sigma of a q on the map, in map units.

    Raises:
        BadState: one of them is not usable.
    """
    if not isinstance(state, dict):
        raise BadState("The state must be an object.")
    u = torch.tensor(read_pair(state.get("u"), "u"), dtype=torch.float64)
    sigma = torch.tensor(read_pair(state.get("sigma"), "sigma", MIN_SIGMA, MAX_SIGMA), dtype=torch.float64)
    return image_in(space, state), u, sigma
