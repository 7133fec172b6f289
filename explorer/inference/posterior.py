"""The true posterior p(z|x) of one image, where latent space has one or two dimensions.

    p(z|x) = p(x|z) p(z) / p(x)

as masses on a grid of equal bins that sum to 1, from the cells that quadrature found; and the KL
divergence from any Gaussian q to it, by a lattice in q's own coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models import VAE
from .decoded import log_joint_at
from .lattice import Lattice, fitted_lattice
from .quadrature import TOLERANCE, mass_of

SIDE = 128  # bins along the longer axis at most
# Of the lattice that stands for an integral over q: it reaches so many scales out, where q's density has
# fallen to 1e-11 of its top, in steps of less than a third of a scale.
Q_REACH, Q_NODES = 7.0, 48


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


def kl_to_posterior(model: VAE, x: Tensor, loc: Tensor, factor: Tensor, log_evidence: float) -> float:
    """KL( N(m, F F^T) || p(z|x) ) = E_q[ log q(z) - log p(x, z) ] + log p(x), nats, by the rectangle rule.

    Its nodes are none of a Gauss-Hermite rule's. What it says of log p(x) is what it is given: a check of
    log p(x) = ELBO + KL takes one that was integrated anew, on another lattice.

    Args:
        x: (1, c, h, w); loc: m (d,); factor: F (d, d), d <= 2; log_evidence: log p(x).
    """
    d = len(loc)
    axis = (torch.arange(Q_NODES, dtype=torch.float64) + 0.5) / Q_NODES * 2 * Q_REACH - Q_REACH
    eps = torch.stack(torch.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d)
    weight = torch.softmax(-0.5 * eps.square().sum(1), 0)
    factor = factor.double()
    log_q = -0.5 * (eps.square() + math.log(2 * math.pi)).sum(1) - torch.linalg.slogdet(factor).logabsdet
    z = loc.double() + eps @ factor.T
    return (weight @ (log_q - log_joint_at(model, z, x)[0])).item() + log_evidence
