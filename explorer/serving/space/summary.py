"""What a data set's codes say of a model, as the pages ask for it: the units, and where q(z) lies."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from ...inference.units import ACTIVE_VARIANCE, aggregate_log_density, measure_units
from .space import Space
from .state import NotFiniteError

MOST_IMAGES = 10_000
SIDE = 72  # of the aggregate posterior's picture
DRAWS = 2_000


@torch.inference_mode()
def pack_units(space: Space) -> bytes:
    """The units of the first MOST_IMAGES images, and the density of q(z) on the map, as JSON.

    density: SIDE rows along the map's second axis of SIDE values along its first, each log q(u)
    at the middle of a bin of the map's opening range; in a plane q(u) is the projection of q(z).
    """
    loc, scale = space.latents.loc[:MOST_IMAGES], space.latents.scale[:MOST_IMAGES]
    units = measure_units(loc, scale, draws=DRAWS, generator=torch.Generator().manual_seed(0))
    facts = {
        "n": units.n,
        "kl": units.kl.tolist(),
        "variance": units.variance.tolist(),
        "threshold": ACTIVE_VARIANCE,
        "rate": units.rate,
        "information": units.information,
        "marginal": units.marginal,
        "error": units.error,
        "range": space.map_range,
        "side": SIDE,
        "density": _density(space, loc, scale),
    }
    try:
        return json.dumps(facts, allow_nan=False).encode()
    except ValueError:
        raise NotFiniteError("The units are not finite.") from None


def _density(space: Space, loc: Tensor, scale: Tensor) -> list[float]:
    """log q(u) of the aggregate posterior on the map; the images' covariances are taken along the map's axes alone."""
    x0, x1, y0, y1 = space.map_range
    middle = (torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE
    y, x = torch.meshgrid(y0 + (y1 - y0) * middle, x0 + (x1 - x0) * middle, indexing="ij")
    basis = space.plane.basis
    u = space.plane.project(loc)
    deviation = (scale.double().square() @ basis.square()).sqrt()
    if basis.shape[0] == 1:  # the second axis of the map is none of the space's
        u, deviation, x = u[:, :1], deviation[:, :1], x.flatten()[:, None]
        return [round(value, 3) for value in aggregate_log_density(u, deviation, x).clamp_min(-60).tolist()]
    at = torch.stack([x.flatten(), y.flatten()], 1)
    return [round(value, 3) for value in aggregate_log_density(u, deviation, at).clamp_min(-60).tolist()]
