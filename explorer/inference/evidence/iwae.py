"""IWAE-k: log p(x) from draws of the encoder's q(z|x), or of a q that was widened.

    log p(x) >= E[ log (1/k) sum_i p(x, z_i) / r(z_i) ],   z_i ~ r

Burda, Grosse & Salakhutdinov (2016), eq. 8: a lower bound that rises to log p(x) with k. Their r
is q(z|x); here it may be N(loc, (widen * scale)^2), and mixed with the prior.

The heavy tail: a trained q is narrower than the true posterior rather than wider, since KL(q || p(z|x))
punishes a q that reaches where the posterior is not, but hardly one that leaves a part of it out.
Weights p(x, z) / q(z|x) then have a tail without a finite variance: nearly all draws have small
weights, and the few from the tail that carry p(x) are not drawn. The estimate is too low, by many nats
where a mode is missed, and its standard error, made of the same draws, small. An effective sample size of
a few draws gives the tail away where it was touched at all; a mode that no draw has found shows in no number.
Widening q, mixing in the prior (which bounds the weights by p(x|z) / share) and annealing are remedies; the bound
that belongs to the encoder is this one, and log p(x) itself is better estimated by `importance`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ...cancellation import check_cancelled
from ...models import VAE
from ..estimate import Evidence, from_weights, precise

SAMPLES = 1_000
VALUES = 1 << 21  # values decoded at once, whatever the number of images, draws and pixels

HEAVY_TAIL = (
    "Draws come from around q(z|x), so mass of the true posterior that q leaves out is rarely or never drawn: the "
    "estimate can then be far too low although its standard error is small. An effective sample size of a few draws "
    "is a hint of it, a large one no proof that nothing was missed."
)


@torch.inference_mode()
def iwae(
    model: VAE,
    x: Tensor,
    *,
    samples: int = SAMPLES,
    widen: float = 1.0,
    defensive: float = 0.0,
    generator: torch.Generator | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evidence:
    """The IWAE-k estimate of log p(x), with bounded memory.

    Args:
        x: (batch, c, h, w), as the likelihood sees them.
        samples: k, draws of z an image.
        widen: factor on q's scales, > 0.
        defensive: share of the draws that come from the prior, 0 to 1 (Hesterberg 1995), at least one draw where it
            is not 0. All draws are weighted with the mixture's density, so that no weight is above p(x|z) / share.
        generator: on the model's device; None takes torch's own.
        progress: told the share that is done, 0 to 1.

    Raises:
        ValueError: no samples, or a proposal that is none.
    """
    check_proposal(samples, widen, defensive)
    device = model.prior().mean.device
    sums, squares = [torch.empty(0)], [torch.empty(0)]
    # As many images together as leaves all their draws within the bound.
    size = max(1, VALUES // (samples * x.shape[1:].numel()))
    for first in range(0, len(x), size):
        part = x[first : first + size]
        log_sum = log_square = torch.full((len(part),), -math.inf, dtype=precise(device), device=device)
        done = 0
        for log_weight in log_weights(model, part, samples, widen=widen, defensive=defensive, generator=generator):
            log_sum = torch.logaddexp(log_sum, log_weight.logsumexp(0))
            log_square = torch.logaddexp(log_square, (2 * log_weight).logsumexp(0))
            done += len(log_weight)
            progress((first + len(part) * done / samples) / len(x))
        sums.append(log_sum.cpu())
        squares.append(log_square.cpu())
    return from_weights(torch.cat(sums), torch.cat(squares), samples, "iwae")


def check_proposal(samples: int, widen: float, defensive: float = 0.0) -> None:
    """Raises a ValueError for options of `iwae` that make no sense."""
    if samples < 1:
        raise ValueError(f"an estimate by draws needs at least one sample, not {samples}.")
    if not 0 < widen < math.inf:
        raise ValueError(f"q can be widened by a finite factor above 0 only, not {widen}.")
    if not 0 <= defensive <= 1:
        raise ValueError(f"the share of draws from the prior must lie between 0 and 1, not {defensive}.")


def log_weights(
    model: VAE,
    x: Tensor,
    samples: int,
    *,
    widen: float = 1.0,
    defensive: float = 0.0,
    generator: torch.Generator | None = None,
) -> Iterator[Tensor]:
    """log p(x, z) - log r(z) of independent draws z ~ r, in parts (k, batch) of `samples` in all.

    A draw at which the decoder overflows has weight 0, which keeps a lower bound a lower bound.
    """
    device = model.prior().mean.device
    x = x.to(device)
    q, dtype = model.posterior(x), precise(device)
    loc, scale = q.mean.to(dtype), q.stddev.to(dtype) * widen
    # The share as it is drawn: draws are dealt out to the two parts, which scatters less than throwing dice for each.
    from_prior = max(1, round(defensive * samples)) if defensive else 0
    share = from_prior / samples
    step = max(1, VALUES // x.numel())
    for first in range(0, samples, step):
        check_cancelled()
        k = min(step, samples - first)
        eps = torch.randn(k, *loc.shape, device=device, generator=generator, dtype=q.mean.dtype).to(dtype)
        z = loc + scale * eps  # (k, batch, d)
        if from_prior > first:
            z[: from_prior - first] = eps[: from_prior - first]
        log_proposal = _log_normal(z, loc, scale)
        log_prior = _log_normal(z)
        if from_prior == samples:
            log_proposal = log_prior
        elif from_prior:
            log_proposal = torch.logaddexp(log_proposal + math.log1p(-share), log_prior + math.log(share))
        image = x.expand(k, *x.shape).flatten(0, 1) if len(x) > 1 else x
        log_likelihood = model.likelihood(z.to(q.mean.dtype).flatten(0, 1)).log_prob(image).to(dtype)
        log_weight = log_likelihood.view(k, -1) + log_prior - log_proposal
        yield log_weight.masked_fill(log_weight.isnan(), -math.inf)


def _log_normal(z: Tensor, loc: Tensor | float = 0.0, scale: Tensor | None = None) -> Tensor:
    """log density of a diagonal Gaussian, the standard one where nothing else is said: (..., d) to (...)."""
    if scale is None:
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)
    return -(0.5 * ((z - loc) / scale).square() + scale.log() + 0.5 * math.log(2 * math.pi)).sum(-1)
