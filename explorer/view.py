"""What is on screen, as the address says it: read with care, since anybody can type an address."""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MODES = ("gaussian", "point")
ENGINES = ("browser", "server")
LAYERS = ("manifold", "prior", "posterior")
ZOOMS = ("map", "q")
# Beside the map, by the page that has them.
TABS = {
    "anatomy": ("game", "derivation", "ladder", "units", "gaps"),
    "latents": ("map", "dimensions", "paths", "neighbours", "selection"),
}
# What points are coloured by and what is shaded, on the page of the latents: `colouring.mjs` and `shades.mjs`.
_COLOUR = re.compile(
    "kl|reconstruction|elbo|log_evidence|gap|trustworthiness|continuity|z_([1-9][0-9]{0,5})|split|(own|set) .{1,200}"
)
SHADES = ("doubt", "magnification", "none")
# What the tabs of the latents show: the first of each is what they open on.
NEAR = ("place", "image")
VIEWS = ("sliders", "grid")
WAYS = ("geodesic", "straight", "spherical")
MOST_STOPS = 8  # of a path
_MAP = re.compile(r"axes(-[0-9]{1,6}){2}|images(-[0-9]{1,9}){3}|umap-[0-9a-f]{16}")
# The range of a map of which the server knows no more; a place may lie FAR times outside, as of any.
WIDEST = 100.0
FARTHEST = 1_000.0  # of a latent coordinate
_BASE64 = re.compile(r"[A-Za-z0-9_-]{1,2000}")
POINTS = ("test", "all")
PLOTS = ("plotly", "canvas")
# Beyond this many times the opening view, a place is taken for a mistake.
FAR = 4.0
MIN_SIGMA, MAX_SIGMA = 1e-4, 3.0


@dataclass(frozen=True)
class View:
    """What a page with a map shows at first (Explore, ELBO, Latents); None means the encoder's own, or the default.

    `notices` has a sentence for each part of the address that could not be used.
    """

    image: int = 0
    mode: str = "gaussian"
    u: tuple[float, float] | None = None
    sigma: tuple[float, float] | None = None
    layers: tuple[str, ...] = ()
    hidden: tuple[int, ...] = ()
    engine: str | None = None
    drawn: str | None = None
    zoom: bool = False
    tab: str | None = None
    map: str | None = None
    z: tuple[float, ...] | None = None
    colour: str | None = None
    shade: str | None = None
    near: str | None = None
    view: str | None = None
    way: str | None = None
    stops: tuple[tuple[float, ...], ...] | None = None
    plot: str | None = None
    notices: tuple[str, ...] = field(default=(), compare=False)

    def state(self) -> dict[str, object]:
        """The values the map starts from."""
        return {
            "image": self.image,
            "mode": self.mode,
            "u": self.u,
            "sigma": self.sigma,
            "layers": list(self.layers),
            "hidden": list(self.hidden),
            "engine": self.engine,
            "drawn": self.drawn,
            "zoom": self.zoom,
            "tab": self.tab,
            "map": self.map,
            "base": self.z,
            "colour": self.colour,
            "shade": self.shade,
            "near": self.near,
            "view": self.view,
            "way": self.way,
            "stops": self.stops,
            "plot": self.plot,
        }


def choose_model(wanted: str | None, known: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The model to show, and a notice where the one asked for does not exist."""
    if not wanted or wanted in known:
        return wanted or known[0], ()
    return known[0], (f"There is no model “{wanted[:60]}” here, so {known[0]} is shown.",)


def read_view(
    query: Mapping[str, str], *, count: int, classes: int, map_range: Sequence[float], latent: int = 2, tabs: str = ""
) -> View:
    """A view from the query of an address: what cannot be used falls back to its default, with a notice.

    Args:
        count: images there are; classes: classes there are; map_range: [x0, x1, y0, y1] in view at first.
        latent: dimensions of latent space.
        tabs: of TABS; the page of the ELBO opens on the posterior and close to it.
    """
    notices: list[str] = []
    image = _image(query.get("image"), count, notices)
    mode = _option(query.get("mode"), MODES, "mode", "gaussian", notices)
    engine = _option(query.get("engine"), ENGINES, "engine", None, notices)
    anatomy, latents = tabs == "anatomy", tabs == "latents"
    shown = query.get("map") if latents else None
    if shown and not _MAP.fullmatch(shown):
        notices.append(f"There is no map “{shown[:40]}”, so the one the model opens on is shown.")
        shown = None
        query = {key: value for key, value in query.items() if key not in ("at", "scale")}  # in another map's units
    z = _vector(query.get("z"), latent, notices) if latents else None
    u = _pair(query.get("at"))
    bounds = (-WIDEST, WIDEST, -WIDEST, WIDEST) if shown else map_range
    if query.get("at") and (u is None or not _near(u, bounds)):
        notices.append("The position in the address is not on the map, so the encoder’s own is shown.")
        u = z = None
    sigma = _scales(query.get("scale"), notices)
    opening = "posterior" if anatomy else ""
    layers = [name for name in query.get("layers", opening).split(",") if name not in ("", "none")]
    if unknown := [name for name in layers if name not in LAYERS]:
        notices.append(f"There is no layer “{unknown[0][:40]}”: it is {' or '.join(LAYERS)}.")
    drawn = query.get("drawn")
    if drawn and not _BASE64.fullmatch(drawn):
        notices.append("The drawing in the address cannot be read, so image 0 is shown.")
        drawn = None
    zoom = _option(query.get("zoom"), ZOOMS, "zoom", "q" if anatomy else "map", notices) == "q"
    hidden = _hidden(query.get("hide"), classes, notices)
    _option(query.get("points"), POINTS, "set of points", None, notices)
    return View(
        image,
        mode or "gaussian",
        u,
        sigma,
        tuple(name for name in LAYERS if name in layers),
        hidden,
        engine,
        drawn or None,
        zoom,
        _option(query.get("tab"), TABS[tabs], "tab", None, notices) if tabs else None,
        shown or None,
        z,
        _colour(query.get("colour"), latent, notices) if latents else None,
        _option(query.get("shade"), SHADES, "shade", None, notices) if latents else None,
        _option(query.get("near"), NEAR, "centre of neighbours", None, notices) if latents else None,
        _option(query.get("view"), VIEWS, "view", None, notices) if latents else None,
        _option(query.get("way"), WAYS, "way", None, notices) if latents else None,
        _stops(query.get("stops"), latent, notices) if latents else None,
        _option(query.get("plot"), PLOTS, "way of drawing points", None, notices),
        tuple(notices),
    )


def _image(text: str | None, count: int, notices: list[str]) -> int:
    if not text:
        return 0
    if text.isdecimal() and text.isascii() and len(text) < 10 and int(text) < count:
        return int(text)
    notices.append(f"There is no image “{text[:40]}”: numbers go from 0 to {count - 1:,}. Image 0 is shown.")
    return 0


def _hidden(text: str | None, classes: int, notices: list[str]) -> tuple[int, ...]:
    parts = [part for part in (text or "").split(",") if part]
    usable = {part for part in parts if part.isdecimal() and part.isascii() and len(part) < 6 and int(part) < classes}
    if unknown := [part for part in parts if part not in usable]:
        notices.append(f"There is no class “{unknown[0][:40]}” to hide: their numbers go from 0 to {classes - 1}.")
    return tuple(sorted({int(part) for part in usable}))


def _option(text: str | None, options: Sequence[str], name: str, default: str | None, notices: list[str]) -> str | None:
    if not text or text in options:
        return text or default
    notices.append(f"There is no {name} “{text[:40]}”: it is {' or '.join(options)}.")
    return default


def _colour(text: str | None, latent: int, notices: list[str]) -> str | None:
    if not text or text == "class":
        return None
    known = _COLOUR.fullmatch(text)
    if known and int(known[1] or 1) <= latent:
        return text
    notices.append(f"There is no colour “{text[:40]}”, so the points have those of their classes.")
    return None


def _pair(text: str | None) -> tuple[float, float] | None:
    parts = (text or "")[:200].split(",")
    if len(parts) != 2:
        return None
    try:
        first, second = float(parts[0]), float(parts[1])
    except ValueError:
        return None
    return (first, second) if math.isfinite(first) and math.isfinite(second) else None


def _scales(text: str | None, notices: list[str]) -> tuple[float, float] | None:
    """Two scales of q: those too large or too small become the largest and the smallest there are."""
    given = _pair(text)
    if text and (given is None or min(given) <= 0):
        notices.append("The scales in the address are not usable, so the encoder’s own are shown.")
        return None
    if given is None:
        return None
    first, second = (min(max(value, MIN_SIGMA), MAX_SIGMA) for value in given)
    if (first, second) != given:
        notices.append(f"Scales of q go from {MIN_SIGMA:g} to {MAX_SIGMA:g}: the address’s own were clipped.")
    return first, second


def _vector(text: str | None, size: int, notices: list[str]) -> tuple[float, ...] | None:
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


def _stops(text: str | None, size: int, notices: list[str]) -> tuple[tuple[float, ...], ...] | None:
    """The stops of a path, places in latent space: little-endian float32 in base64url."""
    if not text:
        return None
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if _BASE64.fullmatch(text) else b""
    except binascii.Error:
        data = b""
    count, rest = divmod(len(data), 4 * size)
    if 1 <= count <= MOST_STOPS and not rest:
        numbers = struct.unpack(f"<{count * size}f", data)
        if all(abs(number) <= FARTHEST for number in numbers):
            return tuple(numbers[at : at + size] for at in range(0, len(numbers), size))
    notices.append("The path in the address cannot be read: its stops are left out.")
    return None


def _near(u: tuple[float, float], map_range: Sequence[float]) -> bool:
    for value, low, high in zip(u, map_range[::2], map_range[1::2], strict=True):
        if abs(value - (low + high) / 2) > FAR * (high - low) / 2:
            return False
    return True
