"""A first way through two dimensions, past what lies between: the shortest one over a grid of decoded places.

A geodesic that is relaxed from the straight line ends at the nearest minimum of its energy; one that begins at
the shortest way through a grid (Dijkstra 1959, by SciPy) begins on the right side of every obstacle.
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
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    reach = MARGIN * (b - a).norm()
    low, high = torch.minimum(a, b) - reach, torch.maximum(a, b) + reach
    axes = [torch.linspace(low[i].item(), high[i].item(), SIDE, dtype=torch.float64) for i in range(2)]
    places = torch.cartesian_prod(*axes)

    def decoded(part: Tensor) -> Tensor:
        check_cancelled()
        return decode(part)

    with torch.no_grad():
        images = torch.cat([decoded(part) for part in places.split(TOGETHER)]).reshape(SIDE, SIDE, -1)
    number = torch.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    rows, columns, costs = [], [], []
    for i, j in STEPS:
        here, there = _shifted(i, j)
        rows.append(number[here].flatten())
        columns.append(number[there].flatten())
        costs.append((images[here] - images[there]).norm(dim=-1).flatten())
    # A cost of zero would count as no way at all.
    weight = torch.cat(costs).double().clamp_min(1e-12).numpy()
    if not np.isfinite(weight).all():
        return torch.stack([a, b])  # such a decoder knows no ways
    graph = csr_matrix((weight, (torch.cat(rows).numpy(), torch.cat(columns).numpy())), (SIDE * SIDE,) * 2)
    start, end = ((places - at).square().sum(1).argmin().item() for at in (a, b))
    _, before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
    way = [end]
    while way[-1] != start:
        way.append(int(before[way[-1]]))
    return torch.cat([a[None], places[np.array(way[::-1])][1:-1], b[None]])


def _shifted(i: int, j: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The places of a grid from which a step (i, j) stays on it, and where it leads."""
    down = (slice(0, SIDE - i), slice(i, SIDE))
    across = (slice(0, SIDE - j), slice(j, SIDE)) if j >= 0 else (slice(-j, SIDE), slice(0, SIDE + j))
    return (down[0], across[0]), (down[1], across[1])
