"""E_q[log p(x|z)] of a wide Gaussian q from a model's field, and its gradient: no place is decoded for it.

By the rectangle rule over the field's nodes, each level fading into the next as `field` says, for any covariance.
By Stein's lemma, with eps = F^-1 (z - m),

    E_q[grad f] = F^-T E_q[f eps],       E_q[grad f eps^T] = F^-T E_q[f (eps eps^T - I)].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..quadrature.field import Grid, share

REACH = 7.0  # scales of q
# Steps of the lattice, and of a ring, that the narrowest scale of q has at least.
LEAST, LEAST_RING = 1.0, 1.1
NEGLIGIBLE = 1e-4  # of q's mass, where a level may be too coarse
WHOLE = 1e-3  # as far from 1 may the weights' sum be, before nodes are missing
# All nodes together are so many times better than half of them, where the narrowest scale of q is twice a step or more.
FINER = 2.5
FLOOR = 1.5e-3  # nats
FAR, FLOAT = 1e-4, 5e-7  # of the value: what is missed of the bends on a ring at most (measured), and float32


@dataclass(frozen=True)
class Mean:
    """An expectation under q, float64.

    Attributes:
        value: E_q[f], nats; error: how far it may be off, nats.
        slope: E_q[grad f] (d,), nats a unit.
        spread: E_q[grad f eps^T] (d, d), nats a unit.
    """

    value: Tensor
    error: Tensor
    slope: Tensor
    spread: Tensor


def field_mean(
    grids: tuple[Grid, ...],
    values: list[Tensor],
    loc: Tensor,
    factor: Tensor,
    *,
    rounding: float = 0.0,
    outside: float = 1.0,
) -> Mean | None:
    """E_q[f] of q = N(m, F F^T) from the values of f at a field's nodes.

    The error: from half the difference between the two colours of a chessboard, whose steps are longer by the square
    root of two, level by level; and from the rounding of values.

    Args:
        rounding: of a value, as a root mean square, nats.
        outside: of q's mass, at most, on the rings.

    Returns:
        None where q is too narrow for the nodes that it lies among, or reaches beyond them, or too far outside.
    """
    loc, factor = loc.double(), factor.double()
    d = len(loc)
    narrowest = torch.linalg.svdvals(factor)[-1].item()
    if not narrowest >= LEAST * grids[0].step:
        return None
    inverse = torch.linalg.inv(factor)
    reach = REACH * factor.norm(dim=1)
    log_norm = torch.linalg.slogdet(factor).logabsdet.item() + d / 2 * math.log(2 * math.pi)
    weights, signs, eps, found, rings = [], [], [], [], 0.0
    for k, (grid, f) in enumerate(zip(grids, values, strict=True)):
        # The part of the level that q reaches.
        low = ((loc - reach - grid.origin) / grid.step).ceil().clamp_min(0).long().tolist()
        high = ((loc + reach - grid.origin) / grid.step).floor().long().tolist()
        ends = [min(end + 1, side) for end, side in zip(high, grid.sides, strict=True)]
        if any(end <= start for start, end in zip(low, ends, strict=True)):
            continue
        axes = [torch.arange(start, end) for start, end in zip(low, ends, strict=True)]
        places = [grid.origin[j] + grid.step * axis.double() for j, axis in enumerate(axes)]
        z = torch.stack(torch.meshgrid(*places, indexing="ij"), -1)
        e = (z - loc) @ inverse.T
        weight = share(grids, k, places) * (-0.5 * e.square().sum(-1) - log_norm).exp() * grid.step**d
        mass = weight.sum().item()
        if mass > NEGLIGIBLE and not narrowest >= (LEAST_RING if k else LEAST) * grid.step:
            return None
        rings += mass if k else 0.0
        colour = sum(axis.view([-1 if i == j else 1 for i in range(d)]) for j, axis in enumerate(axes)) % 2
        keep = weight > 1e-16
        weights.append(weight[keep])
        # Plus and minus by colour; on a ring as it is, on the lattice by as much as all nodes are better than half.
        signs.append((1 - 2 * colour.expand(weight.shape)[keep]).double() / (1 if k else FINER))
        eps.append(e[keep])
        found.append(f[tuple(slice(start, end) for start, end in zip(low, ends, strict=True))][keep])
    if not weights:
        return None
    w, e, f = torch.cat(weights), torch.cat(eps), torch.cat(found)
    total = w.sum()
    if not abs(total.item() - 1) < WHOLE or rings > outside:
        return None
    w = w / total
    value = w @ f
    # Less the mean, whose product with what the weights' own moments are off by would be large.
    rest = w * (f - value)
    spread = (e * rest[:, None]).T @ e - rest.sum() * torch.eye(d, dtype=torch.float64)
    chess = torch.stack([part @ sign for part, sign in zip(rest.split([len(s) for s in signs]), signs, strict=True)])
    rounded = 2 * rounding * w.square().sum().sqrt() + (FAR * rings + FLOAT) * value.abs()
    error = (chess.square().sum() + rounded**2).sqrt() + FLOOR
    if not (value.isfinite() and error.isfinite() and spread.isfinite().all()):
        return None
    return Mean(value, error, inverse.T @ (rest @ e), inverse.T @ spread)
