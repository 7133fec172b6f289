"""Places to begin the search for the best Gaussian at: a posterior has several peaks, a climb ends on the nearest."""

from __future__ import annotations

import torch
from torch import Tensor

from ..quadrature.cells import neighbours
from ..quadrature.first_look import Cells
from ..quadrature.lattice import Lattice

MOST = 4  # peaks, the heaviest
LEAST = 0.02  # of the posterior's mass around a peak that counts


def posterior_starts(cells: Cells, lattice: Lattice) -> tuple[Tensor, Tensor]:
    """Gaussians with the moments of p(z|x) as a whole, and of what lies around each of its peaks.

    Every cell belongs to the peak that is reached from it by steps to the highest neighbour.

    Returns:
        m (k, d) and F (k, d, d), float64, the whole first, then the heaviest peaks.
    """
    z = lattice.place(cells.index, cells.level)
    mass = (cells.log_joint - cells.log_joint.amax()).exp()
    mass = mass / mass.sum()
    step = lattice.step / 3**cells.level
    peak = _peaks(cells)
    groups = [torch.ones(len(z), dtype=torch.bool)]
    weight = torch.zeros(len(z), dtype=mass.dtype).index_add_(0, peak, mass)
    heavy = weight.argsort(descending=True)[:MOST].tolist()
    if weight[heavy[0]] < 1 - LEAST:
        groups += [peak == at for at in heavy if weight[at] > LEAST]
    made = [_moments(z[group], mass[group], step) for group in groups]
    return torch.stack([m for m, _ in made]), torch.stack([f for _, f in made])


def _peaks(cells: Cells) -> Tensor:
    """The row of each cell's peak (k,)."""
    beside = neighbours(cells.index).flatten(1)
    own = torch.arange(len(beside))
    around = torch.cat([own[:, None], torch.where(beside < 0, own[:, None], beside)], 1)
    up = around.gather(1, cells.log_joint[around].argmax(1, keepdim=True)).squeeze(1)
    while not torch.equal(further := up[up], up):
        up = further
    return up


def _moments(z: Tensor, mass: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Mean (d,) and a factor (d, d) of the covariance, not below that of a single cell."""
    share = mass / mass.sum()
    mean = share @ z
    away = z - mean
    covariance = away.T @ (away * share[:, None]) + step**2 / 12 * torch.eye(z.shape[1], dtype=z.dtype)
    return mean, torch.linalg.cholesky(covariance)
