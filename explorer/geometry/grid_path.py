"""Ways through latent space, as steps: straight, spherical, and through several places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..cancellation import check_cancelled
from .metric import Decoder

TOLERANCE = 2e-3  # as a share of a length: what is extrapolated then is known to a few ten-thousandths of it
MOST_HALVINGS = 5
TOGETHER = 128  # places decoded at once

# (a, b, steps) to places (steps, d), the first a, the last b.
Way = Callable[[Tensor, Tensor, int], Tensor]


@dataclass(frozen=True)
class Path:
    """A way and how long it is.

    Attributes:
        z: (steps, d); latent: its length in latent space; image: the length of the way that the expected
            image goes, by Euclidean distances over all pixels.
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
    return joined(legs(places, steps, way))


def legs(places: Tensor, steps: int, way: Way = straight) -> list[Tensor]:
    """The parts of `through`, each from a place to the next."""
    parts = len(places) - 1
    if parts < 1:
        raise ValueError("a path wants at least two places.")
    each = max(2, round((steps - 1) / parts) + 1)
    return [way(places[i], places[i + 1], each) for i in range(parts)]


def joined(parts: list[Tensor]) -> Tensor:
    """The one way (steps, d) that legs (each (steps, d)) make: the place where two meet stands in it once."""
    return torch.cat([parts[0], *(part[1:] for part in parts[1:])])


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
    """Of the polygon through places (steps, d): in latent space, or of the curve that its images make.

    Images bend between two places, so that a sum of chords is too short by the square of their size (a tenth, with some
    twenty steps). Each is halved until that changes the sum by less than TOLERANCE, or MOST_HALVINGS times, and what is
    still missing is extrapolated (Richardson 1911).
    """
    if decode is None:
        return z.double().diff(dim=0).norm(dim=1).sum().item()
    coarse = _chords(z, decode)
    for _ in range(MOST_HALVINGS):
        between = (z[:-1] + z[1:]) / 2
        z = torch.cat([torch.stack([z[:-1], between], 1).flatten(0, 1), z[-1:]])
        fine = _chords(z, decode)
        gained = fine - coarse
        if not gained > TOLERANCE * fine:
            break
        coarse = fine
    return fine + max(gained, 0.0) / 3


def _chords(z: Tensor, decode: Decoder) -> float:
    total, last = 0.0, None
    with torch.no_grad():
        for part in z.split(TOGETHER):
            check_cancelled()
            images = decode(part).double()
            if last is not None:
                images = torch.cat([last, images])
            total += images.diff(dim=0).norm(dim=1).sum().item()
            last = images[-1:]
    return total
