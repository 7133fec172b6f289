"""The first look at an image: which cells of a model's lattice, and beyond it, carry the mass of p(x, z)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...models import VAE
from .cells import around, morton, rectangle, without
from .decoded import log_joint_at
from .lattice import Lattice, QuadratureError

# Cells this far below the highest, in nats, carry less than 1e-4 of the mass, of a lattice's 40,000.
DEPTH = 20.0
# A node can lie that much lower than the peak between nodes; twice what the curvature there suggests.
MOST_CURVATURE = 200.0
CHUNK = 100  # images looked at together
ROUNDS = 100  # of growth beyond the lattice
REACH = 3  # cells that one round grows at least
REACH_PART = 40  # or this part of the lattice's longer side
MOST_CELLS = 400_000
# Images whose mass runs over the lattice's edge get a wider one together where they have more cells than the lattice
# has nodes, else each is grown alone: whichever decodes less.
WIDER = 0.35  # of the lattice's extent, added on every side
MOST_WIDER = 3


@dataclass(frozen=True)
class Cells:
    """What is known of one image: cells that carry its mass, on the lattice cut 3^level times finer.

    Attributes:
        index: (k, d) integer coordinates; log_joint: log p(x, z) there (k,), nats, float64.
        value, error: log p(x) and its numerical error, nats.
        slack: how much higher than its nodes a peak may be, nats.
        also: cells that may carry mass too (m, d); some of them may be among the others.
        spills: whether mass lies at the lattice's edge or beyond, so that some of it is not among the cells.
    """

    index: Tensor
    log_joint: Tensor
    level: int
    value: float
    error: float
    slack: float
    also: Tensor
    spills: bool = False

    def peak(self, lattice: Lattice) -> Tensor:
        """z of the highest cell (d,)."""
        return lattice.place(self.index[self.log_joint.argmax()], self.level)


def no_cells(lattice: Lattice) -> Cells:
    """Of an image for which quadrature is not possible."""
    nothing = lattice.index[:0]
    return Cells(nothing, torch.empty(0, dtype=torch.float64), -1, math.nan, math.inf, 0.0, nothing)


def first_looks(model: VAE, x: Tensor, loc: Tensor, lattice: Lattice, partial: bool) -> Iterator[tuple[int, Cells]]:
    """Every image's cells on the lattice itself; those whose mass runs over its edge on a wider one, or grown."""
    # Neighbours together: the fewer cells some images look at between them, the quicker their sums.
    rows = morton(((loc - loc.amin(0)) / lattice.step).long()).argsort()
    for widened in range(MOST_WIDER + 1):
        spilt: list[tuple[int, Cells]] = []
        for part in rows.split(CHUNK):
            for row, cells in zip(part.tolist(), _surveyed(x[part], loc[part], lattice), strict=True):
                if cells.spills:
                    spilt.append((row, cells))
                else:
                    yield row, cells
        if sum(len(cells.index) for _, cells in spilt) <= len(lattice.decoded) or widened == MOST_WIDER:
            break
        try:
            lattice = lattice.wider(WIDER)
        except QuadratureError:
            break
        rows = torch.tensor([row for row, _ in spilt])
    for row, cells in spilt:
        try:
            yield row, _grown(model, x[row : row + 1], cells, lattice)
        except QuadratureError:
            if not partial:
                raise
            yield row, no_cells(lattice)


def _surveyed(x: Tensor, loc: Tensor, lattice: Lattice) -> Iterator[Cells]:
    """A first look at some images: the cells within DEPTH of each one's highest."""
    log_joint = lattice.decoded.log_joint(x)
    index = lattice.index
    low = torch.tensor(lattice.first)
    top, at = log_joint.max(1)
    slack = _curvature(log_joint, index[at] - low, lattice.sides)
    active = log_joint > (top - DEPTH - slack)[:, None]
    any_ = active.any(0)
    if not any_.any():  # infinite or not a number, all of them
        yield from (no_cells(lattice) for _ in x)
        return
    value, error = rectangle(index[any_], log_joint[:, any_], lattice.step)
    edge = ((index == low) | (index == low + torch.tensor(lattice.sides) - 1)).any(1)
    spills = (active & edge).any(1)
    # The encoder's mean counts too: a peak between nodes may not show in their values.
    near = ((loc.double() - lattice.origin) / lattice.step).round().long()
    spills |= ~lattice.holds(near)
    for i in range(len(x)):
        if not active[i].any():
            yield no_cells(lattice)
            continue
        held = active[i].nonzero().squeeze(1)
        result = value[i].item(), error[i].item(), slack[i].item()
        yield Cells(index[held], log_joint[i, held], 0, *result, around(near[i : i + 1], 2), bool(spills[i]))


def _curvature(log_joint: Tensor, at: Tensor, sides: tuple[int, ...]) -> Tensor:
    """How much the highest node (batch, d) stands above its neighbours, as twice the fall to them: (batch,), nats."""
    sharpest = torch.zeros(len(at), dtype=log_joint.dtype)
    strides = torch.tensor([*sides[1:], 1]) if len(sides) > 1 else torch.tensor([1])
    for axis, side in enumerate(sides):
        middle = at.clone()
        middle[:, axis] = middle[:, axis].clamp(1, side - 2)
        number = (middle * strides).sum(1, keepdim=True)
        left, here, right = (log_joint.gather(1, number + by * strides[axis]).squeeze(1) for by in (-1, 0, 1))
        sharpest = torch.maximum(sharpest, 2 * here - left - right)
    return sharpest.clamp(0, MOST_CURVATURE)


def _grown(model: VAE, x: Tensor, cells: Cells, lattice: Lattice) -> Cells:
    """All cells of one image that carry mass, found from some of them outwards, also beyond the lattice.

    Raises:
        QuadratureError: they go on and on.
    """
    reach = max(REACH, max(lattice.sides) // REACH_PART)
    index = around(torch.cat([cells.index, cells.also]), REACH)
    values = log_joint_at(model, lattice.place(index), x)[0]
    frontier = torch.ones(len(index), dtype=torch.bool)
    for _ in range(ROUNDS):
        floor = values.amax() - DEPTH - cells.slack
        new = without(around(index[frontier & (values > floor)], reach), index)
        if not len(new):
            kept = values > floor
            index, values = index[kept], values[kept]
            (value,), (error,) = rectangle(index, values[None], lattice.step)
            return Cells(index, values, 0, value.item(), error.item(), cells.slack, index[:0])
        if len(index) + len(new) > MOST_CELLS:
            break
        frontier = torch.cat([torch.zeros(len(index), dtype=torch.bool), torch.ones(len(new), dtype=torch.bool)])
        index = torch.cat([index, new])
        values = torch.cat([values, log_joint_at(model, lattice.place(new), x)[0]])
    raise QuadratureError("The posterior of an image reaches too far out for quadrature")
