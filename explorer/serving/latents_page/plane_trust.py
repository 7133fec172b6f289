"""How far a linear plane of a space can be believed, image by image: it is measured when somebody asks."""

from __future__ import annotations

import re

import torch

from ...checkpoint.maps import fitted_count
from ...projection import Plane, ProjectionError, axes_plane, images_plane
from ...projection.quality import continuity, quality_neighbours, trustworthiness
from ..elbo_page.answers import packed
from ..space.space import Space

# The names of planes in an address: see frontend/map/mapping.mjs.
PLANE = re.compile(r"pca|axes(-[0-9]{1,6}){2}|images(-[0-9]{1,9}){3}")


def plane_named(space: Space, name: str) -> Plane | None:
    """The plane of this name; None where the space has none."""
    if not PLANE.fullmatch(name) or space.latent <= 2:
        return None
    kind, *rest = name.split("-")
    numbers, codes = [int(number) for number in rest], space.latents.loc
    try:
        if kind == "axes":
            return axes_plane(codes, numbers[0] - 1, numbers[1] - 1)
        if kind == "images":
            return images_plane(codes, codes[torch.tensor(numbers)]) if max(numbers) < len(codes) else None
    except ProjectionError:
        return None
    return space.plane


def pack_trust(space: Space, name: str) -> bytes | None:
    """Facts; trustworthiness and continuity, float32, of the first images: those that a map would be fitted to.

    None where there is no such plane. It compares all distances, and takes some seconds.
    """
    plane, n = plane_named(space, name), fitted_count(space.fit_count)
    if plane is None or n < 5:
        return None
    codes = space.latents.loc[:n]
    places = plane.project(codes)
    parts = [measure(codes, places) for measure in (trustworthiness, continuity)]
    facts = {"fitted": n, "judged_by": quality_neighbours(n)}
    return packed(facts, torch.stack(parts).clamp(0, 1).numpy().astype("<f4").tobytes())
