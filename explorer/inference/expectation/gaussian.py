"""The ELBO of one image for any Gaussian q, the encoder's or one dragged by hand.

A q on a map is written q = N(m, F F^T) with F = A diag(s): s are the encoder's scales
and A stretches along the map's axes b_1, b_2,

    A = I + sum_j (f_j - 1) b_j b_j^T,      f_j = sigma_j / |F_enc^T b_j|,

so that sigma_j is the standard deviation of q along the map's axis j. In a 2-D latent
space this is the diagonal Gaussian N(m, diag(sigma^2)); in a plane through a larger one
it changes q within the plane alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...models import VAE
from .rules import Rule

VALUES = 1 << 22  # pixels decoded at once
LEAST_ERROR, FLOAT = 2e-4, 3e-7  # nats, and of the value: what float32 leaves, of z as of log p(x|z)


@dataclass(frozen=True)
class GaussianTerms:
    """Terms of the ELBO for one image and one q, in nats, float64 scalars.

    Attributes:
        log_likelihood: E_q[log p(x|z)], the reconstruction.
        kl: KL(q || p(z)), in closed form.
        standard_error: of the reconstruction, where the rule has replicates.
    """

    log_likelihood: Tensor
    kl: Tensor
    standard_error: Tensor | None = None

    @property
    def value(self) -> Tensor:
        """The ELBO of this q."""
        return self.log_likelihood - self.kl


def stretched(scale: Tensor, basis: Tensor, sigma: Tensor) -> Tensor:
    """F (d, d) of the q whose standard deviations along the map's axes are `sigma`.

    Args:
        scale: the encoder's s (d,); basis: B (d, 2), orthonormal columns (a zero column is
            ignored); sigma: (2,), > 0.

    Raises:
        ValueError: a scale that is not finite and above zero.
    """
    if not (torch.isfinite(sigma).all() and (sigma > 0).all()):
        raise ValueError("q needs finite scales above zero.")
    scale, basis, sigma = scale.double(), basis.double(), sigma.double()
    along = (basis * scale[:, None]).norm(dim=0)
    factors = torch.where(along > 0, sigma / along.clamp_min(1e-300), torch.ones_like(sigma))
    stretch = torch.eye(len(scale), dtype=torch.float64) + (basis * (factors - 1)) @ basis.T
    return stretch * scale


def gaussian_kl(loc: Tensor, factor: Tensor) -> Tensor:
    """KL( N(m, F F^T) || N(0, I) ) = 1/2 (|F|^2 + |m|^2 - d) - log |det F|, nats."""
    loc, factor = loc.double(), factor.double()
    log_det = torch.linalg.slogdet(factor).logabsdet
    return 0.5 * (factor.square().sum() + loc.square().sum() - len(loc)) - log_det


def gaussian_terms(model: VAE, x: Tensor, loc: Tensor, factor: Tensor, rule: Rule) -> GaussianTerms:
    """Reconstruction, KL and ELBO of q = N(m, F F^T) for one image.

    Args:
        x: (1, c, h, w); loc: m (d,); factor: F (d, d); rule: nodes in d dimensions.

    Raises:
        ValueError: m or F not finite.
    """
    if not (torch.isfinite(loc).all() and torch.isfinite(factor).all()):
        raise ValueError("q needs a finite mean and finite scales.")
    z = loc.double() + rule.nodes @ factor.double().T
    device = next(model.parameters()).device
    parts = z.float().to(device).split(max(1, VALUES // x.numel()))
    log_likelihood = torch.cat([model.likelihood(part).log_prob(x.to(device)) for part in parts]).cpu()
    value, error = rule.expectation(log_likelihood), rule.standard_error(log_likelihood)
    if error is not None:
        error = error + LEAST_ERROR + FLOAT * value.abs()
    return GaussianTerms(value, gaussian_kl(loc, factor), error)
