"""The gaps of many images: where between log p(x), the best Gaussians and the encoder's q the nats are lost.

An image's inference gap is cut in three (Cremer, Li & Duvenaud 2018, whose family is the diagonal one), each zero or
above but for the error of log p(x):

    log p(x)        - best full ELBO      approximation gap of the full-covariance Gaussians
    best full ELBO  - best diagonal ELBO  what the diagonal family gives away beyond that
    best diagonal   - encoder's ELBO      amortization gap
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...models import VAE
from ..budget import Budget, decoding_operations
from ..evidence.importance import importance_around
from ..quadrature.integral import TOLERANCE, integrated
from ..quadrature.lattice import MOST_DIMENSIONS, fitted_lattice
from .search import Start, best_gaussians
from .starts import posterior_starts

# A coarse lattice: more of it would be summed for every image than is saved by cutting fewer cells.
NODES = 8_000
# Multiply-adds between two reports of progress, some two seconds on one core; and images at most.
REPORT_OPERATIONS = 4e10
MOST_TOGETHER = 250
# What an image costs in decoded images, roughly: up to two dimensions, and beyond.
COST = {True: 3_500, False: 20_000}


@dataclass(frozen=True)
class Survey:
    """Row for row, all (n,), nats, float64 on the CPU.

    Attributes:
        log_evidence, error: log p(x) and its numerical or standard error, NaN where that is not known.
        elbo: of the encoder's q; diagonal, full: of the best Gaussian of each family that was found.
        exact: bool, whether log p(x) is by quadrature; else by importance sampling, which tends to
            be too low, so that a gap below zero within the error is possible.
    """

    log_evidence: Tensor
    error: Tensor
    elbo: Tensor
    diagonal: Tensor
    full: Tensor
    exact: Tensor

    def __len__(self) -> int:
        return len(self.elbo)

    @property
    def inference_gap(self) -> Tensor:
        return self.log_evidence - self.elbo

    @property
    def approximation_gap(self) -> Tensor:
        """Of the diagonal family, which is the encoder's."""
        return self.log_evidence - self.diagonal

    @property
    def amortization_gap(self) -> Tensor:
        return self.diagonal - self.elbo


def affordable(model: VAE, operations: float) -> int:
    """Number of images in a survey of so many multiply-adds, roughly: see `decoding_operations`."""
    return int(operations / (COST[model.config.latent <= MOST_DIMENSIONS] * decoding_operations(model)))


def survey(
    model: VAE,
    x: Tensor,
    *,
    seed: int = 0,
    budget: Budget | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Survey:
    """log p(x) and the best Gaussians of images (n, c, h, w), as the likelihood sees them.

    Args:
        seed: of the importance estimates.
        budget: where it is spent the survey ends, and is of the first images alone.
        progress: told the share that is done, 0 to 1.

    Raises:
        ValueError: no images.
    """
    if not len(x):
        raise ValueError("a survey needs at least one image.")
    model = model.eval()
    q = [model.posterior(part.to(model.prior().mean.device)).base_dist for part in x.split(1_000)]
    loc, scale = (torch.cat([getattr(part, name).detach().cpu() for part in q]).double() for name in ("loc", "scale"))
    starts: list[Start | None] = [None] * len(x)
    value, error = torch.full((2, len(x)), math.nan, dtype=torch.float64)
    lattice = fitted_lattice(model, loc, most=NODES) if model.config.latent <= MOST_DIMENSIONS else None
    exact = torch.zeros(len(x), dtype=torch.bool)
    found: list[Tensor] = []
    generator = torch.Generator().manual_seed(seed)
    together = min(max(affordable(model, REPORT_OPERATIONS), 1), MOST_TOGETHER)
    # Images in the same cells share their decoding: all at once, where there is no haste.
    unhurried = budget is None or math.isinf(budget.seconds)
    portions = (budget or Budget()).blocks(len(x), len(x) if unhurried else together)
    for portion in portions:
        before, done = portion.start, 0
        if lattice is not None:
            for i, cells in integrated(model, x[portion], TOLERANCE, lattice, partial=True):
                row = portion.start + i
                if math.isfinite(cells.error):  # else quadrature cannot follow this image
                    value[row], error[row] = cells.value, cells.error
                    starts[row] = posterior_starts(cells, lattice)
                progress((portion.start + 0.15 * (done := done + 1)) / len(x))
            before += 0.15 * done
        exact[portion] = ~value[portion].isnan()
        for first in range(portion.start, portion.stop, together):
            rows = slice(first, min(first + together, portion.stop))
            best = best_gaussians(model, x[rows], loc[rows], scale[rows].diag_embed(), starts[rows])
            found.append(torch.stack([some.elbo for some in best]))
            m, factor = best[-1].loc, best[-1].factor
            sampled = (~exact[rows]).nonzero().flatten()
            if len(sampled):
                some = x[first + sampled], m[sampled], factor[sampled]
                estimate = importance_around(model, *some, generator=generator)
                value[first + sampled], error[first + sampled] = estimate.value, estimate.error
            share = (rows.stop - portion.start) / (portion.stop - portion.start)
            progress((before + share * (portion.stop - before)) / len(x))
    elbo, diagonal, full = torch.cat(found, 1)
    n = len(elbo)
    return Survey(value[:n], error[:n], elbo, diagonal, full, exact[:n])
