"""The best Gaussian of an image, of each family: climbed to once an image, kept, and told in the map's own terms."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...inference.gaps.climb import FAMILIES, Gaussians, measured, rule_for
from ...inference.gaps.search import best_gaussians
from ...inference.gaps.starts import posterior_starts
from ...inference.quadrature.integral import mass_of
from ...inference.quadrature.lattice import QuadratureError
from ..http.kept import MB, Kept
from ..space.posteriors import lattice_of
from ..space.space import Space
from ..space.state import Image

# Above this a climb takes seconds (its matrices are d x d), and the encoder's own q must do.
MOST_CLIMBED = 64


@dataclass(frozen=True)
class Best:
    """The encoder's q and the best of each family (one image each), by name; none above MOST_CLIMBED dimensions."""

    encoder: Gaussians
    families: dict[str, Gaussians]

    @property
    def widest(self) -> Gaussians:
        """The best there is: where draws of the posterior are to come from."""
        return self.families.get("full", self.encoder)


_BEST: Kept[Best] = Kept(512, 8 * MB)


def best_of(space: Space, image: Image) -> Best:
    """The best diagonal and the best full-covariance q for an image, and the encoder's own, with their ELBOs."""
    found = _BEST.get(image.name, lambda: _climbed(space, image))
    assert found is not None
    return found


def _climbed(space: Space, image: Image) -> Best:
    model = space.checkpoint.model
    loc, factor = image.loc.double()[None], image.scale.double().diag()[None]
    if space.latent > MOST_CLIMBED:
        return Best(measured(model, image.x, loc, factor, rule_for(space.latent, fine=True)), {})
    starts = None
    with contextlib.suppress(QuadratureError):
        starts = posterior_starts(mass_of(model, image.x, lattice=lattice_of(space)), lattice_of(space))
    encoder, *best = best_gaussians(model, image.x, loc, factor, [starts])
    return Best(encoder, dict(zip(FAMILIES, best, strict=True)))


def describe_best(space: Space, image: Image) -> dict[str, Any]:
    """ELBOs in nats, and where each q lies on the map: its mean u, its covariance [xx, xy, yy] and deviations."""
    best = best_of(space, image)
    facts: dict[str, Any] = {"encoder": _elbo(best.encoder)}
    for family, found in best.families.items():
        across = found.factor[0].T @ space.plane.basis  # (d, 2): what one unit of eps moves on the map
        covariance = across.T @ across
        facts[family] = {
            **_elbo(found),
            "u": space.plane.project(found.loc[0]).tolist(),
            "covariance": _corner(covariance),
            "sigma": covariance.diagonal().sqrt().tolist(),
        }
    return facts


def _elbo(found: Gaussians) -> dict[str, Any]:
    return {"elbo": found.elbo.item(), "error": None if found.error is None else found.error.item()}


def _corner(covariance: Tensor) -> list[float]:
    return [covariance[0, 0].item(), covariance[0, 1].item(), covariance[1, 1].item()]
