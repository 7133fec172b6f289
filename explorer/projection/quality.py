"""How far a map can be believed, point by point: trustworthiness and continuity (Venna & Kaski 2001).

    trustworthiness_i = 1 - 2 / (k (2n - 3k - 1)) * sum over j of max(rank(i, j) - k, 0),

j the k nearest of i on the map, rank(i, j) the place of j among the neighbours of i in latent space,
from 1. Low where the map shows as near what is not. Continuity is the same with map and latent
space exchanged: low where what is near was torn apart.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..cancellation import check_cancelled

NEIGHBOURS = 30
CHUNK = 256


def quality_neighbours(n: int, neighbours: int = NEIGHBOURS) -> int:
    """How many nearest points a map of n is judged by: fewer where there are not twice as many."""
    return min(neighbours, (n - 1) // 2)


def trustworthiness(
    codes: Tensor,
    places: Tensor,
    neighbours: int = NEIGHBOURS,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Tensor:
    """Of each point (n,), 0 to 1, float64; the mean is scikit-learn's `trustworthiness`.

    Args:
        codes: (n, d); places: (n, 2).
        neighbours: k; fewer where there are not twice as many points.

    Raises:
        ValueError: fewer than 5 points.
    """
    n = len(codes)
    k = quality_neighbours(n, neighbours)
    if n < 5:
        raise ValueError(f"neighbourhoods want at least 5 points, not {n}.")
    codes, places = codes.double(), places.double()
    lost = torch.empty(n, dtype=torch.float64)
    for first in range(0, n, CHUNK):
        check_cancelled()
        rows = torch.arange(first, min(first + CHUNK, n))
        own = torch.arange(len(rows))
        far, near = _distances(codes, rows), _distances(places, rows)
        far[own, rows] = near[own, rows] = -1.0  # itself before all others, also of its duplicates
        nearest = near.topk(k + 1, largest=False).indices[:, 1:]
        # How many are strictly nearer in latent space: itself is one of them, so that ranks count from 1.
        ordered = far.sort(1).values
        rank = torch.searchsorted(ordered, far.gather(1, nearest))
        lost[rows] = (rank - k).clamp_min(0).sum(1).double()
        progress(min(first + CHUNK, n) / n)
    return 1 - lost * (2 / (k * (2 * n - 3 * k - 1)))


def continuity(
    codes: Tensor,
    places: Tensor,
    neighbours: int = NEIGHBOURS,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Tensor:
    """Of each point (n,), 0 to 1: see `trustworthiness`."""
    return trustworthiness(places, codes, neighbours, progress)


def _distances(points: Tensor, rows: Tensor) -> Tensor:
    """From some points to all. By differences: as a matrix product, equal points come out apart."""
    return torch.cdist(points[rows], points, compute_mode="donot_use_mm_for_euclid_dist")
