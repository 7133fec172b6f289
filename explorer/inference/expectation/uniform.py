"""Nodes for E_q[log p(x|z)] in at most two dimensions, on a uniform lattice in q's own coordinates.

log p(x|z) bends over a few hundredths of latent space however wide q is: Gauss-Hermite nodes, which spread with
q, miss that. The rectangle rule converges faster than any power of the step for a smooth integrand (Trefethen &
Weideman 2014), and its halves, the colours of a chessboard, say how far it has.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .rules import Rule

STEP = 0.03  # in latent space, at most
SHARE = 0.5  # of a scale of q, at most
REACH = 6.0  # scales of q: beyond lies 2e-8 of it
# All nodes together are as many times better than their halves as a scale of q has steps, or more (measured on
# mnist-2d and fashion-mnist-2d); this much is claimed at most.
FINER = 6.0
COARSER = 0.5  # the same where steps had to be longer: the colours may agree by chance


def uniform_rule(
    scale: Tensor, most: int, *, coarser: bool = False, step: float = STEP, share: float = SHARE
) -> Rule | None:
    """The nodes for q = N(m, diag(scale²)), as eps in z = m + scale * eps; None where they would be more than `most`.

    Two replicates of equal length, the colours of a chessboard.

    Args:
        scale: (d,), float64, above zero; d is 1 or 2.
        coarser: with longer steps instead of None.
        step: in latent space, at most; share: of a scale of q, at most.
    """
    steps = [min(share, step / value) for value in scale.tolist()]
    many = _expected(steps) > most
    if many and not coarser:
        return None
    for _ in steps:  # once more where a step has become as long as it may be
        longer = max(_expected(steps) / most, 1.0) ** (1 / max(sum(length < share for length in steps), 1))
        steps = [min(share, length * longer) for length in steps]
    axes = [torch.arange(-math.ceil(REACH / length), math.ceil(REACH / length)) for length in steps]
    index = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(steps))
    nodes = (index.double() + 0.5) * torch.tensor(steps, dtype=torch.float64)
    square = nodes.square().sum(1)
    colour = index.sum(1) % 2
    order = torch.cat([((colour == side) & (square < REACH**2)).nonzero()[:, 0] for side in (0, 1)])
    weights = torch.exp(-0.5 * square[order])
    finer = COARSER if many else min(max(1 / max(steps), 1.0), FINER)
    return Rule(nodes[order], weights / weights.sum(), replicates=2, finer=finer)


def principal(factor: Tensor) -> Tensor:
    """F with orthogonal columns of the same F F^T: along them q's scales are the columns' lengths."""
    if torch.equal(factor, factor.diag().diag()):
        return factor
    left, sizes, _ = torch.linalg.svd(factor)
    return left * sizes


def _expected(steps: list[float]) -> float:
    """How many nodes lie within REACH, about."""
    d = len(steps)
    return math.pi ** (d / 2) / math.gamma(d / 2 + 1) * REACH**d / math.prod(steps)
