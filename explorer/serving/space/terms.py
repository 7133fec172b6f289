"""Torch's own numbers for what is on a screen, from nothing but the state in its URL."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from ...inference import GaussianTerms, Rule, gaussian_kl, gaussian_terms, point_terms
from ...inference.expectation.uniform import SHARE, principal, uniform_rule
from ...inference.expectation.wide import Mean, field_mean
from ...inference.quadrature.lattice import MOST_DIMENSIONS
from .posteriors import field_of
from .space import Space
from .state import BadState, Gaussian, gaussian_in, image_in, latent_in

SHOWN = 0.005  # nats: an error that stands beside two decimals on a screen
FINER = 4


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
    summed = by_field(space, q, space.most_nodes)
    result = summed and GaussianTerms(summed.value, gaussian_kl(q.loc, q.factor), summed.error)
    result = result or gaussian_terms(model, q.image.x, q.loc, *nodes_of(space, q, space.most_nodes))
    if result.standard_error is not None and result.standard_error >= SHOWN:
        result = _closer(space, q) or result
    terms = {
        "reconstruction": result.log_likelihood.item(),
        "kl": result.kl.item(),
        "elbo": result.value.item(),
    }
    if result.standard_error is not None:
        terms["standard_error"] = result.standard_error.item()
    return terms


def _closer(space: Space, q: Gaussian) -> GaussianTerms | None:
    """By nodes twice as close within q, four times as many as usual at most; None where they would be more."""
    if space.latent > MOST_DIMENSIONS:
        return None
    factor = principal(q.factor)
    rule = uniform_rule(factor.norm(dim=0), FINER * space.most_nodes, share=SHARE / 2)
    return rule and gaussian_terms(space.checkpoint.model, q.image.x, q.loc, factor, rule)


def nodes_of(space: Space, q: Gaussian, most: int) -> tuple[Tensor, Rule]:
    """F of q = N(m, F F^T) and the nodes in its coordinates: coarser ones where they would be more than `most`."""
    if space.latent > MOST_DIMENSIONS:
        return q.factor, space.rules["rest"]
    factor = principal(q.factor)
    rule = uniform_rule(factor.norm(dim=0), most, coarser=True)
    assert rule is not None
    return factor, rule


def by_field(space: Space, q: Gaussian, most: int) -> Mean | None:
    """E_q[log p(x|z)] of a q that wants more than `most` nodes of its own, from the model's field; None of others."""
    if space.latent > MOST_DIMENSIONS or uniform_rule(principal(q.factor).norm(dim=0), most) is not None:
        return None
    field = field_of(space)
    return field_mean(field.grids, field.values(q.image.x), q.loc, q.factor, rounding=field.error(q.image.x))
