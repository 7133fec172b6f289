"""The anatomy of one image's ELBO, as the pages ask for it: log p(x), p(z|x), the best q, gradients.

An image is one of the data set or a drawn one, so all takes pixels; what belongs to an image of
the data set is made once and kept.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import torch

from ...inference.evidence.importance import SAMPLES, importance_around
from ...inference.expectation.gradient import elbo_gradient
from ...inference.quadrature.lattice import MOST_DIMENSIONS, QuadratureError
from ...inference.quadrature.posterior import kl_to_posterior
from ..space.posteriors import check_field_of, field_of, log_evidence_anew, posterior_of
from ..space.space import Space
from ..space.state import BadState, Image, NotFiniteError, gaussian_in, plane_gaussian_in
from ..space.terms import by_field, nodes_of
from .best import best_of

CREDIBLE = (0.5, 0.95)
_DRAWS = 200
_SLOPES = 2_000  # nodes at which gradients are taken, at most

# What a visitor gets instead of quadrature, said after the reason.
ESTIMATED = "log p(x) is estimated by importance sampling instead, and its posterior not drawn."


def pack_evidence(space: Space, image: Image) -> bytes:
    """log p(x), and p(z|x) where latent space has one or two dimensions.

    uint32: the length of a JSON text; the text, padded by spaces to a multiple of four; and the
    posterior's masses, float32, row after row along z_1.
    """
    try:
        posterior = posterior_of(space, image)
    except QuadratureError as error:
        best = best_of(space, image).widest
        generator = torch.Generator().manual_seed(0)
        estimate = importance_around(space.checkpoint.model, image.x, best.loc, best.factor, generator=generator)
        assert estimate.effective_samples is not None
        return packed(
            {
                "method": "importance",
                "value": estimate.value.item(),
                "error": _known(estimate.error.item()),
                "samples": SAMPLES,
                "effective": estimate.effective_samples.item(),
                # Expected above two dimensions; below, people should know why.
                "caution": "" if space.latent > MOST_DIMENSIONS else f"{error.reason} {ESTIMATED}",
            }
        )
    return packed(
        {
            "method": "quadrature",
            "value": posterior.log_evidence,
            "error": posterior.error,
            "cells": posterior.cells,
            "low": posterior.low.tolist(),
            "bin": posterior.bin,
            "sides": list(posterior.mass.shape),
            "levels": [posterior.level(share) for share in CREDIBLE],
            "shares": list(CREDIBLE),
            "mean": posterior.mean.tolist(),
            "deviations": posterior.covariance.diagonal().sqrt().tolist(),
            "peak": posterior.peak.tolist(),
        },
        posterior.mass.float().numpy().astype("<f4").tobytes(),
    )


def _known(value: float) -> float | None:
    """A number for JSON; None where it is not known."""
    return value if math.isfinite(value) else None


def pack_field(space: Space, image: Image) -> bytes:
    """log p(x|z) over latent space of one or two dimensions, from which a browser sums any q up to MAX_SIGMA.

    As `packed`. Facts: "levels", the model's lattice carried on a little and the rings around it, of each: nodes
    z = origin + step * (i, j) from zero, "sides" of them along each axis, and "hole", along each axis the first node
    that belongs to the level within and the first after them, null without; and "error", how far off a node's value
    may be, as a root mean square in nats. Then log p(x|z), float32, nats, level after level, each row after row along
    z_1; those of holes too.

    Raises:
        BadState: latent space has more dimensions.
    """
    try:
        field = field_of(space)
    except QuadratureError as error:
        raise BadState(error.reason) from None
    values = torch.cat([values.flatten() for values in field.values(image.x)])
    levels = [
        {"origin": grid.origin.tolist(), "step": grid.step, "sides": grid.sides, "hole": grid.hole if k else None}
        for k, grid in enumerate(field.grids)
    ]
    facts = {"levels": levels, "error": field.error(image.x)}
    return packed(facts, values.float().numpy().astype("<f4").tobytes())


def packed(facts: dict[str, Any], tail: bytes = b"") -> bytes:
    """uint32: the length of a JSON text; the text, padded by spaces to a multiple of four; and a tail.

    Raises:
        NotFiniteError: a number of the facts is not finite.
    """
    try:
        text = json.dumps(facts, allow_nan=False).encode()
    except ValueError:
        raise NotFiniteError("The answer is not finite.") from None
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + tail


def gradient_of(space: Space, state: Any) -> dict[str, Any]:
    """The ELBO's gradient at a q on the map, and single-draw estimates of it.

    Raises:
        BadState: the state is not usable.
    """
    q, basis, sigma = plane_gaussian_in(space, state)
    generator = torch.Generator().manual_seed(0)
    most = min(space.most_nodes, _SLOPES)
    summed = by_field(space, q, most)
    rule = None if summed else nodes_of(space, q, most)[1]
    found = elbo_gradient(
        space.checkpoint.model, q.image.x, q.loc, q.image.scale, basis, sigma,
        rule=rule, summed=summed, draws=_DRAWS, generator=generator,
    )  # fmt: skip
    if not (found.exact.isfinite().all() and found.draws.isfinite().all()):
        raise BadState("The ELBO has no finite gradient here.")
    return {"exact": found.exact.tolist(), "draws": found.draws.flatten().tolist()}


@torch.inference_mode()
def kl_of(space: Space, state: Any) -> dict[str, float]:
    """KL( q || p(z|x) ) of a q on the map, by integrals of its own: over q, and of log p(x) on another lattice.

    Nothing in it comes from the numbers on a screen that it is to be compared with.

    Raises:
        BadState: the state is not usable, or quadrature impossible.
    """
    q = gaussian_in(space, state)
    try:
        log_evidence = log_evidence_anew(space, q.image)
    except QuadratureError as error:
        raise BadState(str(error)) from None
    kl = kl_to_posterior(
        space.checkpoint.model, q.image.x, q.loc, q.factor, log_evidence,
        most=space.most_nodes, field=lambda: check_field_of(space),
    )  # fmt: skip
    return {"log_evidence": log_evidence, "kl_to_posterior": kl}
