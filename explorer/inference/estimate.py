"""An estimate of log p(x), whatever it was made by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Evidence:
    """log p(x) an image (batch,), nats, float64, on the CPU.

    Attributes:
        value: the estimate. Of the sampling methods a lower bound in expectation: they are unbiased for p(x),
            and the mean of a logarithm lies below the logarithm of the mean. -inf where every draw had weight 0.
        error: its standard error, or for a quadrature its estimated numerical error, nats. A standard error is
            the delta method's, the relative standard error of the mean weight: it is never above 1, however far
            the estimate is off, and blind to mass that was never proposed. Infinite for a single draw.
        method: "quadrature", "importance", "annealed", or "mixed" where quadrature was not possible for some images.
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


def from_weights(log_sum: Tensor, log_square: Tensor, samples: int, method: str) -> Evidence:
    """log of the mean weight, with its error by the delta method.

    Args:
        log_sum: log sum w (batch,); log_square: log sum w^2 (batch,); samples: how many weights an image.
    """
    log_sum, log_square = log_sum.cpu().double(), log_square.cpu().double()
    nothing = log_sum == -math.inf
    effective = torch.where(nothing, 0.0, (2 * log_sum - log_square).exp())
    # var(mean w) / mean(w)^2 = (k sum w^2 / (sum w)^2 - 1) / (k - 1)
    error = torch.full_like(log_sum, math.inf)
    if samples > 1:
        ratio = (samples / effective - 1).clamp_min(0)
        error = torch.where(nothing, math.inf, (ratio / (samples - 1)).sqrt())
    return Evidence(log_sum - math.log(samples), error, method, effective)


def precise(device: torch.device) -> torch.dtype:
    """The dtype to sum in: float64, but for Apple's GPUs, which have none."""
    return torch.float32 if device.type == "mps" else torch.float64
