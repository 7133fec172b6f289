"""A curved map's way back: what lies near on the map, and how it changes there.

UMAP gives places to codes, and no function. Between them, a place u is lifted by a linear
regression of the codes of its k nearest points on their places (Cleveland's loess, 1979): weights
fall to zero at the nearest point left out, so that the answer moves smoothly as u is dragged.
A code is put on the map by the same weights, without slopes: clusters stay clusters.
All of it is small enough for a browser's frame, where `frontend/projections/local.mjs` does the same in
the same order.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..cancellation import check_cancelled

NEIGHBOURS = 30
ROUNDING = 1e-24
# Of the neighbours' mean square distance along an axis, added to both axes of the regression: slopes of neighbours
# that lie on a line, or in one place, would be anything.
RIDGE = 0.3
# How far from where an image lies its own code still counts, in distances of the nearest point left out.
REACH = 3.0


@dataclass(frozen=True)
class Lifted:
    """Places lifted to latent space.

    Attributes:
        z: (m, d).
        slopes: dz/du (m, d, 2), of the regression.
        spread: root mean square distance of the neighbours' codes from the regression at their own places (m,): what
            the map does not know of z.
    """

    z: Tensor
    slopes: Tensor
    spread: Tensor


class Local:
    """Codes and their places on a map, point for point.

    Args:
        codes: (n, d); places: (n, 2), finite.
        neighbours: k; fewer where there are fewer points.
        ruler: (d, d), by which codes are multiplied before it is asked which are near, see `Embedding`.
    """

    def __init__(
        self, codes: Tensor, places: Tensor, neighbours: int = NEIGHBOURS, ruler: Tensor | None = None
    ) -> None:
        self.codes, self.places = codes.double(), places.double()
        self.neighbours = max(1, min(neighbours, len(codes) - 1))
        self.ruler = torch.eye(codes.shape[1], dtype=torch.float64) if ruler is None else ruler.double()
        self.measured = self.codes if ruler is None else self.codes @ self.ruler

    def lift(self, u: Tensor) -> Lifted:
        """Places (m, 2) to latents: a weighted linear regression each."""
        u = u.double().reshape(-1, 2)
        index, weight = self._near(self.places, u)
        y, z = self.places[index], self.codes[index]  # (m, k, 2), (m, k, d)
        centre, mean = (weight[..., None] * y).sum(1), (weight[..., None] * z).sum(1)
        dy, dz = y - centre[:, None], z - mean[:, None]
        weighted = weight[..., None] * dy
        gram = weighted.mT @ dy
        ridge = RIDGE * gram.diagonal(dim1=1, dim2=2).sum(1) / 2
        gram = gram + ridge[:, None, None] * torch.eye(2, dtype=gram.dtype)
        # Else all neighbours lie in one place, but for the rounding of their mean.
        level = gram.diagonal(dim1=1, dim2=2).sum(1) > ROUNDING * (1 + centre.square().sum(1))
        gram[~level] = torch.eye(2, dtype=gram.dtype)
        slopes = torch.linalg.solve(gram, weighted.mT @ dz).mT
        lifted = mean + (slopes @ (u - centre)[..., None]).squeeze(-1)
        spread = (weight * (dz - dy @ slopes.mT).square().sum(2)).sum(1).sqrt()
        return Lifted(lifted, slopes, spread)

    def place(self, z: Tensor) -> Tensor:
        """Codes (m, d) to places (m, 2): the weighted mean of the places of the nearest codes."""
        index, weight = self._near(self.measured, z.double().reshape(-1, self.codes.shape[1]) @ self.ruler)
        return (weight[..., None] * self.places[index]).sum(1)

    def lift_from(self, u: Tensor, anchor: Tensor, home: Tensor) -> Tensor:
        """As `lift`, but exactly the anchor (d,) at its home (2,): what the map does not know of it fades from there.

        The page does this in the browser; here it is for notebooks, and the oracle of what is done there.

        Returns:
            (m, d).
        """
        u = u.double().reshape(-1, 2)
        here = self.lift(home)
        reach = REACH * self._reach(self.places, home.double().reshape(-1, 2))
        share = _tricube((u - home.double()).norm(dim=1) / reach.clamp_min(1e-12))
        return self.lift(u).z + share[:, None] * (anchor.double() - here.z)

    def _reach(self, points: Tensor, at: Tensor) -> Tensor:
        """The distance of the nearest point left out (m,)."""
        k = min(self.neighbours + 1, len(points))
        return torch.cdist(at, points).topk(k, largest=False).values[:, -1]

    def _near(self, points: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        """The k nearest points and their weights (m, k), which sum to 1."""
        indices, weights = [], []
        for part in at.split(max(1, PAIRS // len(points))):
            check_cancelled()
            k = min(self.neighbours + 1, len(points))
            found = torch.cdist(part, points).topk(k, largest=False)
            distance, farthest = found.values[:, : self.neighbours], found.values[:, -1:]
            weight = _tricube(distance / farthest.clamp_min(1e-300))
            # Where even the point left out is in the same place, all count alike.
            weight = torch.where(weight.sum(1, keepdim=True) > 0, weight, torch.ones_like(weight))
            indices.append(found.indices[:, : self.neighbours])
            weights.append(weight / weight.sum(1, keepdim=True))
        return torch.cat(indices), torch.cat(weights)


PAIRS = 1 << 24  # distances held at once


def _tricube(share: Tensor) -> Tensor:
    """1 at 0, falling smoothly to 0 at 1 and beyond."""
    return (1 - share.clamp(0, 1) ** 3) ** 3
