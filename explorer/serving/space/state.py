"""What a request says is on a screen, read with care: which image, and where q or z is.

Where: {"u": [2]}, in the units of the map that a model opens on; or, on any other map, {"z": [d]}, and with it
"basis", the d rows of 2 of its plane, where it is one.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...inference import stretched
from ..http.address_values import MIN_SIGMA
from ..http.blobs import digest
from .space import Space

# Beyond this the decoder is far outside anything it was trained on, and float32 soon overflows.
LIMIT = 1_000.0
# Of a scale: beyond what a hand can drag, since an encoder's own may be.
MOST_SIGMA = 100.0
# How far a basis may be from orthonormal: float64, written in full.
ORTHONORMAL = 1e-9


class BadState(ValueError):
    """A state that cannot be evaluated; the message says which part of it."""


class NotFiniteError(ValueError):
    """An answer with numbers that are not finite, which JSON has no form for."""


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


def read_vector(value: Any, name: str, size: int) -> Tensor:
    """So many finite numbers within LIMIT, float64 (size,).

    Raises:
        BadState: anything else.
    """
    if not isinstance(value, list) or len(value) != size:
        raise BadState(f"{name} must be {size} numbers.")
    if any(isinstance(entry, bool) or not isinstance(entry, (int, float)) for entry in value):
        raise BadState(f"{name} must be {size} numbers.")
    if not all(-LIMIT <= entry <= LIMIT for entry in value):
        raise BadState(f"{name} must lie between {-LIMIT:g} and {LIMIT:g}.")
    return torch.tensor([float(entry) for entry in value], dtype=torch.float64)


def read_basis(value: Any, size: int) -> Tensor:
    """Two orthonormal directions of latent space, float64 (size, 2).

    Raises:
        BadState: anything else.
    """
    if not isinstance(value, list) or len(value) != size or not all(isinstance(row, list) for row in value):
        raise BadState(f"basis must be {size} rows of two numbers.")
    basis = torch.stack([read_vector(row, "each row of basis", 2) for row in value])
    expected = torch.eye(size, 2, dtype=basis.dtype)  # a one-dimensional space has no second direction
    if (basis.T @ basis - expected.T @ expected).abs().max() > ORTHONORMAL:
        raise BadState("basis must be two orthonormal directions.")
    return basis


def latent_in(space: Space, state: Any, image: Image) -> Tensor:
    """Where z, or the mean of q, is: float64 (d,).

    Raises:
        BadState: the state does not say it.
    """
    if state.get("z") is not None:
        return read_vector(state["z"], "z", space.latent)
    u = torch.tensor(read_pair(state.get("u"), "u"), dtype=torch.float64)
    return space.plane.lift(u, image.loc)


@dataclass(frozen=True)
class Gaussian:
    """A q on a map.

    Attributes:
        image: its image; loc: its mean (d,), float64.
        basis: of the plane in which it is stretched (d, 2), and sigma: to which deviations along the map's axes
            (2,); None where it is the encoder's, moved.
    """

    image: Image
    loc: Tensor
    basis: Tensor | None
    sigma: Tensor | None

    @property
    def factor(self) -> Tensor:
        """F (d, d) of q = N(loc, F F^T)."""
        if self.basis is None or self.sigma is None:
            return self.image.scale.double().diag()
        return stretched(self.image.scale, self.basis, self.sigma)


def gaussian_in(space: Space, state: Any) -> Gaussian:
    """The q of a state; "sigma" in map units.

    Raises:
        BadState: a part of it is not usable.
    """
    image = image_in(space, state)
    loc = latent_in(space, state, image)
    if state.get("z") is None:
        basis = space.plane.basis
    elif state.get("basis") is None:
        return Gaussian(image, loc, None, None)
    else:
        basis = read_basis(state["basis"], space.latent)
    sigma = read_pair(state.get("sigma"), "sigma", MIN_SIGMA, MOST_SIGMA)
    return Gaussian(image, loc, basis, torch.tensor(sigma, dtype=torch.float64))


def plane_gaussian_in(space: Space, state: Any) -> tuple[Gaussian, Tensor, Tensor]:
    """A q that a plane stretches, its basis and its sigma.

    Raises:
        BadState: it is none, or not usable.
    """
    q = gaussian_in(space, state)
    if q.basis is None or q.sigma is None:
        raise BadState("This wants a q on a plane, with the plane's basis.")
    return q, q.basis, q.sigma
