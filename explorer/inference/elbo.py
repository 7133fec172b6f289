"""The ELBO of an image and its terms, in nats.

    ELBO(x) = E_q(z|x)[ log p(x|z) ] - KL( q(z|x) || p(z) )  <=  log p(x)

Kingma & Welling (2014), eq. 3, with the KL in closed form and the expectation
estimated through z = loc + scale * eps, eps ~ N(0, I) (their eq. 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

if TYPE_CHECKING:
    from ..models import VAE


@dataclass(frozen=True)
class Terms:
    """The terms of the ELBO, one number an image, in nats.

    Attributes:
        log_likelihood: the reconstruction, E_q[log p(x|z)] (batch,).
        kl: KL(q(z|x) || p(z)) (batch,), never negative.
        kl_per_dimension: the same by latent dimension (batch, d); its rows sum to `kl`.
    """

    log_likelihood: Tensor
    kl: Tensor
    kl_per_dimension: Tensor

    @property
    def value(self) -> Tensor:
        """The ELBO: log_likelihood - kl (batch,)."""
        return self.log_likelihood - self.kl


def elbo(model: VAE, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> Terms:
    """The terms at the encoder's own q(z|x), differentiable in both networks' weights.

    Args:
        model: gives `posterior`, `likelihood` and `prior`.
        x: (batch, c, h, w), values the likelihood is defined for (0 or 1 for a Bernoulli).
        samples: draws of z an image; the reconstruction is their mean.
        generator: the source of eps, on x's device; None takes torch's own.
    """
    posterior = model.posterior(x)
    kl = kl_divergence(posterior.base_dist, model.prior().base_dist)
    total = x.new_zeros(x.shape[0])
    for _ in range(samples):
        eps = torch.randn(posterior.mean.shape, device=x.device, generator=generator)
        z = posterior.mean + posterior.stddev * eps
        total = total + model.likelihood(z).log_prob(x)
    return Terms(total / samples, kl.sum(-1), kl)


@dataclass(frozen=True)
class PointTerms:
    """What moves while a single z is dragged, in nats (all (batch,)).

    A KL is a property of q, not of one z, so it is not among them.
    """

    log_likelihood: Tensor
    log_prior: Tensor
    log_posterior: Tensor

    @property
    def log_weight(self) -> Tensor:
        """log p(x, z) - log q(z|x), whose exponential's mean under q is p(x)."""
        return self.log_likelihood + self.log_prior - self.log_posterior


def point_terms(model: VAE, x: Tensor, z: Tensor, posterior: Independent | None = None) -> PointTerms:
    """log p(x|z), log p(z) and log q(z|x) at given latents.

    Args:
        x: (1, c, h, w), one image; z: (batch, d).
        posterior: q(z|x) where it is known; encoded anew in another batch, a narrow one would differ in
            its last digits, and far from its mean by hundredths of a nat.
    """
    posterior = model.posterior(x) if posterior is None else posterior
    q = Independent(Normal(posterior.mean.double(), posterior.stddev.double()), 1)
    at = z.double()
    log_prior = -0.5 * (at.square() + math.log(2 * math.pi)).sum(-1)
    return PointTerms(model.likelihood(z).log_prob(x).double(), log_prior, q.log_prob(at))
