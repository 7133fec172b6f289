"""What the latent dimensions carry: the rate of each, which of them are used, and where q(z) lies.

The mean rate over a data set falls in two (Hoffman & Johnson 2016):

    E_x KL( q(z|x) || p(z) ) = I(x; z) + KL( q(z) || p(z) ),      q(z) = mean over x of q(z|x)

the information that z has of which image it came from, at most log n, and how far the aggregate
posterior q(z) is from the prior: what samples of the model suffer from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..cancellation import check_cancelled

ACTIVE_VARIANCE = 0.01  # Burda, Grosse & Salakhutdinov (2016), section 5.2
PAIRS = 1 << 18  # of images and places at once: a few arrays of 2 MB, which stay in the processor's cache


@dataclass(frozen=True)
class Units:
    """Of a data set encoded, nats.

    Attributes:
        kl: mean KL(q(z|x) || p(z)) of each dimension (d,).
        variance: of the posterior mean over the images, by dimension (d,): a unit is active above ACTIVE_VARIANCE.
        rate: the mean KL; information: I(x; z); marginal: KL(q(z) || p(z)); error: the standard error of these two.
        n: images.
    """

    kl: Tensor
    variance: Tensor
    rate: float
    information: float
    marginal: float
    error: float
    n: int

    @property
    def active(self) -> Tensor:
        """Which dimensions are used (d,)."""
        return self.variance > ACTIVE_VARIANCE


def active_dimensions(loc: Tensor) -> Tensor:
    """Which latent dimensions the encoder uses, bool (d,), from the posterior means (n, d) of a data set.

    Those whose mean varies over the images by more than ACTIVE_VARIANCE (Burda, Grosse & Salakhutdinov 2016, 5.2).
    """
    return loc.double().var(0, correction=0) > ACTIVE_VARIANCE


def kl_by_dimension(loc: Tensor, scale: Tensor) -> Tensor:
    """KL( N(m, s^2) || N(0, 1) ) of each dimension, for loc and scale (n, d)."""
    loc, scale = loc.double(), scale.double()
    return 0.5 * (scale.square() + loc.square() - 1) - scale.log()


def measure_units(loc: Tensor, scale: Tensor, *, draws: int = 1_000, generator: torch.Generator | None = None) -> Units:
    """From the codes of a data set.

    Args:
        loc, scale: of q(z|x), (n, d); draws: z drawn from q(z) to estimate the information.
    """
    n = len(loc)
    kl = kl_by_dimension(loc, scale)
    rows = torch.randint(n, (draws,), generator=generator) if draws < n else torch.arange(n)
    eps = torch.randn(len(rows), loc.shape[1], generator=generator, dtype=torch.float64)
    z = loc.double()[rows] + scale.double()[rows] * eps
    marginal = aggregate_log_density(loc, scale, z)
    own = -0.5 * (eps.square() + math.log(2 * math.pi)).sum(1) - scale.double()[rows].log().sum(1)
    information = own - marginal
    rate = kl.sum(1).mean().item()
    error = (information.std() / math.sqrt(len(rows))).item() if len(rows) > 1 else math.inf
    value = information.mean().item()
    variance = loc.double().var(0, correction=0)
    return Units(kl.mean(0), variance, rate, value, rate - value, error, n)


def aggregate_log_density(loc: Tensor, scale: Tensor, z: Tensor) -> Tensor:
    """log q(z) (k,), nats, of the mixture of all the images' posteriors, at places z (k, d)."""
    loc, scale = loc.double(), scale.double()
    precision = scale.square().reciprocal()
    # log N = -1/2 (z^2 . 1/s^2 - 2 z . m/s^2 + m^2/s^2) - sum log s: products of matrices.
    constant = (
        -0.5 * (loc.square() * precision).sum(1) - scale.log().sum(1) - 0.5 * loc.shape[1] * math.log(2 * math.pi)
    )
    weighted, parts = loc * precision, []
    for part in z.double().split(max(1, PAIRS // len(loc))):
        check_cancelled()
        log_each = torch.addmm(constant, part, weighted.T).addmm_(part.square(), precision.T, alpha=-0.5)
        parts.append(log_each.logsumexp(1) - math.log(len(loc)))
    return torch.cat(parts)
