"""Rounding errors of float32 in log p(x): measured by decoding a few places in float64, mended where they matter.

A narrow Gaussian likelihood makes much of a decoder's last digit: at its floor, a tenth of a nat.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from ...cancellation import check_cancelled
from ...models import VAE
from .cells import rectangle
from .first_look import Cells
from .lattice import Lattice

PLACES = 4  # an image, each with as much of its mass as the others
# Times the largest difference at one of them. Sums over many places are off by less than any one of them, unless all
# are off alike, and then the few show it.
SAFETY = 2.0
TOGETHER = 64  # images decoded together
MOST_CELLS = 50_000  # of an image, decoded anew in float64
PIXELS = 1 << 21  # decoded at once
LEAST = torch.finfo(torch.float32).eps / 4  # of |log p(x)|, where the few places differ by less


class Rounding:
    """The decoder of a model in float64, beside the one that quadrature works with.

    Args:
        model: on any device; where that has no float64, on the CPU.
    """

    def __init__(self, model: VAE) -> None:
        device = next(model.parameters()).device
        self.device = torch.device("cpu") if device.type == "mps" else device
        self.decoder = deepcopy(model.decoder).to(self.device, torch.float64)

    def log_joint(self, z: Tensor, x: Tensor) -> Tensor:
        """log p(x, z) (k,), nats, at places z (k, d) for one image x (1, c, h, w) or for k of them."""
        check_cancelled()
        z = z.to(self.device, torch.float64)
        x = x.to(self.device, torch.float64)
        likelihood, raw = self.decoder.likelihood, self.decoder.network(z)
        log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
        linear = likelihood.linear(raw)
        if linear is None:
            return (likelihood(raw).log_prob(x) + log_prior).cpu()
        weights, offset = linear
        flat = x.flatten(1)
        return ((weights * flat).sum(1) + offset + likelihood.carrier(flat) + log_prior).cpu()

    def mended(self, cells: Cells, x: Tensor, lattice: Lattice) -> Cells:
        """The cells of one image (1, c, h, w), decoded anew."""
        z = lattice.place(cells.index, cells.level)
        log_joint = torch.cat([self.log_joint(part, x) for part in z.split(max(1, PIXELS // x.numel()))])
        value, error = rectangle(cells.index, log_joint[None], lattice.step / 3**cells.level)
        return replace(cells, log_joint=log_joint, value=value.item(), error=error.item())


def with_rounding(
    model: VAE, x: Tensor, lattice: Lattice, found: Iterable[tuple[int, Cells]], tolerance: float
) -> Iterator[tuple[int, Cells]]:
    """Rows and cells as they were found, with a bound on what float32 makes of log p(x) in their errors.

    Args:
        x: (batch, c, h, w), the images whose rows are named.
        tolerance: of the errors, nats; where rounding leads beyond it, the cells are decoded anew.
    """
    rounding, left = Rounding(model), iter(found)
    while group := list(islice(left, TOGETHER)):
        possible = [(row, cells) for row, cells in group if math.isfinite(cells.error)]
        if possible:
            at = [_spread(cells) for _, cells in possible]
            z = torch.cat([lattice.place(c.index[i], c.level) for (_, c), i in zip(possible, at, strict=True)])
            rows = torch.tensor([row for row, _ in possible])
            exact = rounding.log_joint(z, x[rows].repeat_interleave(PLACES, 0)).view(-1, PLACES)
            known = torch.stack([cells.log_joint[i] for (_, cells), i in zip(possible, at, strict=True)])
            off = (exact - known).abs().amax(1).tolist()
            for (row, cells), by in zip(possible, off, strict=True):
                error = cells.error + SAFETY * by + LEAST * abs(cells.value)
                if error > tolerance and len(cells.index) <= MOST_CELLS:
                    yield row, rounding.mended(cells, x[row : row + 1], lattice)
                else:
                    yield row, replace(cells, error=error)
        yield from ((row, cells) for row, cells in group if not math.isfinite(cells.error))


def _spread(cells: Cells) -> Tensor:
    """Cells (PLACES,) between which the mass is dealt out evenly, in the order of their index."""
    mass = (cells.log_joint - cells.log_joint.amax()).exp().cumsum(0)
    wanted = (torch.arange(PLACES, dtype=mass.dtype) + 0.5) / PLACES * mass[-1]
    return torch.searchsorted(mass, wanted).clamp_max(len(mass) - 1)
