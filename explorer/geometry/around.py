"""A first way through two dimensions, past what lies between: the shortest one over a grid of decoded places.

A geodesic that is relaxed from the straight line ends at the nearest minimum of its energy; one that begins at
the shortest way through a grid (Bellman 1958, Ford 1956) begins on the right side of every obstacle.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..cancellation import check_cancelled
from .metric import Decoder

SIDE = 64  # places along each side of the grid: with 40, one way in six began on the wrong side of something
TOGETHER = 64  # places decoded at once: what a network holds meanwhile is many times its images
MARGIN = 0.35  # of the distance between the ends, on each side
# Steps from one place to others: the eight around it and the knight's moves, so that few directions are favoured.
STEPS = ((1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2), (2, -1), (1, -2))


def around(decode: Decoder, a: Tensor, b: Tensor) -> Tensor:
    """A way from a to b (2,) over a grid that holds both: (steps, 2)."""
    reach = MARGIN * (b - a).norm()
    low, high = torch.minimum(a, b) - reach, torch.maximum(a, b) + reach
    axes = [torch.linspace(low[i].item(), high[i].item(), SIDE, dtype=torch.float64) for i in range(2)]
    places = torch.cartesian_prod(*axes)

    def decoded(part: Tensor) -> Tensor:
        check_cancelled()
        return decode(part)

    with torch.no_grad():
        images = torch.cat([decoded(part) for part in places.split(TOGETHER)]).reshape(SIDE, SIDE, -1)
    costs = np.full((2 * len(STEPS), SIDE, SIDE), np.inf)  # of arriving at each place, by a step and by its opposite
    for at, (i, j) in enumerate(STEPS):
        here, there = _shifted(i, j)
        cost = (images[here] - images[there]).norm(dim=-1).numpy()
        if not np.isfinite(cost).all():
            return torch.stack([a, b])  # such a decoder knows no ways
        costs[2 * at][there], costs[2 * at + 1][here] = cost, cost
    start, end = (divmod((places - at).square().sum(1).argmin().item(), SIDE) for at in (a, b))
    way = _cheapest(costs, start, end)
    return torch.cat([a[None], places[[i * SIDE + j for i, j in way]][1:-1], b[None]])


def _cheapest(costs: np.ndarray, start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """The places of the cheapest way, both ends among them: all places at once, until none is reached more cheaply."""
    moves = [move for i, j in STEPS for move in ((i, j), (-i, -j))]
    wide = np.full((SIDE + 4, SIDE + 4), np.inf)
    total, last = wide[2:-2, 2:-2], np.zeros((SIDE, SIDE), int)
    total[start] = 0
    before = [wide[2 - i : 2 - i + SIDE, 2 - j : 2 - j + SIDE] for i, j in moves]
    cheaper = np.ones((SIDE, SIDE), bool)
    while cheaper.any():
        check_cancelled()
        cheaper[:] = False
        for at, (cost, origin) in enumerate(zip(costs, before, strict=True)):
            by_it = origin + cost
            better = by_it < total
            np.copyto(total, by_it, where=better)
            last[better] = at
            cheaper |= better
    way = [end]
    while way[-1] != start:
        i, j = moves[last[way[-1]]]
        way.append((way[-1][0] - i, way[-1][1] - j))
    return way[::-1]


def _shifted(i: int, j: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The places of a grid from which a step (i, j) stays on it, and where it leads."""
    down = (slice(0, SIDE - i), slice(i, SIDE))
    across = (slice(0, SIDE - j), slice(j, SIDE)) if j >= 0 else (slice(-j, SIDE), slice(0, SIDE + j))
    return (down[0], across[0]), (down[1], across[1])
