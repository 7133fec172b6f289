"""log p(x) by importance sampling from q(z|x).

    log p(x) >= E[ log (1/k) sum_i p(x, z_i) / q(z_i|x) ],   z_i ~ q(z|x)

Burda, Grosse & Salakhutdinov (2016), eq. 8: a lower bound that rises to log p(x) with k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models import VAE

CHUNK = 1_000


@dataclass(frozen=True)
class Evidence:
    """log p(x) an image (batch,), nats, float64, with the estimate's standard error.

    The error is the delta method's: the relative standard error of the mean weight. It is
    blind to mass that q never proposed, so a small error is not a proof. One sample has no
    scatter, and so an infinite error.
    """

    value: Tensor
    standard_error: Tensor


@torch.inference_mode()
def log_evidence(
    model: VAE,
    x: Tensor,
    *,
    method: str = "importance",
    samples: int = 1_000,
    generator: torch.Generator | None = None,
) -> Evidence:
    """The IWAE-k estimate of log p(x), with bounded memory.

    Args:
        x: (batch, c, h, w).
        method: "importance".
        samples: k, draws of z an image.

    Raises:
        ValueError: an unknown method, or no samples.
    """
    if method != "importance":
        raise ValueError(f"The method {method!r} is unknown: choose importance.")
    if samples < 1:
        raise ValueError(f"an importance estimate needs at least one sample, not {samples}.")
    q, prior = model.posterior(x), model.prior()
    log_sum = x.new_full((len(x),), -math.inf, dtype=torch.float64)
    log_square = log_sum.clone()
    step = max(CHUNK // len(x), 1)
    for first in range(0, samples, step):
        k = min(step, samples - first)
        eps = torch.randn(k, *q.mean.shape, device=x.device, generator=generator)
        z = q.mean + q.stddev * eps  # (k, batch, d)
        flat = z.flatten(0, 1)
        log_likelihood = model.likelihood(flat).log_prob(x.repeat(k, 1, 1, 1)).view(k, -1)
        log_weight = (log_likelihood + prior.log_prob(z) - q.log_prob(z)).double()
        log_sum = torch.logaddexp(log_sum, log_weight.logsumexp(0))
        log_square = torch.logaddexp(log_square, (2 * log_weight).logsumexp(0))
    # var(mean w) / mean(w)^2 = (k sum w^2 / (sum w)^2 - 1) / (k - 1)
    ratio = (log_square - 2 * log_sum + math.log(samples)).exp() - 1
    error = (ratio.clamp_min(0) / (samples - 1)).sqrt() if samples > 1 else torch.full_like(ratio, math.inf)
    return Evidence(log_sum - math.log(samples), error)
