"""The shortest way between two latents, as the decoder's images change along it.

A way of n steps is a polygon, and what is made small is its images' energy

    E = sum over i of |g(z_{i+1}) - g(z_i)|^2 + rest * |z_{i+1} - z_i|^2,

the second part small: without it a way in many dimensions leaves for where the decoder answers everything alike,
a hundred times as far as the ends lie apart. The minimum is a shortest polygon with even steps. Gauss-Newton: each
step replaces g by its tangent, which makes E a quadratic form with a matrix of d x d blocks on three diagonals; it is
damped as Levenberg and Marquardt do, and never goes up.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..cancellation import check_cancelled
from .around import around
from .grid_path import Path, length, resampled, straight
from .metric import Decoder, jacobian

ITERATIONS = 60
STILL = 1e-5  # relative fall of the energy in one iteration: arrived
REST = 1e-3  # as a share: in 16 dimensions ways then are a few times as long as the line, not a hundred times
ROUGHLY = 3e-3  # the same while there are few points: the next refinement goes on from there
# Refined from a few points to many: the first iterations are cheap, and far steps are taken by few.
COARSE = 9
DENSE = 300  # unknowns, up to which a full matrix is solved sooner than its blocks one by one


def geodesic(decode: Decoder, a: Tensor, b: Tensor, steps: int = 64, rest: float = REST) -> Path:
    """A shortest way from a to b (d,).

    In two dimensions it is found from the shortest way over a grid, so that it passes obstacles on the right side;
    in more, from the straight line, and is then a shortest one among its neighbours.

    Args:
        rest: of latent space's own metric, as a share of the mean square by which a coordinate moves the image.

    Returns:
        Its length over the images is the straight line's or less.
    """
    a, b = a.double(), b.double()
    line = straight(a, b, steps)
    best = Path(line, length(line), length(line, decode))
    if torch.equal(a, b):
        return best
    _, slopes = jacobian(decode, line[:: max(1, steps // 8)])
    rest *= slopes.double().square().sum(1).mean().item()
    if len(a) == 2:
        z = _relaxed(decode, _between(around(decode, a, b), a, b, steps), STILL, rest)
    else:
        z, count = line, min(COARSE, steps)
        while True:
            z = _relaxed(decode, _between(z, a, b, count), STILL if count == steps else ROUGHLY, rest)
            if count == steps:
                break
            count = min(2 * count - 1, steps)
    found = length(z, decode)
    return Path(z, length(z), found) if found < best.image else best


def _between(z: Tensor, a: Tensor, b: Tensor, count: int) -> Tensor:
    """A polygon by `count` points, from a to b exactly."""
    z = resampled(z, count)
    z[0], z[-1] = a, b
    return z


def _relaxed(decode: Decoder, z: Tensor, still: float, rest: float) -> Tensor:
    """The inner points moved until the energy falls by less than this share of it in one iteration."""
    n, d = len(z) - 2, z.shape[1]
    if n < 1:
        return z
    damping = 1e-3
    image, slopes = jacobian(decode, z)
    energy = image.double().diff(dim=0).square().sum() + rest * z.diff(dim=0).square().sum()
    for _ in range(ITERATIONS):
        check_cancelled()
        # One row of blocks each: 2 G_i on the diagonal, -J_i^T J_{i+1} beside it.
        inner = slopes[1:-1].double()
        unit = torch.eye(d, dtype=z.dtype)
        own = inner.mT @ inner + rest * unit
        beside = -(inner[:-1].mT @ inner[1:]) - rest * unit
        step = image.double().diff(dim=0)
        gradient = (inner.mT @ (step[:-1] - step[1:])[..., None]).squeeze(-1)
        gradient = gradient + rest * (z.diff(dim=0)[:-1] - z.diff(dim=0)[1:])
        size = own.diagonal(dim1=1, dim2=2).mean().clamp_min(1e-12)  # of a constant decoder it is zero
        moved = None
        for _ in range(8):
            check_cancelled()
            diagonal = 2 * own + damping * size * unit
            move = -_solve(diagonal, beside, gradient)
            trial = z.clone()
            trial[1:-1] += move
            if trial.isfinite().all():
                with torch.no_grad():
                    lower = decode(trial).double().diff(dim=0).square().sum() + rest * trial.diff(dim=0).square().sum()
                if lower < energy:
                    moved = trial
                    break
            damping *= 6
        if moved is None:
            return z
        fall = (energy - lower) / energy
        z, damping = moved, damping / 4
        image, slopes = jacobian(decode, z)
        energy = lower
        if fall < still:
            return z
    return z


def _solve(diagonal: Tensor, beside: Tensor, right: Tensor) -> Tensor:
    """A symmetric block-tridiagonal system.

    Args:
        diagonal: (n, d, d); beside: right of it (n - 1, d, d); right: (n, d).
    """
    n, d = right.shape
    if n * d <= DENSE:
        rows = torch.arange(n)
        full = right.new_zeros(n, d, n, d)
        full[rows, :, rows] = diagonal
        full[rows[:-1], :, rows[1:]] = beside
        full[rows[1:], :, rows[:-1]] = beside.mT
        return torch.linalg.solve(full.reshape(n * d, n * d), right.flatten()).view(n, d)
    # By elimination from the first row to the last and back (Thomas).
    pivots, sums = [diagonal[0]], [right[0]]
    for i in range(1, n):
        factor = torch.linalg.solve(pivots[-1], beside[i - 1]).mT
        pivots.append(diagonal[i] - factor @ beside[i - 1])
        sums.append(right[i] - factor @ sums[-1])
    found = [torch.linalg.solve(pivots[-1], sums[-1])]
    for i in range(n - 2, -1, -1):
        found.append(torch.linalg.solve(pivots[i], sums[i] - beside[i] @ found[-1]))
    return torch.stack(found[::-1])
