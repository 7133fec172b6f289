"""Mixtures of the prior and of Student's t distributions, to draw from in importance sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

FREEDOM = 5  # of the t distributions: heavy enough for posteriors that are skew, light enough for those that are not
WIDEN = 1.1  # factor on the scales of the Gaussian that a t distribution stands for
FROM_PRIOR = 0.05
LEAST_SHARE = 0.1  # of a part, before all are made to add up
FIT_STEPS = 5


@dataclass(frozen=True)
class Proposal:
    """r(z) = share of the prior N(0, I), and t distributions of FREEDOM degrees of freedom for the rest.

    Attributes:
        loc: (c, d); factor: F (c, d, d), the parts' scale matrices are F F^T; shares: (c,), their sum is 1, of what
            the prior leaves; all float64 on the CPU.
    """

    loc: Tensor
    factor: Tensor
    shares: Tensor

    @classmethod
    def of(cls, modes: list[tuple[Tensor, Tensor]]) -> Proposal:
        """Of Gaussians N(m, F F^T), in equal shares."""
        loc, factor = (torch.stack(part) for part in zip(*modes, strict=True))
        return cls(loc, WIDEN * factor, torch.full((len(loc),), 1 / len(loc), dtype=torch.float64))

    def draws(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Independent draws (count, d), of which the first are the prior's, and then part by part."""
        d = self.loc.shape[1]
        device = torch.device("cpu") if generator is None else generator.device
        dtype = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no float64

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, device=device, dtype=dtype).cpu().double()

        # Dealt out in order rather than by dice, which scatters less.
        ends = (self._log_shares().exp().cumsum(0) * count).round().long().tolist()
        eps, chi = normal(count, d), normal(count, FREEDOM).square().mean(1).sqrt()
        t, z = eps / chi[:, None], [eps[: ends[0]]]
        for c, (first, last) in enumerate(zip(ends[:-1], [*ends[1:-1], count], strict=True)):
            z.append(self.loc[c] + t[first:last] @ self.factor[c].T)
        return torch.cat(z)

    def log_density(self, z: Tensor) -> Tensor:
        """log r (k,) at places z (k, d)."""
        log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
        parts = torch.cat([log_prior[None], log_t(z, self.loc, self.factor)])
        return (parts + self._log_shares()[:, None]).logsumexp(0)

    def _log_shares(self) -> Tensor:
        prior = torch.tensor([FROM_PRIOR], dtype=torch.float64)
        return torch.cat([prior, (1 - FROM_PRIOR) * self.shares]).log()


def log_t(z: Tensor, loc: Tensor, factor: Tensor) -> Tensor:
    """log density (c, k) of c t distributions of FREEDOM degrees of freedom at places z (k, d).

    Args:
        loc: (c, d); factor: F (c, d, d), the scale matrices are F F^T.
    """
    d, n = z.shape[1], FREEDOM
    whitened = torch.linalg.solve(factor, (z - loc[:, None]).mT)  # (c, d, k)
    constant = math.lgamma((n + d) / 2) - math.lgamma(n / 2) - 0.5 * d * math.log(n * math.pi)
    log_det = torch.linalg.slogdet(factor).logabsdet
    return constant - log_det[:, None] - 0.5 * (n + d) * (whitened.square().sum(1) / n).log1p()


def refitted(modes: list[tuple[Tensor, Tensor]], z: Tensor, log_weight: Tensor) -> Proposal:
    """A proposal of the modes' Gaussians and of the moments of weighted draws, in the shares that these draws have.

    Weights are tempered until so many draws count as the moments have need of, and the covariance is drawn towards
    the first mode's: of a few heavy draws alone it would be degenerate.

    Args:
        modes: m (d,) and F (d, d) each; z: (k, d); log_weight: (k,), not all -inf.
    """
    d = z.shape[1]
    z, log_weight = z[log_weight > -math.inf], log_weight[log_weight > -math.inf]
    weight = torch.softmax(_tempered(log_weight, 4 * d), 0)
    mean = weight @ z
    scatter = ((z - mean) * weight[:, None]).mT @ (z - mean)
    first = modes[0][1] @ modes[0][1].mT
    factor = torch.linalg.cholesky((4 * scatter + WIDEN**2 * first) / 5)
    parts = [*((m, WIDEN * f) for m, f in modes), (mean, factor)]
    loc, factors = (torch.stack(part) for part in zip(*parts, strict=True))
    log_density = log_t(z, loc, factors)
    shares = torch.full((len(loc),), 1 / len(loc), dtype=torch.float64)
    for _ in range(FIT_STEPS):
        shares = (torch.softmax(log_density + shares.log()[:, None], 0) @ weight).clamp_min(LEAST_SHARE)
        shares = shares / shares.sum()
    return Proposal(loc, factors, shares)


def _tempered(log_weight: Tensor, effective: float) -> Tensor:
    """The weights' logarithms times the largest power up to 1 that leaves so large an effective sample size."""
    low, high = 0.0, 1.0
    for _ in range(20):
        power = (low + high) / 2
        tempered = power * log_weight
        enough = (2 * tempered.logsumexp(0) - (2 * tempered).logsumexp(0)).exp() >= effective
        low, high = (power, high) if enough else (low, power)
    return high * log_weight
