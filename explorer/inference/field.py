"""log p(x|z) of one image all over a latent space of one or two dimensions, as far as any q on a map reaches.

On the model's own lattice where images are, and around it on rings three times coarser each: a decoder
of piecewise linear layers is the more nearly linear the farther out it is asked. Cells of a ring tile with those
within exactly, nine (in one dimension three) of them to one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .decoded import Decoded, decode, log_joint_at
from .lattice import Lattice

RINGS = 2
GROWTH = 2.2  # of the extent, from one ring to the next
_COMPARED = 128  # nodes whose rough values are compared with exact ones


@dataclass(frozen=True)
class Grid:
    """Nodes z = origin + step * (i, j), with i and j from zero; those in a hole belong to the grid within.

    Attributes:
        origin: (d,), float64; step: h; sides: nodes along each axis.
        hole: along each axis the first node of the hole and the first after it; () where there is none.
    """

    origin: Tensor
    step: float
    sides: tuple[int, ...]
    hole: tuple[tuple[int, int], ...] = ()

    @property
    def outside(self) -> Tensor:
        """Which nodes are not in the hole, bool, of the shape `sides`."""
        keep = torch.ones(self.sides, dtype=torch.bool)
        if self.hole:
            keep[tuple(slice(*part) for part in self.hole)] = False
        return keep

    @property
    def places(self) -> Tensor:
        """z of the nodes outside the hole (k, d), float64, row after row along z_1."""
        return self.origin + self.step * self.outside.nonzero().double()

    def around(self) -> Grid:
        """The ring around this grid, to GROWTH times its extent, whose hole is this grid."""
        inner = [side // 3 for side in self.sides]
        more = [_border(side) for side in inner]
        step = 3 * self.step
        origin = self.origin + self.step - step * torch.tensor(more, dtype=torch.float64)
        sides = tuple(side + 2 * by for by, side in zip(more, inner, strict=True))
        return Grid(origin, step, sides, tuple((by, by + side) for by, side in zip(more, inner, strict=True)))


def _border(side: int) -> int:
    """Cells of a ring on either side of a hole of so many: with them, three to one of the next ring."""
    by = max(1, round((GROWTH - 1) / 2 * side))
    while (side + 2 * by) % 3:
        by += 1
    return by


@dataclass(frozen=True)
class Field:
    """A model's lattice and the rings around it, none of which knows of any image.

    Attributes:
        lattice: its nodes are the first grid's, but for up to two of the last rows and columns.
        grids: the first, and the rings from the innermost outwards.
        decoded: of each ring, at `places`.
    """

    lattice: Lattice
    grids: tuple[Grid, ...]
    decoded: tuple[Decoded, ...]

    @property
    def bytes(self) -> int:
        """Of the rings' tensors."""
        return sum(decoded.bytes for decoded in self.decoded)

    @torch.inference_mode()
    def values(self, x: Tensor) -> list[Tensor]:
        """log p(x|z) of one image (1, c, h, w), a grid each: nats, float64 of the shape `sides`, NaN in the hole."""
        found = [_log_likelihood(self.lattice.decoded, x).view(self.lattice.sides)]
        found[0] = found[0][tuple(map(slice, self.grids[0].sides))]
        for grid, decoded in zip(self.grids[1:], self.decoded, strict=True):
            values = torch.full(grid.sides, math.nan, dtype=torch.float64)
            values[grid.outside] = _log_likelihood(decoded, x)
            found.append(values)
        return found

    @torch.inference_mode()
    def error(self, x: Tensor) -> float:
        """How far off a node's value is for the sake of rough weights: a root mean square over nodes, nats."""
        decoded = self.lattice.decoded
        if decoded.rough is None:
            return 0.0
        some = slice(None, None, -(-len(decoded) // _COMPARED))
        off = decoded.log_joint(x)[0, some] - log_joint_at(decoded.model, decoded.z[some], x)[0]
        return off.square().mean().sqrt().item()


def _log_likelihood(decoded: Decoded, x: Tensor) -> Tensor:
    return decoded.log_joint(x)[0] - decoded.log_prior


def fitted_field(lattice: Lattice) -> Field:
    """The field of a model's lattice, with RINGS of it decoded around."""
    first = torch.tensor(lattice.first, dtype=torch.float64)
    sides = tuple(side - side % 3 for side in lattice.sides)
    grids = [Grid(lattice.origin + lattice.step * first, lattice.step, sides)]
    for _ in range(RINGS):
        grids.append(grids[-1].around())
    rough, model = lattice.decoded.rough is not None, lattice.decoded.model
    return Field(lattice, tuple(grids), tuple(decode(model, grid.places, rough=rough) for grid in grids[1:]))
