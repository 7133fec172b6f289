"""A uniform lattice over a latent space of one or two dimensions, decoded once for a model.

The rectangle rule on a lattice converges faster than any power of its spacing for a smooth
integrand that vanishes at the ends: for a Gaussian of scale s its relative error is
2 exp(-2 pi^2 s^2 / h^2) an axis, 1e-8 already where the spacing h equals s (Trefethen & Weideman 2014).
So a lattice fitted to the model finds the mass of every image's posterior, and only where it is
narrower than the spacing must cells be cut finer (`quadrature`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ...models import VAE, multiply_adds
from .decoded import Decoded, decode, is_linear

MOST_DIMENSIONS = 2
# Of a fitted lattice: 200 x 200 nodes where the decoder is cheap, fewer where decoding them would
# take more than some seconds on a laptop or their weights more than 128 MB.
NODES = 40_000
NODES_1D = 4_096
MOST_OPERATIONS = 60_000_000_000  # multiply-adds
MOST_VALUES = 1 << 25
# Of a family that is not linear in x, whose nodes are asked again for every image: cells cut later are then cheaper.
MOST_DIRECT_VALUES = 1 << 21
LEAST_SIDE = 24
MOST_NODES = 400_000  # of a lattice made wider
# How far beyond the codes, in prior scales, and what of the prior is covered at least.
MARGIN = 0.5
PRIOR = 3.5


class QuadratureError(ValueError):
    """Quadrature is not possible here; the message says why, and which estimator is.

    Attributes:
        reason: the first part alone, a sentence.
    """

    def __init__(self, reason: str, advice: str = "use importance sampling") -> None:
        super().__init__(f"{reason}: {advice}.")
        self.reason = f"{reason}."


@dataclass(frozen=True)
class Lattice:
    """Nodes z = origin + step * (i, j), decoded.

    Attributes:
        origin: (d,), float64, of the node (0, 0); step: h, the same along every axis.
        sides: nodes along each axis; node (i, j) is number (i - first[0]) * sides[1] + j - first[1].
        decoded: the decoder's answers at the nodes, in that order.
        first: the least coordinate along each axis: below zero in a lattice made wider.
    """

    origin: Tensor
    step: float
    sides: tuple[int, ...]
    decoded: Decoded
    first: tuple[int, ...]

    @property
    def dimensions(self) -> int:
        return len(self.sides)

    @cached_property
    def index(self) -> Tensor:
        """The nodes' integer coordinates (k, d), in their order."""
        axes = [torch.arange(first, first + side) for first, side in zip(self.first, self.sides, strict=True)]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, self.dimensions)

    def holds(self, index: Tensor) -> Tensor:
        """Whether cells (k, d) are nodes of this lattice (k,)."""
        low = torch.tensor(self.first)
        return ((index >= low) & (index < low + torch.tensor(self.sides))).all(1)

    def wider(self, share: float) -> Lattice:
        """The same lattice with this share of its extent added on every side: a cell keeps its coordinates.

        Raises:
            QuadratureError: it would have more than MOST_NODES nodes.
        """
        more = [max(1, round(share * side)) for side in self.sides]
        sides = tuple(side + 2 * by for side, by in zip(self.sides, more, strict=True))
        if math.prod(sides) > MOST_NODES or math.prod(sides) * self.decoded.model.config.pixels > 4 * MOST_VALUES:
            raise QuadratureError("Posteriors reach too far out for quadrature")
        first = tuple(low - by for low, by in zip(self.first, more, strict=True))
        rough = self.decoded.rough is not None
        return _decoded(self.decoded.model, self.origin, self.step, sides, first, rough=rough)

    @property
    def bytes(self) -> int:
        """Of its tensors."""
        return self.decoded.bytes + self.index.nbytes

    def place(self, index: Tensor, level: int = 0) -> Tensor:
        """z (k, d) of integer coordinates (k, d) on the lattice cut 3^level times finer."""
        return self.origin + index.double() * (self.step / 3**level)


def make_lattice(
    model: VAE, low: Tensor, high: Tensor, nodes: int, *, rough: bool = False, between: bool = False
) -> Lattice:
    """About `nodes` nodes over the box from low to high (d,), decoded.

    Args:
        between: in the middle between the nodes that it has otherwise.

    Raises:
        QuadratureError: more than two latent dimensions.
    """
    d = model.config.latent
    if d > MOST_DIMENSIONS:
        raise QuadratureError(
            f"Quadrature needs a latent space of one or two dimensions; this one has {d}",
            "use importance sampling, or annealed importance sampling, which is slower and safer",
        )
    low, high = low.double().reshape(d), high.double().reshape(d)
    extent = high - low
    step = (extent.prod().item() / nodes) ** (1 / d)
    sides = tuple(int(n) + 1 + between for n in (extent / step).ceil().tolist())
    return _decoded(model, low - between * step / 2, step, sides, (0,) * d, rough=rough)


def _decoded(
    model: VAE, origin: Tensor, step: float, sides: tuple[int, ...], first: tuple[int, ...], *, rough: bool
) -> Lattice:
    empty = Lattice(origin, step, sides, decode(model, origin[None]), first)
    return Lattice(origin, step, sides, decode(model, empty.place(empty.index), rough=rough), first)


def fitted_lattice(
    model: VAE, loc: Tensor | None = None, *, most: int = NODES, rough: bool = False, between: bool = False
) -> Lattice:
    """A lattice over the codes of a data set and the bulk of the prior.

    Args:
        loc: posterior means (n, d) of images like those that will be asked about; None covers the prior alone
            (mass beyond is found where it runs over the edge, or where the encoder's mean lies).
        most: nodes.
        rough: half the memory, for a first look: see `decode`. What is found there is decoded anew before it counts.
        between: in the middle between the nodes that it has otherwise.

    Raises:
        QuadratureError: more than two latent dimensions.
    """
    d = model.config.latent
    low = torch.full((d,), -PRIOR, dtype=torch.float64)
    high = -low
    if loc is not None and len(loc):
        low, high = torch.minimum(low, loc.double().amin(0).cpu()), torch.maximum(high, loc.double().amax(0).cpu())
    given = torch.zeros(1, d, device=next(model.parameters()).device)
    cost = multiply_adds(model.decoder.network, given)
    values = (MOST_VALUES if is_linear(model) else MOST_DIRECT_VALUES) // model.config.pixels
    nodes = min(NODES if d > 1 else NODES_1D, most, MOST_OPERATIONS // max(cost, 1), values)
    return make_lattice(model, low - MARGIN, high + MARGIN, max(nodes, LEAST_SIDE**d), rough=rough, between=between)
