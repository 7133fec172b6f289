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
from dataclasses import replace

import torch
from torch import Tensor

from ...cancellation import check_cancelled
from ...models import VAE
from ..estimate import Evidence
from .cells import morton, numbered, parts, rectangle, unique
from .decoded import log_joint_at
from .first_look import CHUNK, DEPTH, Cells, first_looks, no_cells
from .lattice import Lattice, QuadratureError, fitted_lattice
from .rounding import with_rounding

TOLERANCE = 0.01
MOST_LEVELS = 6
BLOCK = 2_500  # images whose cells are held at once: some 100 MB
TOGETHER = 24_000  # nodes decoded together for images that share them
# Where the cells themselves are wanted, at least so many: enough to draw a region's border by.
LEAST_CELLS = 500
# Nats below the highest cell, where only a picture asks for finer cells. The mass of lower ones counts in the error.
DRAWN = 14.0


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
    for first in range(0, len(x), BLOCK):
        block = slice(first, first + BLOCK)
        some = _integrated(model, x[block], loc[block], tolerance, lattice, keep, partial)
        yield from ((first + row, cells) for row, cells in with_rounding(model, x[block], lattice, some, tolerance))


def _integrated(
    model: VAE, x: Tensor, loc: Tensor, tolerance: float, lattice: Lattice, keep: bool, partial: bool
) -> Iterator[tuple[int, Cells]]:
    """The same for images whose cells are held at once, with the errors of the rule alone."""
    waiting: list[tuple[int, Cells]] = []
    for row, cells in first_looks(model, x, loc, lattice, partial):
        possible = cells.level >= 0
        if not possible and not partial:
            raise QuadratureError("The decoder's answers for an image are not finite", "choose another image or model")
        few = keep and len(cells.index) < LEAST_CELLS
        if possible and lattice.decoded.rough is not None and not few:
            cells = _exact(model, x[row : row + 1], cells, lattice)
        if not possible or (cells.error <= tolerance and not few):
            yield row, cells
        else:
            waiting.append((row, cells))
    while waiting:
        level = waiting[0][1].level + 1
        if level > MOST_LEVELS:
            if not partial:
                whose = "this image" if len(x) == 1 else f"{len(waiting)} of {len(x)} images"
                raise QuadratureError(f"The posterior of {whose} is narrower than quadrature can follow")
            yield from ((row, no_cells(lattice)) for row, _ in waiting)
            return
        finer: list[tuple[int, Cells]] = []
        for group in _groups(waiting):
            check_cancelled()
            index = parts(unique(torch.cat([part for _, cells in group for part in _uncut(cells, tolerance)])))
            log_joint = log_joint_at(model, lattice.place(index, level), x[[row for row, _ in group]])
            value, error = rectangle(index, log_joint, lattice.step / 3**level)
            for i, (row, cells) in enumerate(group):
                slack = cells.slack / 9
                held = log_joint[i] > log_joint[i].amax() - DEPTH - slack
                off = error[i].item() + _left_out(cells, tolerance)
                done = off <= tolerance and not (keep and held.sum().item() < LEAST_CELLS)
                now = Cells(index[held], log_joint[i][held], level, value[i].item(), off, slack, index[:0])
                if done:
                    yield row, now
                else:
                    finer.append((row, now))
        waiting = finer


def _exact(model: VAE, x: Tensor, cells: Cells, lattice: Lattice) -> Cells:
    """Cells that were found by rough weights, decoded anew: on the lattice itself."""
    log_joint = log_joint_at(model, lattice.place(cells.index), x)
    value, error = rectangle(cells.index, log_joint, lattice.step)
    return replace(cells, log_joint=log_joint[0], value=value.item(), error=error.item())


def _uncut(cells: Cells, tolerance: float) -> tuple[Tensor, ...]:
    """The cells of an image that are to be cut finer: all that may carry mass, or, only to draw it, those that do."""
    if _whole(cells, tolerance):
        return cells.index, cells.also
    return (cells.index[cells.log_joint > cells.log_joint.amax() - DRAWN],)


def _left_out(cells: Cells, tolerance: float) -> float:
    """Nats of log p(x) in the cells that are not cut finer."""
    if _whole(cells, tolerance):
        return 0.0
    deep = cells.log_joint <= cells.log_joint.amax() - DRAWN
    share = (cells.log_joint[deep].logsumexp(0) - cells.log_joint.logsumexp(0)).exp().item() if deep.any() else 0.0
    return -math.log1p(-share)


def _whole(cells: Cells, tolerance: float) -> bool:
    """Whether all that is known of an image is cut finer: its error asks for it, not its picture."""
    return cells.level == 0 or cells.error > tolerance


def _groups(waiting: list[tuple[int, Cells]]) -> Iterator[list[tuple[int, Cells]]]:
    """Images that share cells, together: in the order of a curve that keeps neighbours near one another."""
    peak = torch.stack([cells.index[cells.log_joint.argmax()] for _, cells in waiting])
    order = morton(peak - peak.amin(0)).argsort()
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
