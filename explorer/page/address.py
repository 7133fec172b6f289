"""What is on screen, as the address says it: read with care, since anybody can type an address."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..serving.http import address_values

MODES = ("gaussian", "point")
ENGINES = ("browser", "server")
LAYERS = ("manifold", "prior", "posterior")
ZOOMS = ("map", "q")
# Beside the map, by the page that has them.
TABS = {
    "elbo": ("game", "derivation", "ladder", "units", "gaps"),
    "latents": ("map", "dimensions", "paths", "neighbours", "selection"),
}
# What is shaded on the page of the latents: `shades.mjs`.
SHADES = ("doubt", "magnification", "both", "none")
# What the tabs of the latents show: the first of each is what they open on.
NEAR = ("place", "image")
VIEWS = ("sliders", "grid")
# What the gaps of many images are sorted by: `tabs/elbo/gaps/gap_data.mjs`.
SORTS = ("inference", "approximation", "amortization", "evidence")
WAYS = ("geodesic", "straight", "spherical")
_MAP = re.compile(r"axes(-[0-9]{1,6}){2}|images(-[0-9]{1,9}){3}|umap-[0-9a-f]{16}")
# The range of a map of which the server knows no more; a place may lie FAR times outside, as of any.
WIDEST = 100.0
POINTS = ("test", "all")
PLOTS = ("plotly", "canvas")


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
    look: tuple[float, ...] | None = None
    sort: str | None = None
    picked: str | None = None
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
            "look": self.look,
            "sort": self.sort,
            "picked": self.picked,
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
    image = address_values.image(query.get("image"), count, notices)
    mode = address_values.option(query.get("mode"), MODES, "mode", "gaussian", notices)
    engine = address_values.option(query.get("engine"), ENGINES, "engine", None, notices)
    elbo, latents = tabs == "elbo", tabs == "latents"
    shown = query.get("map") if latents else None
    if shown and not _MAP.fullmatch(shown):
        notices.append(f"There is no map “{shown[:40]}”, so the one the model opens on is shown.")
        shown = None
        query = {
            key: value for key, value in query.items() if key not in ("at", "scale", "look")
        }  # in another map's units
    z = address_values.vector(query.get("z"), latent, notices) if latents else None
    u = address_values.pair(query.get("at"))
    bounds = (-WIDEST, WIDEST, -WIDEST, WIDEST) if shown else map_range
    if query.get("at") and (u is None or not address_values.near(u, bounds)):
        notices.append("The position in the address is not on the map, so the encoder’s own is shown.")
        u = z = None
    sigma = address_values.scales(query.get("scale"), notices)
    opening = "posterior" if elbo else ""
    layers = [name for name in query.get("layers", opening).split(",") if name not in ("", "none")]
    if unknown := [name for name in layers if name not in LAYERS]:
        notices.append(f"There is no layer “{unknown[0][:40]}”: it is {' or '.join(LAYERS)}.")
    drawn = query.get("drawn")
    if drawn and not address_values.BASE64.fullmatch(drawn):
        notices.append("The drawing in the address cannot be read, so image 0 is shown.")
        drawn = None
    zoom = address_values.option(query.get("zoom"), ZOOMS, "zoom", "q" if elbo else "map", notices) == "q"
    hidden = address_values.hidden(query.get("hide"), classes, notices)
    address_values.option(query.get("points"), POINTS, "set of points", None, notices)
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
        address_values.option(query.get("tab"), TABS[tabs], "tab", None, notices) if tabs else None,
        shown or None,
        z,
        address_values.colour(query.get("colour"), latent, notices) if latents else None,
        address_values.option(query.get("shade"), SHADES, "shade", None, notices) if latents else None,
        address_values.option(query.get("near"), NEAR, "centre of neighbours", None, notices) if latents else None,
        address_values.option(query.get("view"), VIEWS, "view", None, notices) if latents else None,
        address_values.option(query.get("way"), WAYS, "way", None, notices) if latents else None,
        address_values.stops(query.get("stops"), latent, notices) if latents else None,
        address_values.option(query.get("plot"), PLOTS, "way of drawing points", None, notices),
        address_values.part(query.get("look"), bounds, notices),
        address_values.option(query.get("sort"), SORTS, "order of gaps", None, notices) if elbo else None,
        address_values.picked(query.get("select"), count, classes, notices) if latents else None,
        tuple(notices),
    )
