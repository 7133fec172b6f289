"""E_q[log p(x|z)] of a wide Gaussian q from a model's field, and its gradient: no place is decoded for it.

By the rectangle rule on the lattice and, where q reaches beyond it, on its rings. A sum that stopped at a border would
be off by what the two steps differ in there, so that one level fades into the next over a few of the coarser steps:

    sum_k h_k^d sum_i q(z_i) c_k(z_i) f(z_i),    c_0 = a_0,  c_1 = (1 - a_0) a_1,  ...,  c_K = 1 - a_(K-1),

a_k being 1 well within level k and 0 at its border. Every second or third node of a coarser level is one of the
finer one (`Grid.around`), so its hole is filled from there. By Stein's lemma, with eps = F^-1 (z - m),

    E_q[grad f] = F^-T E_q[f eps],       E_q[grad f eps^T] = F^-T E_q[f (eps eps^T - I)].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .field import Grid

REACH = 7.0  # scales of q
# A level fades out from its border inwards over 2 FADE_REACH deviations of FADE of the next level's steps.
FADE, FADE_REACH = 0.75, 4.0
# Steps of a level that the narrowest scale of q has at least; of a ring, where log p(x|z) is known more sparsely, more.
LEAST, LEAST_RING = 1.0, 2.0
NEGLIGIBLE = 1e-7  # of q's mass, where a level may be too coarse or end
WHOLE = 1e-3  # as far from 1 may the weights' sum be, before nodes are missing
# All nodes together are so many times better than half of them, where the narrowest scale of q is twice a step or more.
FINER = 2.5
FLOOR = 4e-4  # nats
FAR, FLOAT = 2e-5, 1e-7  # of the value: what bends on a ring are missed at most (measured), and float32


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


def filled(values: list[Tensor]) -> list[Tensor]:
    """A field's values with those of the levels within in the holes."""
    whole = values[:1]
    for part in values[1:]:
        within = whole[-1][tuple(slice(1, None, 3) for _ in part.shape)]
        part = part.clone()
        part[part.isnan()] = within.flatten()
        whole.append(part)
    return whole


def field_mean(
    grids: tuple[Grid, ...],
    values: list[Tensor],
    loc: Tensor,
    factor: Tensor,
    *,
    rounding: float = 0.0,
    outside: float = 1.0,
) -> Mean | None:
    """E_q[f] of q = N(m, F F^T) from the values of f at a field's nodes, see `filled`.

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
        part = torch.ones(1, dtype=torch.float64)
        if k + 1 < len(grids):
            part = _fade(places, grid, grids[k + 1].step)
        if k > 0:
            part = part * (1 - _fade(places, grids[k - 1], grid.step))
        z = torch.stack(torch.meshgrid(*places, indexing="ij"), -1)
        e = (z - loc) @ inverse.T
        weight = part * (-0.5 * e.square().sum(-1) - log_norm).exp() * grid.step**d
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


def _fade(places: list[Tensor], grid: Grid, step: float) -> Tensor:
    """a of a level (see above) at the product of places along each axis; `step` is the next level's."""
    product = torch.ones(1, dtype=torch.float64)
    for j, at in enumerate(places):
        low = grid.origin[j] - grid.step / 2
        inward = torch.minimum(at - low, low + grid.step * grid.sides[j] - at) / (FADE * step) - FADE_REACH
        shape = [-1 if i == j else 1 for i in range(len(places))]
        product = product * torch.special.ndtr(inward).view(shape)
    return product
