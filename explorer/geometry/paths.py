"""Ways through latent space, as steps: straight, spherical, and through several places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .metric import Decoder

# (a, b, steps) to places (steps, d), the first a, the last b.
Way = Callable[[Tensor, Tensor, int], Tensor]


@dataclass(frozen=True)
class Path:
    """A way and how long it is.

    Attributes:
        z: (steps, d); latent: its length in latent space; image: the length of the way that the expected
            image goes, a Euclidean distance over all pixels.
    """

    z: Tensor
    latent: float
    image: float


def straight(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Even steps along the line (steps, d)."""
    share = torch.linspace(0, 1, steps, dtype=a.dtype)[:, None]
    way = a + share * (b - a)
    way[-1] = b  # to its last digit
    return way


def spherical(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Along the arc between the directions of a and b, the norm changing evenly (Shoemake 1985; White 2016).

    A normal prior's mass lies near a sphere in many dimensions, which the straight line leaves. Where a
    direction has no meaning (a or b at the origin) or is not one alone (opposite ones), it is straight.
    """
    norms = torch.stack([a.norm(), b.norm()]).double()
    if norms.min() <= 1e-9 * norms.max():
        return straight(a, b, steps)
    u, v = a.double() / norms[0], b.double() / norms[1]
    # Not acos of the product, which loses half the digits where directions are alike.
    angle = 2 * torch.atan2((u - v).norm(), (u + v).norm())
    share = torch.linspace(0, 1, steps, dtype=torch.float64)[:, None]
    if torch.pi - angle < 1e-6:
        return straight(a, b, steps)
    if angle < 1e-6:
        direction = u + share * (v - u)
    else:
        direction = (((1 - share) * angle).sin() * u + (share * angle).sin() * v) / angle.sin()
    way = (norms[0] + share * (norms[1] - norms[0])) * direction
    way[0], way[-1] = a.double(), b.double()
    return way.to(a.dtype)


def through(places: Tensor, steps: int, way: Way = straight) -> Tensor:
    """A way through several places (k, d) in their order, with as many steps for each part, rounded.

    Returns:
        (about `steps`, d): every place is among them.

    Raises:
        ValueError: fewer than two places.
    """
    parts = len(places) - 1
    if parts < 1:
        raise ValueError("a path wants at least two places.")
    each = max(2, round((steps - 1) / parts) + 1)
    legs = [way(places[i], places[i + 1], each) for i in range(parts)]
    return torch.cat([legs[0], *(leg[1:] for leg in legs[1:])])


def resampled(z: Tensor, count: int) -> Tensor:
    """The same polygon (steps, d) by `count` points, evenly along it."""
    gone = torch.cat([z.new_zeros(1), z.diff(dim=0).norm(dim=1).cumsum(0)])
    if not gone[-1] > 0:
        return z[:1].repeat(count, 1)
    at = torch.linspace(0, 1, count, dtype=z.dtype) * gone[-1]
    right = torch.searchsorted(gone, at).clamp(1, len(z) - 1)
    low, high = gone[right - 1], gone[right]
    share = ((at - low) / (high - low).clamp_min(1e-300)).clamp(0, 1)[:, None]
    return z[right - 1] + share * (z[right] - z[right - 1])


def length(z: Tensor, decode: Decoder | None = None) -> float:
    """Of the polygon through places (steps, d): in latent space, or of its images."""
    with torch.no_grad():
        points = decode(z) if decode else z
        return points.double().diff(dim=0).norm(dim=1).sum().item()
