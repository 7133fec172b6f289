"""log p(x) by quadrature, for latent spaces of one or two dimensions.

    log p(x) = log of the integral of p(x|z) p(z) dz

by the rectangle rule on a lattice that was decoded once for all images (`lattice`). The cells that
carry an image's mass are cut three times finer, all of them alike so that the rule stays as accurate
as on a uniform lattice, until its error falls below a tolerance. Images whose mass lies in the same
cells share the decoding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models import VAE
from .cells import around, numbered, parts, rectangle, unique, without
from .decoded import log_joint_at
from .estimate import Evidence
from .lattice import Lattice, QuadratureError, fitted_lattice

TOLERANCE = 0.01
# Cells this far below the highest, in nats, carry less than 1e-4 of the mass, of a lattice's 40,000.
DEPTH = 20.0
# A node can lie that much lower than the peak between nodes; twice what the curvature there suggests.
MOST_CURVATURE = 200.0
MOST_LEVELS = 6
CHUNK = 100  # images looked at together
BLOCK = 2_500  # images whose cells are held at once: some 100 MB
TOGETHER = 24_000  # nodes decoded together for images that share them
ROUNDS = 100  # of growth beyond the lattice
REACH = 3  # cells that one round grows at least
REACH_PART = 40  # or this part of the lattice's longer side
MOST_CELLS = 400_000
# Images whose mass runs over the lattice's edge get a wider one together where they have more cells than the lattice
# has nodes, else each is grown alone: whichever decodes less.
WIDER = 0.35  # of the lattice's extent, added on every side
MOST_WIDER = 3
# Where the cells themselves are wanted, at least so many: enough to draw a region's border by.
LEAST_CELLS = 500


@dataclass(frozen=True)
class Cells:
    """What is known of one image: cells that carry its mass, on the lattice cut 3^level times finer.

    Attributes:
        index: (k, d) integer coordinates; log_joint: log p(x, z) there (k,), nats, float64.
        value, error: log p(x) and its numerical error, nats.
        slack: how much higher than its nodes a peak may be, nats.
        also: further cells that may carry mass (m, d).
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


@torch.inference_mode()
def quadrature(
    model: VAE,
    x: Tensor,
    *,
    tolerance: float = TOLERANCE,
    lattice: Lattice | None = None,
    partial: bool = False,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evidence:
    """log p(x) of many images, each to within a tolerance.

    Args:
        x: (batch, c, h, w), as the likelihood sees them.
        tolerance: of the estimated numerical error, nats.
        lattice: of this very model; None fits one to x.
        partial: images for which it is not possible get NaN with an infinite error, instead of the exception.
        progress: told the share that is done, 0 to 1.

    Raises:
        QuadratureError: more than two latent dimensions, or a posterior too narrow or too far out.
    """
    value, error = torch.empty(2, len(x), dtype=torch.float64)
    for done, (row, cells) in enumerate(integrated(model, x, tolerance, lattice, partial=partial), 1):
        value[row], error[row] = cells.value, cells.error
        progress(done / len(x))
    return Evidence(value, error, "quadrature")


@torch.inference_mode()
def mass_of(model: VAE, x: Tensor, *, tolerance: float = TOLERANCE, lattice: Lattice | None = None) -> Cells:
    """Where the mass of one image (1, c, h, w) lies: what the true posterior is made from.

    Raises:
        QuadratureError: as `quadrature`.
    """
    ((_, cells),) = integrated(model, x, tolerance, lattice, keep=True)
    return cells


def integrated(
    model: VAE,
    x: Tensor,
    tolerance: float,
    lattice: Lattice | None,
    *,
    keep: bool = False,
    partial: bool = False,
) -> Iterator[tuple[int, Cells]]:
    """Every image's row and cells, as they are done: not in the images' order.

    Args:
        keep: see to it that at least LEAST_CELLS cells of each image are known.
        partial: an image for which quadrature is not possible has no cells and an infinite error, instead of
            the exception.

    Raises:
        QuadratureError: as `quadrature`.
    """
    if not tolerance > 0:
        raise ValueError(f"the tolerance must be above 0 nats, not {tolerance}.")
    if not len(x):
        return
    loc = torch.cat([model.posterior(part.to(next(model.parameters()).device)).mean.cpu() for part in x.split(1_000)])
    lattice = lattice or fitted_lattice(model, loc)
    if len(x) > BLOCK:
        for first in range(0, len(x), BLOCK):
            some = integrated(model, x[first : first + BLOCK], tolerance, lattice, keep=keep, partial=partial)
            yield from ((first + row, cells) for row, cells in some)
        return
    waiting: list[tuple[int, Cells]] = []
    for row, cells in _first_looks(model, x, loc, lattice, partial):
        possible = cells.level >= 0
        if not possible and not partial:
            raise QuadratureError("The decoder's answers for an image are not finite: log p(x) is not a number.")
        if not possible or (cells.error <= tolerance and not (keep and len(cells.index) < LEAST_CELLS)):
            yield row, cells
        else:
            waiting.append((row, cells))
    while waiting:
        level = waiting[0][1].level + 1
        if level > MOST_LEVELS:
            if not partial:
                raise QuadratureError(
                    f"The posterior of {len(waiting)} of {len(x)} images is narrower than quadrature can follow: "
                    "use importance sampling."
                )
            yield from ((row, _none(lattice)) for row, _ in waiting)
            return
        finer: list[tuple[int, Cells]] = []
        for group in _groups(waiting):
            index = parts(unique(torch.cat([part for _, cells in group for part in (cells.index, cells.also)])))
            log_joint = log_joint_at(model, lattice.place(index, level), x[[row for row, _ in group]])
            value, error = rectangle(index, log_joint, lattice.step / 3**level)
            for i, (row, cells) in enumerate(group):
                slack = cells.slack / 9
                held = log_joint[i] > log_joint[i].amax() - DEPTH - slack
                done = error[i].item() <= tolerance and not (keep and held.sum().item() < LEAST_CELLS)
                now = Cells(index[held], log_joint[i][held], level, value[i].item(), error[i].item(), slack, index[:0])
                if done:
                    yield row, now
                else:
                    finer.append((row, now))
        waiting = finer


def _none(lattice: Lattice) -> Cells:
    nothing = lattice.index[:0]
    return Cells(nothing, torch.empty(0, dtype=torch.float64), -1, math.nan, math.inf, 0.0, nothing)


def _first_looks(model: VAE, x: Tensor, loc: Tensor, lattice: Lattice, partial: bool) -> Iterator[tuple[int, Cells]]:
    """Every image's cells on the lattice itself; those whose mass runs over its edge on a wider one, or grown."""
    # Neighbours together: the fewer cells some images look at between them, the quicker their sums.
    rows = _morton(((loc - loc.amin(0)) / lattice.step).long()).argsort()
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
            yield row, _none(lattice)


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
        yield from (_none(lattice) for _ in x)
        return
    value, error = rectangle(index[any_], log_joint[:, any_], lattice.step)
    edge = ((index == low) | (index == low + torch.tensor(lattice.sides) - 1)).any(1)
    spills = (active & edge).any(1)
    # The encoder's mean counts too: a peak between nodes may not show in their values.
    near = ((loc.double() - lattice.origin) / lattice.step).round().long()
    spills |= ~lattice.holds(near)
    for i in range(len(x)):
        if not active[i].any():
            yield _none(lattice)
            continue
        held = active[i].nonzero().squeeze(1)
        result = value[i].item(), error[i].item(), slack[i].item()
        also = without(around(near[i : i + 1], 2), index[held])
        yield Cells(index[held], log_joint[i, held], 0, *result, also, bool(spills[i]))


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
    raise QuadratureError("The posterior of an image reaches too far out for quadrature: use importance sampling.")


def _groups(waiting: list[tuple[int, Cells]]) -> Iterator[list[tuple[int, Cells]]]:
    """Images that share cells, together: in the order of a curve that keeps neighbours near one another."""
    peak = torch.stack([cells.index[cells.log_joint.argmax()] for _, cells in waiting])
    order = _morton(peak - peak.amin(0)).argsort()
    group: list[tuple[int, Cells]] = []
    known = torch.empty(0, dtype=torch.long)
    for i in order.tolist():
        number = numbered(torch.cat([waiting[i][1].index, waiting[i][1].also]))
        together = torch.cat([known, number]).unique()
        if group and (len(group) == CHUNK or 3 ** peak.shape[1] * len(together) > TOGETHER):
            yield group
            group, together = [], number.unique()
        group.append(waiting[i])
        known = together
    yield group


def _morton(index: Tensor) -> Tensor:
    """The place of each cell (k, d) on a Z-shaped curve (Morton 1966)."""
    code = torch.zeros(len(index), dtype=torch.long)
    for bit in range(20):
        for axis in range(index.shape[1]):
            code |= ((index[:, axis] >> bit) & 1) << (bit * index.shape[1] + axis)
    return code
