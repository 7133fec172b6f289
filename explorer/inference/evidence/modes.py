"""Modes of an image's posterior beside the one that is known, from draws of the prior."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...cancellation import check_cancelled
from ...models import VAE
from ..quadrature.decoded import decode

POOL = 1_000  # draws of the prior, of which the likeliest are climbed from
CLIMBERS = 10  # an image
STEPS, RATE = 60, 1.5  # of Adam, in scales of the known Gaussian
FAR = 4.0  # scales of the known Gaussian, within which a peak is taken for its own
# Nats that a peak's log p(x, z) may lie below the known one's and still matter; and peaks at most, an image.
BELOW, MOST = 8.0, 3
VALUES = 1 << 22  # pixels decoded at once, with all that their gradient needs


@torch.inference_mode(False)
@torch.no_grad()
def highest(model: VAE, x: Tensor, loc: Tensor, factor: Tensor) -> list[list[Tensor]]:
    """Places (d,) near the peaks of each image's log p(x, z) that count beside a known mode, the highest first.

    Args:
        x: (batch, c, h, w); loc: m (batch, d) and factor: F (batch, d, d) of the modes that are known.
    """
    if not len(x):
        return []
    x = x.clone()  # autograd takes no tensors of inference mode
    pool = torch.randn(POOL, loc.shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    decoded = decode(model, pool)
    found: list[list[Tensor]] = []
    for part, m, f in zip(
        *(each.split(max(1, VALUES // (CLIMBERS * x[0].numel()))) for each in (x, loc, factor)), strict=True
    ):
        best = decoded.log_joint(part).nan_to_num(-math.inf, -math.inf, -math.inf).topk(CLIMBERS, 1).indices
        # The known mode climbs along, so that all are measured alike.
        start = torch.cat([m[:, None], pool[best]], 1)
        z, value = _peaks(model, part, start, f)
        away = torch.linalg.solve(f, (z - m[:, None]).mT).norm(dim=1)  # (b, places)
        good = (away > FAR) & (value > value[:, :1] - BELOW)
        for row in range(len(part)):
            found.append(_distinct(z[row], value[row], good[row], f[row]))
    return found


def _distinct(z: Tensor, value: Tensor, good: Tensor, factor: Tensor) -> list[Tensor]:
    """Of the good places the highest, each far from the others."""
    kept: list[Tensor] = []
    for place in z[good][value[good].argsort(descending=True)]:
        if len(kept) < MOST and all(torch.linalg.solve(factor, place - other).norm() > FAR for other in kept):
            kept.append(place)
    return kept


def _peaks(model: VAE, x: Tensor, start: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """Ends (b, places, d) of climbs of log p(x, z) by Adam, and the values there (b, places), float64 on the CPU.

    Steps are taken in the known Gaussian's own coordinates, in which a posterior is about round.
    """
    prior = model.prior().mean
    image = x.to(prior.device)[:, None].expand(-1, start.shape[1], *x.shape[1:]).flatten(0, 1)
    start, factor = (part.to(prior.dtype).to(prior.device) for part in (start, factor))
    with torch.enable_grad():
        y = torch.zeros_like(start).requires_grad_()
        first, second = torch.zeros_like(start), torch.zeros_like(start)
        for step in range(STEPS + 1):
            check_cancelled()
            z = start + y @ factor.mT
            value = model.likelihood(z.flatten(0, 1)).log_prob(image).view(z.shape[:2]) - 0.5 * z.square().sum(2)
            if step == STEPS:
                break
            (slope,) = torch.autograd.grad(value.sum(), y)
            slope = slope.nan_to_num(0.0, 0.0, 0.0)
            first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope.square()
            move = (first / (1 - 0.9 ** (step + 1))) / ((second / (1 - 0.99 ** (step + 1))).sqrt() + 1e-8)
            y = (y.detach() + RATE * (1 - step / STEPS) * move).requires_grad_()
    value = value.detach().cpu().double().nan_to_num(-math.inf, -math.inf, -math.inf)
    return z.detach().cpu().double(), value
