"""Torch's own numbers for what is on a screen, from nothing but the state in its URL."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributions import Independent, Normal

from ..inference import gaussian_terms, point_terms, stretched
from ..view import MAX_SIGMA, MIN_SIGMA
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


@torch.inference_mode()
def evaluate_state(space: Space, state: Any) -> dict[str, float]:
    """The terms of a point or a Gaussian on the map, in nats.

    Args:
        state: {"image": index, "mode": "point" | "gaussian", "u": [2], "sigma": [2]},
            u and sigma in map units.

    Raises:
        BadState: an index out of range, an unknown mode, a number that is not usable.
    """
    if not isinstance(state, dict):
        raise BadState("The state must be an object.")
    image = state.get("image")
    if isinstance(image, bool) or not isinstance(image, int) or not 0 <= image < len(space.latents):
        raise BadState(f"image must be a whole number from 0 to {len(space.latents) - 1}.")
    u = torch.tensor(read_pair(state.get("u"), "u"), dtype=torch.float64)
    x = space.latents.observed(slice(image, image + 1))
    model = space.checkpoint.model
    z = space.plane.lift(u, space.latents.loc[image])
    mode = state.get("mode")
    if mode == "point":
        q = Independent(Normal(space.latents.loc[image], space.latents.scale[image]), 1)  # the one that was served
        terms = point_terms(model, x, z[None].float(), q)
        return {
            "log_likelihood": terms.log_likelihood.item(),
            "log_prior": terms.log_prior.item(),
            "log_posterior": terms.log_posterior.item(),
            "log_weight": terms.log_weight.item(),
        }
    if mode != "gaussian":
        raise BadState("mode must be point or gaussian.")
    sigma = torch.tensor(read_pair(state.get("sigma"), "sigma", MIN_SIGMA, MAX_SIGMA), dtype=torch.float64)
    factor = stretched(space.latents.scale[image], space.plane.basis, sigma)
    result = gaussian_terms(model, x, z, factor, space.rules["rest"])
    terms = {
        "reconstruction": result.log_likelihood.item(),
        "kl": result.kl.item(),
        "elbo": result.value.item(),
    }
    if result.standard_error is not None:
        terms["standard_error"] = result.standard_error.item()
    return terms
