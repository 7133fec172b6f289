"""Images that no model was trained on, and log p(x) of them in float64 on finer cells than quadrature took."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from explorer.inference.quadrature.cells import around, parts
from explorer.inference.quadrature.first_look import Cells
from explorer.inference.quadrature.lattice import Lattice
from tests.helpers.adaptive import NumpyModel, flat

MARGIN = 2  # cells around those that quadrature kept
AT_ONCE = 4_000
MANY = 1_000


def odd_images(own: Tensor, other: Tensor, each: int, seed: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Kinds of odd images and some of each (n, c, h, w), from binary ones of the model's data set and of another."""
    generator = torch.Generator().manual_seed(seed)
    shape = own.shape[1:]

    def noise(share: float, n: int) -> Tensor:
        return (torch.rand(n, *shape, generator=generator) < share).float()

    first, second, third = own[:each], own[each : 2 * each], own[2 * each : 3 * each]
    half = second.clone()
    half[..., shape[-1] // 2 :] = 0
    yield "all ones", torch.ones(1, *shape)
    yield "all zeros", torch.zeros(1, *shape)
    yield "even noise", noise(0.5, each)
    yield "sparse noise", noise(0.1, each)
    yield "inverted", 1 - first
    yield "another data set", other[:each]
    yield "blend of two", torch.where(noise(0.5, len(first)).bool(), first, second)
    yield "left half", half
    yield "mirrored", third.flip(-1)
    yield "upside down", third.flip(-2)
    yield "as they are", first


def finer(model: NumpyModel, x: Tensor, cells: Cells, lattice: Lattice) -> float:
    """log p(x) of one image (1, c, h, w), summed in float64 over all cells near those with mass.

    Cut three times finer; where they are very many, as by a second lattice between the first one's nodes.
    """
    near, image = around(cells.index, MARGIN), flat(x)
    many = len(near) > MANY
    index = torch.cat([near.double(), near.double() + 0.5]) if many else parts(near)
    level = cells.level if many else cells.level + 1
    parts_ = [model.log_joint(lattice.place(part, level).numpy(), image) for part in index.split(AT_ONCE)]
    total = torch.from_numpy(np.concatenate(parts_)).logsumexp(0).item() - (math.log(2) if many else 0)
    return total + index.shape[1] * math.log(lattice.step / 3**level)
