"""The ladder of bounds: ELBO = IWAE-1 <= IWAE-5 <= ... <= log p(x) (Burda, Grosse & Salakhutdinov 2016, theorem 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...models import VAE
from .iwae import check_proposal, log_weights

KS = (1, 5, 50, 500, 5_000)
POOL = 40_000


@dataclass(frozen=True)
class Rung:
    """One bound, nats.

    Attributes:
        k: draws in each logarithm.
        value: the estimate of E[log (1/k) sum_i w_i], k weights a mean.
        error: its standard error over independent groups of k draws; infinite where there is only one group, or
            where a group had no weight above 0.
    """

    k: int
    value: float
    error: float


@torch.inference_mode()
def ladder(
    model: VAE,
    x: Tensor,
    *,
    ks: Sequence[int] = KS,
    pool: int = POOL,
    widen: float = 1.0,
    generator: torch.Generator | None = None,
) -> list[Rung]:
    """IWAE-k's expectation for one image and several k, in the order given.

    All come from one pool of draws, cut into disjoint groups of k consecutive ones. Where each k divides the next
    one and all divide the pool, groups are nested, and so the estimates themselves never fall from one rung to
    the next (Jensen), as the bounds do not.

    Args:
        x: (1, c, h, w).
        pool: draws in all; the last ones that make no whole group are left out.
        widen: factor on q's scales, > 0; at 1, the bound for k = 1 is the ELBO.
        generator: on the model's device; None takes torch's own.

    Raises:
        ValueError: not one image, no k, a k below 1 or above the pool, or a widening that is none.
    """
    if len(x) != 1:
        raise ValueError(f"the ladder of bounds is one image's; {len(x)} were given.")
    if not ks or min(ks) < 1:
        raise ValueError("the ladder of bounds needs at least one k, and each at least 1.")
    if max(ks) > pool:
        raise ValueError(f"a pool of {pool:,} draws is too small for k = {max(ks):,}.")
    check_proposal(pool, widen)
    weights = torch.cat([part.cpu() for part in log_weights(model, x, pool, widen=widen, generator=generator)])
    return [_rung(weights.double().squeeze(1), k) for k in ks]


def _rung(log_weight: Tensor, k: int) -> Rung:
    groups = len(log_weight) // k
    bound = log_weight[: groups * k].view(groups, k).logsumexp(1) - math.log(k)
    spread = bound.std().item() if groups > 1 and bound.isfinite().all() else math.inf
    return Rung(k, bound.mean().item(), spread / math.sqrt(groups))
