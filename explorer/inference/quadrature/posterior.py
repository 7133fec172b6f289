"""The true posterior p(z|x) of one image, where latent space has one or two dimensions.

    p(z|x) = p(x|z) p(z) / p(x)

as masses on a grid of equal bins that sum to 1, from the cells that quadrature found; and the KL
divergence from any Gaussian q to it, by a lattice in q's own coordinates or, where q is wide, the model's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...models import VAE
from ..expectation.uniform import principal, uniform_rule
from ..expectation.wide import field_mean
from .decoded import log_joint_at
from .field import Field
from .integral import TOLERANCE, mass_of
from .lattice import Lattice, fitted_lattice

SIDE = 128  # bins along the longer axis at most
# Of the nodes that stand for an integral over q: neither the ELBO's nor any of a Gauss-Hermite rule's.
Q_STEP, Q_SHARE, Q_MOST = 0.027, 0.29, 8_000


@dataclass(frozen=True)
class TruePosterior:
    """p(z|x) on a grid of square bins.

    Attributes:
        low: the grid's lower corner (d,); bin: a bin's side.
        mass: share of p(z|x) in each bin (n,) or (n1, n2), axis 0 along z_1; sums to 1.
        log_evidence, error: log p(x) and its numerical error, nats.
        cells: how many cells of the lattice were summed.
        mean (d,), covariance (d, d), peak (d,): of p(z|x).
    """

    low: Tensor
    bin: float
    mass: Tensor
    log_evidence: float
    error: float
    mean: Tensor
    covariance: Tensor
    peak: Tensor
    cells: int

    def level(self, share: float) -> float:
        """The least mass a bin of the credible region of this share has: the smallest region that holds it.

        Raises:
            ValueError: a share that is not between 0 and 1.
        """
        if not 0 < share < 1:
            raise ValueError(f"a credible region holds a share between 0 and 1, not {share}.")
        ordered = self.mass.flatten().sort(descending=True).values
        inside = int((ordered.cumsum(0) < share).sum())
        return ordered[min(inside, len(ordered) - 1)].item()


def true_posterior(
    model: VAE, x: Tensor, *, lattice: Lattice | None = None, tolerance: float = TOLERANCE, side: int = SIDE
) -> TruePosterior:
    """p(z|x) of one image (1, c, h, w).

    Raises:
        QuadratureError: more than two latent dimensions, or a posterior too narrow or too far out for quadrature.
    """
    lattice = lattice or fitted_lattice(model, model.posterior(x).mean)
    cells = mass_of(model, x, tolerance=tolerance, lattice=lattice)
    step = lattice.step / 3**cells.level
    weight = (cells.log_joint - cells.log_joint.amax()).exp()
    weight = weight / weight.sum()
    z = lattice.place(cells.index, cells.level)
    mean = weight @ z
    covariance = (z - mean).T @ ((z - mean) * weight[:, None])
    corner = cells.index.amin(0)
    extent = cells.index.amax(0) - corner + 1
    wide = -(-int(extent.max()) // side)  # cells a bin's side
    sides = (extent + wide - 1) // wide
    where = (cells.index - corner) // wide
    number = where[:, 0] if len(sides) == 1 else where[:, 0] * sides[1] + where[:, 1]
    mass = torch.zeros(int(sides.prod()), dtype=torch.float64).index_add_(0, number, weight).view(*sides.tolist())
    low = lattice.place(corner, cells.level) - step / 2
    peak = z[cells.log_joint.argmax()]
    return TruePosterior(
        low,
        wide * step,
        mass,
        cells.value,
        cells.error,
        mean,
        covariance,
        peak,
        len(cells.index),
    )


@torch.inference_mode()
def kl_to_posterior(
    model: VAE,
    x: Tensor,
    loc: Tensor,
    factor: Tensor,
    log_evidence: float,
    *,
    most: int = Q_MOST,
    field: Callable[[], Field] | None = None,
) -> float:
    """KL( N(m, F F^T) || p(z|x) ) = E_q[ log q(z) - log p(x, z) ] + log p(x), nats, by the rectangle rule.

    Its nodes are not the ELBO's. What it says of log p(x) is what it is given: a check of
    log p(x) = ELBO + KL takes one that was integrated anew, on another lattice.

    Args:
        x: (1, c, h, w); loc: m (d,); factor: F (d, d), d <= 2; log_evidence: log p(x).
        most: nodes of its own that are decoded.
        field: where q wants more, asked in their place: of a lattice with other nodes than the ELBO's.
    """
    axes = principal(factor.double())
    rule = uniform_rule(axes.norm(dim=0), most, step=Q_STEP, share=Q_SHARE)
    if rule is None and field is not None:
        known = field()
        pairs = zip(known.grids, known.values(x), strict=True)
        values = [
            found - _log_ratio(torch.cartesian_prod(*grid.axes), loc, axes).view(grid.sides) for grid, found in pairs
        ]
        summed = field_mean(known.grids, values, loc, factor)
        if summed is not None:
            return log_evidence - summed.value.item()
    rule = rule or uniform_rule(axes.norm(dim=0), most, coarser=True, step=Q_STEP, share=Q_SHARE)
    assert rule is not None
    z = loc.double() + rule.nodes @ axes.T
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    log_likelihood = log_joint_at(model, z, x)[0] - log_prior
    return log_evidence - rule.expectation(log_likelihood - _log_ratio(z, loc, axes)).item()


def _log_ratio(z: Tensor, loc: Tensor, factor: Tensor) -> Tensor:
    """log q(z) - log p(z) at places (k, d), or (k,) where d is 1: (k,)."""
    z = z.reshape(-1, len(loc))
    eps = torch.linalg.solve(factor, (z - loc.double()).T).T
    return 0.5 * (z.square() - eps.square()).sum(1) - torch.linalg.slogdet(factor).logabsdet
