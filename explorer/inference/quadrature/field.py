"""log p(x|z) of one image all over a latent space of one or two dimensions, as far as any q on a map reaches.

On the model's own lattice where images are, carried on a little beyond it, and around it on rings three times coarser
each: a decoder of piecewise linear layers is the more nearly linear the farther out it is asked. Cells of a ring tile
with those within exactly, nine (in one dimension three) of them to one, and its nodes in its hole are some of those.

A sum over such nodes that stopped at a border would be off by what the two steps differ in there, by more than a nat.
So each level fades into the next, over a few of the coarser steps:

    sum_k h_k^d sum_i q(z_i) c_k(z_i) f(z_i),    c_0 = a_0,  c_1 = (1 - a_0) a_1,  ...,  c_K = 1 - a_(K-1),

a_k being 1 well within level k and 0 at its border, see `fade`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .decoded import Decoded, decode, log_joint_at
from .lattice import Lattice

RINGS = 2
GROWTH = 2.0  # of the extent, from one ring to the next
STRIP = 0.1  # of the lattice's extent, by which it is carried on at every side: what fades is beyond the codes
# A level fades out from its border inwards over 2 FADE_REACH deviations of FADE of the next level's steps.
FADE, FADE_REACH = 0.75, 4.0
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
    def axes(self) -> list[Tensor]:
        """The nodes' coordinates along each axis, float64."""
        ends = zip(self.origin, self.sides, strict=True)
        return [low + self.step * torch.arange(side, dtype=torch.float64) for low, side in ends]

    @property
    def places(self) -> Tensor:
        """z of the nodes outside the hole (k, d), float64, row after row along z_1."""
        return self.origin + self.step * self.outside.nonzero().double()

    def fade(self, at: Tensor, axis: int, step: float) -> Tensor:
        """The part of a, see above, that places along an axis have: from 1 within to 0 at both borders.

        Args:
            at: coordinates, float64; step: the next level's.
        """
        low = self.origin[axis] - self.step / 2
        inward = torch.minimum(at - low, low + self.step * self.sides[axis] - at)
        return torch.special.ndtr(inward / (FADE * step) - FADE_REACH)

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


def share(grids: tuple[Grid, ...], level: int, axes: list[Tensor]) -> Tensor:
    """c of a level, see above, at the product of places along each axis, float64, of the product's shape."""

    def faded(grid: Grid, step: float) -> Tensor:
        parts = [grid.fade(at, j, step) for j, at in enumerate(axes)]
        return parts[0] if len(parts) == 1 else parts[0][:, None] * parts[1]

    part = torch.ones([len(at) for at in axes], dtype=torch.float64)
    if level + 1 < len(grids):
        part = part * faded(grids[level], grids[level + 1].step)
    if level:
        part = part * (1 - faded(grids[level - 1], grids[level].step))
    return part


@dataclass(frozen=True)
class Field:
    """A model's lattice and what is around it, none of which knows of any image.

    Attributes:
        grids: the lattice carried on, and the rings from the innermost outwards; in the hole of the first is the
            lattice itself.
        decoded: of each, at `places`.
    """

    lattice: Lattice
    grids: tuple[Grid, ...]
    decoded: tuple[Decoded, ...]

    @property
    def bytes(self) -> int:
        """Of its tensors, but for the lattice's."""
        return sum(decoded.bytes for decoded in self.decoded)

    @torch.inference_mode()
    def values(self, x: Tensor) -> list[Tensor]:
        """log p(x|z) of one image (1, c, h, w), a grid each: nats, float64 of the shape `sides`, holes filled."""
        found: list[Tensor] = []
        within = _log_likelihood(self.lattice.decoded, x)
        for grid, decoded in zip(self.grids, self.decoded, strict=True):
            values, outside = torch.empty(grid.sides, dtype=torch.float64), grid.outside
            values[outside], values[~outside] = _log_likelihood(decoded, x), within.flatten()
            found.append(values)
            within = values[tuple(slice(1, None, 3) for _ in grid.sides)]
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
    """The field of a model's lattice, with what is around it decoded."""
    more = [max(1, round(STRIP * side)) for side in lattice.sides]
    over = [-(side + 2 * by) % 3 for side, by in zip(lattice.sides, more, strict=True)]
    first = torch.tensor(lattice.first, dtype=torch.float64) - torch.tensor(more, dtype=torch.float64)
    sides = tuple(side + 2 * by + odd for side, by, odd in zip(lattice.sides, more, over, strict=True))
    hole = tuple((by, by + side) for side, by in zip(lattice.sides, more, strict=True))
    grids = [Grid(lattice.origin + lattice.step * first, lattice.step, sides, hole)]
    for _ in range(RINGS):
        grids.append(grids[-1].around())
    rough, model = lattice.decoded.rough is not None, lattice.decoded.model
    return Field(lattice, tuple(grids), tuple(decode(model, grid.places, rough=rough) for grid in grids))
