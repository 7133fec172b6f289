"""A length that `geometry.length` knows nothing of: many places, and the chords between their images."""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.geometry import Decoder

FINE = 2_000


def fine_length(z: Tensor, decode: Decoder) -> float:
    """Of the images of a polygon (steps, d), by FINE places or somewhat more, every corner among them."""
    parts = -(-FINE // (len(z) - 1))
    share = torch.arange(parts, dtype=z.dtype)[:, None] / parts
    places = torch.cat([(z[:-1, None] + share * z.diff(dim=0)[:, None]).flatten(0, 1), z[-1:]])
    with torch.no_grad():
        images = torch.cat([decode(part) for part in places.split(256)]).double()
    return images.diff(dim=0).norm(dim=1).sum().item()
