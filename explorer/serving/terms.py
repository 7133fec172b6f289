"""Torch's own numbers for what is on a screen, from nothing but the state in its URL."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributions import Independent, Normal

from ..inference import gaussian_terms, point_terms
from .space import Space
from .state import BadState, gaussian_in, image_in, latent_in


@torch.inference_mode()
def evaluate_state(space: Space, state: Any) -> dict[str, float]:
    """The terms of a point or a Gaussian on the map, in nats.

    Args:
        state: {"image": index, "mode": "point" | "gaussian", "u": [2], "sigma": [2]}, u and sigma in map
            units; with "pixels" in the place of "image" for a drawn one, and with "z" and "basis" in the place
            of "u" on another map than the one a model opens on, see `state`.

    Raises:
        BadState: an index out of range, an unknown mode, a number that is not usable.
    """
    if not isinstance(state, dict):
        raise BadState("The state must be an object.")
    mode = state.get("mode")
    model = space.checkpoint.model
    if mode == "point":
        image = image_in(space, state)
        z = latent_in(space, state, image)
        q = Independent(Normal(image.loc, image.scale), 1)  # the one that was served
        terms = point_terms(model, image.x, z[None].float(), q)
        return {
            "log_likelihood": terms.log_likelihood.item(),
            "log_prior": terms.log_prior.item(),
            "log_posterior": terms.log_posterior.item(),
            "log_weight": terms.log_weight.item(),
        }
    if mode != "gaussian":
        raise BadState("mode must be point or gaussian.")
    q = gaussian_in(space, state)
    result = gaussian_terms(model, q.image.x, q.loc, q.factor, space.rules["rest"])
    terms = {
        "reconstruction": result.log_likelihood.item(),
        "kl": result.kl.item(),
        "elbo": result.value.item(),
    }
    if result.standard_error is not None:
        terms["standard_error"] = result.standard_error.item()
    return terms
