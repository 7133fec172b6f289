"""Linear planes through latent space: exact there and back.

A plane through latent space is an orthonormal basis B (d, 2): a latent z is drawn at
u = B^T z, and a place u is lifted back to z = a + B (u - B^T a), keeping the part of
the anchor a that is perpendicular to the plane. The round trip is exact, and the prior
N(0, I) projects to N(0, I), so a distance on the map is a distance in units of the prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


class ProjectionError(ValueError):
    """A projection that cannot be made; the message says why, and what to do."""


# Of the largest distance between three codes: any less, and the third is on the line through the others.
LEAST_ANGLE = 1e-6


@dataclass(frozen=True)
class Plane:
    """A two-dimensional linear subspace of latent space.

    Attributes:
        kind: "identity" (the map is the space), "pca", "axes" (two latent dimensions) or "images" (three codes).
        basis: (d, 2), float64, orthonormal columns; (1, 2) for d = 1, whose second column is 0.
        explained: share of the codes' variance that lies in the plane, 0 to 1.
    """

    kind: str
    basis: Tensor
    explained: float

    def project(self, z: Tensor) -> Tensor:
        """z (..., d) to u (..., 2)."""
        return z.to(self.basis.dtype) @ self.basis

    def lift(self, u: Tensor, anchor: Tensor) -> Tensor:
        """u (..., 2) to z (..., d), with the anchor's (d,) perpendicular part kept."""
        anchor = anchor.to(self.basis.dtype)
        return anchor + (u.to(self.basis.dtype) - self.project(anchor)) @ self.basis.T


def fit_plane(codes: Tensor) -> Plane:
    """The plane a map opens on: the space itself up to two dimensions, else the first principal ones.

    Args:
        codes: posterior means (n, d).

    The sign of each principal direction is fixed by making its largest entry positive,
    so that the same codes always give the same picture.
    """
    d = codes.shape[1]
    if d <= 2:
        return Plane("identity", torch.eye(d, 2, dtype=torch.float64), 1.0)
    centred = codes.double() - codes.double().mean(0)
    _, directions = torch.linalg.eigh(centred.T @ centred)  # ascending
    basis = directions[:, [-1, -2]]
    largest = basis.gather(0, basis.abs().argmax(0, keepdim=True))
    basis = basis * largest.sign()
    return Plane("pca", basis, explained_by(basis, codes))


def axes_plane(codes: Tensor, first: int, second: int) -> Plane:
    """The plane of two latent dimensions, counted from 0.

    The page does this in the browser; here it is for notebooks, and the oracle of what is done there.

    Raises:
        ProjectionError: they are not two different dimensions of this space.
    """
    d = codes.shape[1]
    if not (0 <= first < d and 0 <= second < d) or first == second:
        raise ProjectionError(
            f"A plane wants two different dimensions from 1 to {d}, not {first + 1} and {second + 1}."
        )
    basis = torch.zeros(d, 2, dtype=torch.float64)
    basis[first, 0] = basis[second, 1] = 1.0
    return Plane("axes", basis, explained_by(basis, codes))


def images_plane(codes: Tensor, three: Tensor) -> Plane:
    """The plane through three codes (3, d): from the first to the second lies the map's first axis.

    A lift keeps the part of its anchor that is perpendicular: with one of the three as the anchor,
    the map is the very plane that holds all of them. The page does this in the browser; here it is for notebooks, and
    the oracle of what is done there.

    Raises:
        ProjectionError: the three lie on one line, or two of them in one place.
    """
    a, b, c = three.double()
    along = b - a
    length = along.norm()
    size = max(length.item(), (c - a).norm().item())
    if not length > LEAST_ANGLE * size or size == 0:
        raise ProjectionError("Two of the three images have the same code: choose another one.")
    along = along / length
    across = (c - a) - along * (along @ (c - a))
    across = across - along * (along @ across)  # once more, for the digits that the first time lost
    if not across.norm() > LEAST_ANGLE * size:
        raise ProjectionError(
            "The codes of these three images lie on one line, so there is no plane: choose another one."
        )
    basis = torch.stack([along, across / across.norm()], 1)
    return Plane("images", basis, explained_by(basis, codes))


def explained_by(basis: Tensor, codes: Tensor) -> float:
    """The share of the codes' variance that lies in a plane, 0 to 1; 0 where they have none."""
    centred = codes.double() - codes.double().mean(0)
    share = ((centred @ basis).square().sum() / centred.square().sum().clamp_min(1e-300)).item()
    return min(max(share, 0.0), 1.0)  # rounding may step outside
