"""The gradient of the ELBO in a q dragged on a map: exact, and as the reparameterization trick estimates it.

With z = m + F eps (Kingma & Welling 2014, section 2.4) and q written as in `gaussian`, in the map's own
coordinates u and sigma,

    d ELBO / d u_j     = E[ b_j . g ] - u_j
    d ELBO / d sigma_j = E[ (b_j . g) (b_j . F_enc eps) / |F_enc^T b_j| ] - sigma_j + 1 / sigma_j

where g is the gradient of log p(x|z) in z. One draw of eps gives an unbiased estimate; a rule of many
nodes gives the gradient itself, and so do the sums over a model's field (`wide`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...models import VAE
from .gaussian import stretched
from .rules import Rule
from .wide import Mean

VALUES = 1 << 21


@dataclass(frozen=True)
class Gradient:
    """In nats a map unit, float64.

    Attributes:
        exact: (4,), along u_1, u_2, sigma_1, sigma_2.
        draws: (n, 4), each from one eps.
    """

    exact: Tensor
    draws: Tensor


def elbo_gradient(
    model: VAE,
    x: Tensor,
    loc: Tensor,
    scale: Tensor,
    basis: Tensor,
    sigma: Tensor,
    *,
    rule: Rule | None = None,
    summed: Mean | None = None,
    draws: int = 200,
    generator: torch.Generator | None = None,
) -> Gradient:
    """At q = N(m, F F^T) with deviations sigma along the map's axes.

    Args:
        x: (1, c, h, w); loc: m (d,); scale: the encoder's s (d,); basis: B (d, 2); sigma: (2,).
        rule, summed: of the exact gradient, one of them: nodes, or what is known of log p(x|z) under this q.
        draws: how many single estimates.

    Raises:
        ValueError: scales that are not finite and above zero.
    """
    factor = stretched(scale, basis, sigma)
    basis, scale = basis.double(), scale.double()
    eps = torch.randn(draws, len(loc), generator=generator, dtype=torch.float64)
    if rule is not None:
        eps = torch.cat([rule.nodes, eps])
    z = loc.double() + eps @ factor.T
    g = torch.cat([_slope(model, x, part) for part in z.split(max(1, VALUES // x.numel()))]) @ basis  # (k, 2)
    own = (basis * scale[:, None]).norm(dim=0)
    along = (eps * scale) @ basis / own.clamp_min(1e-300)
    sigma = sigma.double()
    kl = torch.cat([loc.double() @ basis, torch.where(own > 0, sigma - 1 / sigma, torch.zeros_like(sigma))])
    each = torch.cat([g, g * along], 1)
    if rule is not None:
        exact, each = rule.weights @ each[: len(rule)], each[len(rule) :]
    else:
        assert summed is not None
        across = ((basis.T @ summed.spread) * (basis * scale[:, None]).T).sum(1) / own.clamp_min(1e-300)
        exact = torch.cat([basis.T @ summed.slope, across])
    return Gradient(exact - kl, each - kl)


def _slope(model: VAE, x: Tensor, z: Tensor) -> Tensor:
    """Gradient of log p(x|z) in z (k, d), float64."""
    device = next(model.parameters()).device
    with torch.enable_grad():
        at = z.float().to(device).requires_grad_(True)
        total = model.likelihood(at).log_prob(x.to(device)).sum()
        (gradient,) = torch.autograd.grad(total, at)
    return gradient.cpu().double()
