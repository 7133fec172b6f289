"""log p(x) by importance sampling around the posterior of each image, wherever the encoder's q lies.

    p(x) = E_r[ p(x, z) / r(z) ],   r = a mixture of the prior and of Student's t about the posterior's modes

The first part of r is the best full-covariance Gaussian of the image (`gaps`), as a t distribution of FREEDOM degrees
of freedom: draws of a Gaussian hardly reach the tails of a posterior that is not one, and the few that do carry the
sum. Other modes are looked for by climbing log p(x, z) from the best of many draws of the prior; each that counts is a
part of its own. The share of the prior bounds every weight by p(x|z) / share.

Where the weights are uneven all the same, r is fitted to the weighted draws and drawn from anew (population Monte
Carlo: Cappé, Douc, Guillin, Marin & Robert 2008). The estimate is made of the last draws alone, so that it is unbiased
for p(x) given r; its logarithm is a lower bound in expectation.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ...cancellation import check_cancelled
from ...models import VAE
from ..estimate import Evidence, effective_samples, from_weights, joined
from ..gaps.climb import climbed
from .modes import highest
from .proposal import Proposal, refitted

SAMPLES = 4_000
TOGETHER = 32  # images whose best Gaussians are climbed to at once
MOST_CLIMBED = 64  # latent dimensions; above, the encoder's own q is where the search begins
# Weights are even enough where so large a share of the draws is effective; else r is fitted anew, so many times.
EVEN, ROUNDS = 0.1, 3
# The last draws are so many times as many where still less than this share of them is effective.
MORE, SCARCE = 4, 0.03
VALUES = 1 << 22  # pixels decoded at once


def importance(
    model: VAE,
    x: Tensor,
    *,
    samples: int = SAMPLES,
    generator: torch.Generator | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evidence:
    """log p(x) of images, with bounded memory: finds their best Gaussians, and draws around them.

    Args:
        x: (batch, c, h, w), as the likelihood sees them.
        samples: draws an image, of each round.
        generator: None takes torch's own.
        progress: told the share that is done, 0 to 1.

    Raises:
        ValueError: no samples.
    """
    check_samples(samples)
    parts = []
    for first in range(0, len(x), TOGETHER):
        part = x[first : first + TOGETHER]
        loc, factor = _best(model, part)

        def told(share: float, first: int = first, count: int = len(part)) -> None:
            progress((first + count * (0.5 + 0.5 * share)) / len(x))

        told(0.0)
        parts.append(importance_around(model, part, loc, factor, samples=samples, generator=generator, progress=told))
    empty = torch.zeros(0, dtype=torch.float64)
    return joined(parts) if parts else Evidence(empty, empty, "importance", empty)


@torch.inference_mode(False)
@torch.no_grad()
def importance_around(
    model: VAE,
    x: Tensor,
    loc: Tensor,
    factor: Tensor,
    *,
    samples: int = SAMPLES,
    generator: torch.Generator | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evidence:
    """log p(x) of images from draws around Gaussians that were fitted to their posteriors.

    Args:
        x: (batch, c, h, w); loc: m (batch, d); factor: F (batch, d, d): the Gaussians are N(m, F F^T).
        samples, generator, progress: see `importance`.

    Raises:
        ValueError: no samples.
    """
    check_samples(samples)
    loc, factor = _sound(loc.double().cpu(), factor.double().cpu())
    others = highest(model, x, loc, factor)
    sums, squares, counts = [torch.zeros(0)], [torch.zeros(0)], []
    for i in range(len(x)):
        check_cancelled()
        modes = [(loc[i], factor[i])]
        image = x[i : i + 1]
        for place in others[i]:
            _add_mode(model, image, modes, place)
        log_weight = _weights(model, image, modes, samples, generator)
        sums.append(log_weight.logsumexp(0)[None])
        squares.append((2 * log_weight).logsumexp(0)[None])
        counts.append(len(log_weight))
        progress((i + 1) / len(x))
    return from_weights(torch.cat(sums), torch.cat(squares), torch.tensor(counts), "importance")


def check_samples(samples: int) -> None:
    """Raises a ValueError where there is not one sample."""
    if samples < 1:
        raise ValueError(f"an importance estimate needs at least one sample, not {samples}.")


@torch.inference_mode(False)
@torch.no_grad()
def _best(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """m (batch, d) and F (batch, d, d) of the best full-covariance Gaussians, climbed to from the encoder's q."""
    x = x.clone()
    q = model.posterior(x.to(model.prior().mean.device)).base_dist
    loc, factor = _sound(q.loc.double().cpu(), q.scale.double().cpu().diag_embed())
    if loc.shape[1] > MOST_CLIMBED:
        return loc, factor
    try:
        return _sound(*climbed(model, x, loc, factor, family="full"))
    except torch.linalg.LinAlgError:  # an image at which the model overflows, and which keeps its q
        if len(x) == 1:
            return loc, factor
        best = [_best(model, x[i : i + 1]) for i in range(len(x))]
        return torch.cat([m for m, _ in best]), torch.cat([f for _, f in best])


def _sound(loc: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """The same Gaussians, and the prior in the place of those that cannot be drawn from."""
    bad = ~(loc.isfinite().all(1) & factor.isfinite().all(2).all(1))
    bad |= ~torch.linalg.slogdet(factor.nan_to_num(0.0, 0.0, 0.0)).logabsdet.isfinite()
    eye = torch.eye(loc.shape[1], dtype=loc.dtype)
    return torch.where(bad[:, None], 0.0, loc), torch.where(bad[:, None, None], eye, factor)


def _weights(
    model: VAE, x: Tensor, modes: list[tuple[Tensor, Tensor]], samples: int, generator: torch.Generator | None
) -> Tensor:
    """log weights (k,) of the last draws for one image (1, c, h, w); `modes` may grow."""
    proposal = Proposal.of(modes)
    for round_ in range(ROUNDS + 1):
        z = proposal.draws(samples, generator)
        log_weight = weighed(model, x, z, proposal)
        effective = effective_samples(log_weight)
        # Of a hundred draws nothing can be learnt, and of none that has a weight neither.
        if not 0 < effective < EVEN * samples or samples < 1_000 or round_ == ROUNDS:
            break
        _add_mode(model, x, modes, z[log_weight.argmax()])
        proposal = refitted(modes, z, log_weight)
    if 0 < effective < SCARCE * samples and samples >= 1_000:
        log_weight = weighed(model, x, proposal.draws(MORE * samples, generator), proposal)
    return log_weight


@torch.inference_mode()
def weighed(model: VAE, x: Tensor, z: Tensor, proposal: Proposal) -> Tensor:
    """log p(x, z) - log r(z) (k,) at places z (k, d), float64; -inf where the decoder overflows."""
    log_likelihood = torch.cat([_log_likelihood(model, x, part) for part in z.split(max(1, VALUES // x.numel()))])
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    log_weight = log_likelihood + log_prior - proposal.log_density(z)
    return log_weight.masked_fill(~(log_weight < math.inf), -math.inf)


def _log_likelihood(model: VAE, x: Tensor, z: Tensor) -> Tensor:
    prior = model.prior().mean
    places = z.to(prior.dtype).to(prior.device)
    return model.likelihood(places).log_prob(x.to(prior.device)).cpu().double()


@torch.inference_mode(False)
@torch.no_grad()
def _add_mode(model: VAE, x: Tensor, modes: list[tuple[Tensor, Tensor]], place: Tensor) -> None:
    """Climbs from a place (d,) to the Gaussian of a mode, and keeps it where it is another one."""
    if len(place) > MOST_CLIMBED:
        return
    try:
        m, f = climbed(model, x.clone(), place[None].clone(), modes[0][1][None].clone(), family="full")
        m, f = (part[0] for part in _sound(m, f))
    except torch.linalg.LinAlgError:  # a place at which the model overflows
        return

    def away(loc: Tensor, factor: Tensor) -> bool:
        return bool(torch.linalg.solve(factor, m - loc).norm() > 1 or torch.linalg.solve(f, m - loc).norm() > 1)

    if all(away(*mode) for mode in modes):
        modes.append((m, f))
