"""From latent space to a plane and back.

A plane through latent space is an orthonormal basis B (d, 2): a latent z is drawn at
u = B^T z, and a place u is lifted back to z = a + B (u - B^T a), keeping the part of
the anchor a that is perpendicular to the plane. The round trip is exact, and the prior
N(0, I) projects to N(0, I), so a distance on the map is a distance in units of the prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Plane:
    """A two-dimensional linear subspace of latent space.

    Attributes:
        kind: "identity" (the map is the space) or "pca".
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
    variance, directions = torch.linalg.eigh(centred.T @ centred)  # ascending
    basis = directions[:, [-1, -2]]
    largest = basis.gather(0, basis.abs().argmax(0, keepdim=True))
    explained = (variance[-2:].sum() / variance.sum().clamp_min(1e-300)).item()
    return Plane("pca", basis * largest.sign(), min(max(explained, 0.0), 1.0))  # rounding may step outside
