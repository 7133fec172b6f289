"""A linear-Gaussian model, whose log p(x) and posterior are known in closed form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Independent, Normal


def linear_gaussian(
    seed: int = 0, d: int = 2, pixels: int = 5, noise: float = 0.7, *, too_narrow: float = 1.0, shift: float = 0.0
) -> tuple[Any, Any]:
    """p(x|z) = N(Wz + b, noise²), with q(z|x) its exact posterior since W has orthogonal columns; and p(x).

    Args:
        too_narrow: q's scales are this many times smaller than the posterior's; shift: of q's mean.
    """
    generator = torch.Generator().manual_seed(seed)
    w, _ = torch.linalg.qr(torch.randn(pixels, d, generator=generator, dtype=torch.float64))
    w = w * torch.linspace(2.0, 0.5, d, dtype=torch.float64)
    b = torch.randn(pixels, generator=generator, dtype=torch.float64)
    # Bishop (2006), eq. 2.116: precision I + WᵀW / noise², diagonal here.
    variance = 1 / (1 + w.square().sum(0) / noise**2)

    def posterior(x: Tensor) -> Independent:
        loc = variance * ((x.flatten(1) - b) @ w) / noise**2
        return Independent(Normal(loc + shift, variance.sqrt().expand_as(loc) / too_narrow), 1)

    def likelihood(z: Tensor) -> Independent:
        return Independent(Normal((z @ w.T + b).view(-1, 1, 1, pixels), noise), 3)

    zero = torch.zeros(d, dtype=torch.float64)
    model = SimpleNamespace(
        prior=lambda: Independent(Normal(zero, zero + 1), 1), posterior=posterior, likelihood=likelihood
    )
    covariance = (w @ w.T + noise**2 * torch.eye(pixels)).numpy()
    return model, stats.multivariate_normal(b.numpy(), covariance)


def images(marginal: Any, count: int, seed: int = 1) -> Tensor:
    """Draws from p(x) (count, 1, 1, pixels), float64."""
    x = marginal.rvs(count, random_state=seed).reshape(count, 1, 1, -1)
    return torch.from_numpy(np.ascontiguousarray(x))
