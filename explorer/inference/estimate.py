"""An estimate of log p(x), whatever it was made by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_EFFECTIVE = 30.0


@dataclass(frozen=True)
class Evidence:
    """log p(x) an image (batch,), nats, float64, on the CPU.

    Attributes:
        value: the estimate. Of the sampling methods a lower bound in expectation: they are unbiased for p(x),
            and the mean of a logarithm lies below the logarithm of the mean. -inf where every draw had weight 0.
        error: its standard error, or for a quadrature its numerical error, nats. A standard error is the delta
            method's, the relative standard error of the mean weight, and blind to mass that was never proposed.
            NaN where it is not known: where fewer than LEAST_EFFECTIVE draws (of annealing: see `annealed`) carry
            the sum, so that their scatter says nothing of the error.
        method: "quadrature", "importance", "iwae", "annealed", or "mixed" where quadrature was not possible for some
            images and importance sampling took its place.
        effective_samples: Kish's effective sample size (sum w)^2 / sum w^2 (batch,), where there are samples.
    """

    value: Tensor
    error: Tensor
    method: str
    effective_samples: Tensor | None = None


def joined(parts: Sequence[Evidence]) -> Evidence:
    """One estimate of the images of several, in their order."""
    if len(parts) == 1:
        return parts[0]
    methods = {part.method for part in parts}
    effective = [part.effective_samples for part in parts if part.effective_samples is not None]
    return Evidence(
        torch.cat([part.value for part in parts]),
        torch.cat([part.error for part in parts]),
        methods.pop() if len(methods) == 1 else "mixed",
        torch.cat(effective) if len(effective) == len(parts) else None,
    )


def from_weights(
    log_sum: Tensor, log_square: Tensor, samples: int | Tensor, method: str, least: float = LEAST_EFFECTIVE
) -> Evidence:
    """log of the mean weight, with its error by the delta method.

    Args:
        log_sum: log sum w (batch,); log_square: log sum w^2 (batch,); samples: how many weights an image.
        least: effective samples below which the error is not known.
    """
    log_sum, log_square = log_sum.cpu().double(), log_square.cpu().double()
    count = torch.as_tensor(samples, dtype=torch.float64).expand_as(log_sum)
    nothing = log_sum == -math.inf
    effective = torch.where(nothing, 0.0, (2 * log_sum - log_square).exp())
    # var(mean w) / mean(w)^2 = (k sum w^2 / (sum w)^2 - 1) / (k - 1)
    error = ((count / effective - 1).clamp_min(0) / (count - 1)).sqrt()
    known = ~nothing & (count > 1) & (effective >= least * (1 - 1e-9))
    return Evidence(log_sum - count.log(), error.where(known, math.nan), method, effective)


def effective_samples(log_weight: Tensor) -> float:
    """Kish's effective sample size of weights (k,); 0 where none is above 0."""
    if (log_weight == -math.inf).all():
        return 0.0
    return (2 * log_weight.logsumexp(0) - (2 * log_weight).logsumexp(0)).exp().item()


def precise(device: torch.device) -> torch.dtype:
    """The dtype to sum in: float64, but for Apple's GPUs, which have none."""
    return torch.float32 if device.type == "mps" else torch.float64
