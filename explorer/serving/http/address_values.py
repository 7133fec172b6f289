"""Values of an address as text: each is read, or its default is taken and a sentence says so.

A parser appends its sentence to `notices`; texts are those of strangers, of any length.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Sequence

_COLOUR = re.compile(
    "kl|reconstruction|elbo|log_evidence|gap|trustworthiness|continuity|z_([1-9][0-9]{0,5})|split|(own|set) .{1,200}"
)
BASE64 = re.compile(r"[A-Za-z0-9_-]{1,2000}")
FARTHEST = 1_000.0  # of a latent coordinate
MOST_STOPS = 8  # of a path
# Beyond this many times the opening view, a place is taken for a mistake.
FAR = 4.0
CLOSEST, WIDE = 1e-6, 100.0  # opening views that the part of a map which is shown is wide, at least and at most
MIN_SIGMA, MAX_SIGMA = 1e-4, 3.0


def image(text: str | None, count: int, notices: list[str]) -> int:
    """An image by its number."""
    if not text:
        return 0
    if text.isdecimal() and text.isascii() and len(text) < 10 and int(text) < count:
        return int(text)
    notices.append(f"There is no image “{text[:40]}”: numbers go from 0 to {count - 1:,}. Image 0 is shown.")
    return 0


def hidden(text: str | None, classes: int, notices: list[str]) -> tuple[int, ...]:
    """Numbers of classes."""
    parts = [part for part in (text or "").split(",") if part]
    usable = {part for part in parts if part.isdecimal() and part.isascii() and len(part) < 6 and int(part) < classes}
    if unknown := [part for part in parts if part not in usable]:
        notices.append(f"There is no class “{unknown[0][:40]}” to hide: their numbers go from 0 to {classes - 1}.")
    return tuple(sorted({int(part) for part in usable}))


def option(text: str | None, options: Sequence[str], name: str, default: str | None, notices: list[str]) -> str | None:
    """One of some words."""
    if not text or text in options:
        return text or default
    notices.append(f"There is no {name} “{text[:40]}”: it is {' or '.join(options)}.")
    return default


def colour(text: str | None, latent: int, notices: list[str]) -> str | None:
    """A column by its name, see `colouring.mjs`; None for classes."""
    if not text or text == "class":
        return None
    known = _COLOUR.fullmatch(text)
    if known and int(known[1] or 1) <= latent:
        return text
    notices.append(f"There is no colour “{text[:40]}”, so the points have those of their classes.")
    return None


def pair(text: str | None) -> tuple[float, float] | None:
    """Two finite numbers; None where they are not that, which the caller says."""
    parts = (text or "")[:200].split(",")
    if len(parts) != 2:
        return None
    try:
        first, second = float(parts[0]), float(parts[1])
    except ValueError:
        return None
    return (first, second) if math.isfinite(first) and math.isfinite(second) else None


def scales(text: str | None, notices: list[str]) -> tuple[float, float] | None:
    """Two scales of q: those too large or too small become the largest and the smallest there are."""
    given = pair(text)
    if text and (given is None or min(given) <= 0):
        notices.append("The scales in the address are not usable, so the encoder’s own are shown.")
        return None
    if given is None:
        return None
    first, second = (min(max(value, MIN_SIGMA), MAX_SIGMA) for value in given)
    if (first, second) != given:
        notices.append(f"Scales of q go from {MIN_SIGMA:g} to {MAX_SIGMA:g}: the address’s own were clipped.")
    return first, second


def vector(text: str | None, size: int, notices: list[str]) -> tuple[float, ...] | None:
    """Numbers of latent space."""
    if not text:
        return None
    try:
        numbers = tuple(float(part) for part in text[:20_000].split(","))
    except ValueError:
        numbers = ()
    if len(numbers) == size and all(abs(number) <= FARTHEST for number in numbers):
        return numbers
    least, most = f"−{FARTHEST:,.0f}", f"{FARTHEST:,.0f}"
    notices.append(f"z in the address must be {size} numbers from {least} to {most}: the image’s own code is used.")
    return None


def stops(text: str | None, size: int, notices: list[str]) -> tuple[tuple[float, ...], ...] | None:
    """The stops of a path, places in latent space: little-endian float32 in base64url."""
    if not text:
        return None
    data = unpack(text) if BASE64.fullmatch(text) else b""
    count, rest = divmod(len(data), 4 * size)
    if 1 <= count <= MOST_STOPS and not rest:
        numbers = struct.unpack(f"<{count * size}f", data)
        if all(abs(number) <= FARTHEST for number in numbers):
            return tuple(numbers[at : at + size] for at in range(0, len(numbers), size))
    notices.append("The path in the address cannot be read: its stops are left out.")
    return None


def near(u: tuple[float, float], map_range: Sequence[float]) -> bool:
    """Whether a place lies not too far outside of what is in view at first."""
    for value, low, high in zip(u, map_range[::2], map_range[1::2], strict=True):
        if abs(value - (low + high) / 2) > FAR * (high - low) / 2:
            return False
    return True


def part(text: str | None, map_range: Sequence[float], notices: list[str]) -> tuple[float, ...] | None:
    """The part of the map that is in view, (x0, x1, y0, y1) in map units."""
    if not text:
        return None
    try:
        ends = tuple(float(end) for end in text[:400].split(","))
    except ValueError:
        ends = ()
    if len(ends) == 4 and all(map(math.isfinite, ends)):
        whole = max(map_range[1] - map_range[0], map_range[3] - map_range[2])  # the axes share a scale
        pairs = zip(ends[::2], ends[1::2], map_range[::2], map_range[1::2], strict=True)
        if all(
            CLOSEST * whole <= b - a <= WIDE * whole and abs(a + b - low - high) <= FAR * whole + b - a
            for a, b, low, high in pairs
        ):
            return ends
    notices.append("The part of the map in the address cannot be shown, so the map is as it opens.")
    return None


def picked(text: str | None, count: int, classes: int, notices: list[str]) -> str | None:
    """Selected images as `tabs/latents/columns/picked.mjs` packs them: left packed, but known to be sound."""
    if not text or _sound(text, count, classes):
        return text or None
    notices.append("The selection in the address cannot be read, so nothing is selected.")
    return None


def _sound(text: str, count: int, classes: int) -> bool:
    if re.fullmatch(r"c[0-9]{1,5}(\.[0-9]{1,5}){0,400}", text, re.ASCII):
        return all(int(label) < classes for label in text[1:].split("."))
    if text[0] not in "bd" or not BASE64.fullmatch(text[1:]):
        return False
    data = unpack(text[1:])
    if text[0] == "b":
        return 0 < len(data) <= -(-count // 8) and not (
            int.from_bytes(data, "big") & ((1 << max(8 * len(data) - count, 0)) - 1)
        )
    last, step, shift = -1, 0, 0
    for byte in data:
        step |= (byte & 127) << shift
        shift = shift + 7 if byte & 128 else 0
        if shift > 28:
            return False
        if not shift:
            last, step = last + 1 + step, 0
    return shift == 0 and 0 <= last < count


def unpack(text: str) -> bytes:
    """Bytes of base64url without its padding; none where it is none."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
