"""Arrays as the little-endian bytes that the map's modules read with typed arrays."""

from __future__ import annotations

from torch import Tensor

from ...inference import Rule
from ...latents import Bits
from ..space.space import Space

# Images a sheet, and the bytes it may have: whoever hovers over a point waits for a whole sheet.
SHEET = 256
SHEET_BYTES = 400_000


def _bytes(tensor: Tensor, dtype: str) -> bytes:
    return tensor.contiguous().numpy().astype(dtype, copy=False).tobytes()


def pack_points(space: Space) -> bytes:
    """Every code on the map: float32 (n, 2), then uint8 labels (n,)."""
    return _bytes(space.codes, "<f4") + _bytes(space.latents.labels, "u1")


def pack_codes(space: Space) -> bytes:
    """Every posterior mean in latent space itself: float32 (n, d)."""
    return _bytes(space.latents.loc, "<f4")


def pack_rule(rule: Rule) -> bytes:
    """Nodes float64 (k, d), then weights float64 (k,)."""
    return _bytes(rule.nodes, "<f8") + _bytes(rule.weights, "<f8")


def sheet_size(space: Space) -> int:
    """Images a sheet: SHEET, or fewer where they are large. Follows from the images alone, which models share."""
    pixels = space.checkpoint.config.model.pixels
    return max(1, min(SHEET, SHEET_BYTES // (pixels + (-(-pixels // 8) if space.latents.binary else 0))))


def sheets(space: Space) -> int:
    """How many sheets of `sheet_size` images there are."""
    return -(-len(space.latents) // sheet_size(space))


def sheet_rows(space: Space, sheet: int) -> slice:
    """The images of a sheet."""
    return slice(sheet * sheet_size(space), (sheet + 1) * sheet_size(space))


def pack_images(space: Space, sheet: int) -> bytes:
    """Images as uint8 (m, D), then, where x is binary, its bits from the highest (m, ceil(D / 8))."""
    rows = sheet_rows(space, sheet)
    images, x = _bytes(space.latents.images[rows], "u1"), space.latents.x
    return images + _bytes(x.packed[rows], "u1") if isinstance(x, Bits) else images


def pack_latents(space: Space, sheet: int) -> bytes:
    """q(z|x) of a sheet's images: means float32 (m, d), then scales float32 (m, d)."""
    rows = sheet_rows(space, sheet)
    return _bytes(space.latents.loc[rows], "<f4") + _bytes(space.latents.scale[rows], "<f4")
