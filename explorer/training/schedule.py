"""What moves with the share of the budget that is spent: the learning rate, and the KL's weight."""

from __future__ import annotations

import math

WARM_UP = 0.05


def one_cycle(fraction: float) -> float:
    """The learning rate's share of its peak.

    Args:
        fraction: of the budget spent, 0 to 1: epochs or seconds alike, so that a run
            that has a minute ends as annealed as one that has an hour.

    Returns:
        A straight line up during the first WARM_UP, then half a cosine down to 0
        (after Smith & Topin 2018).
    """
    fraction = min(max(fraction, 0.0), 1.0)
    if fraction < WARM_UP:
        return 0.04 + 0.96 * fraction / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (fraction - WARM_UP) / (1 - WARM_UP)))


def warm_up(fraction: float, share: float) -> float:
    """The KL weight's share of beta: a straight line from 0 to 1 over the first `share` of the budget."""
    return 1.0 if share <= 0 else min(fraction / share, 1.0)
