"""The images of a space that are nearest to a place, in latent space or in pixels."""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch import Tensor

from ...projection.nearest import Nearest
from ..http.kept import MB, Kept
from ..space.space import Space
from ..space.state import BadState, image_in, latent_in

SPACES_OF = ("latent", "pixels")
OF = ("place", "image")
MOST = 100
# Their points are the spaces' own; a graph of them takes about as much again.
_INDICES: Kept[Nearest] = Kept(8, 256 * MB, lambda found: found.points.nbytes)


def _nearest(points: Tensor, white: float = 1.0) -> Nearest:
    found = Nearest(points, white)
    if found.many:  # nobody waits for the graph
        threading.Thread(target=found.prepare, name="neighbours", daemon=True).start()
    return found


@torch.inference_mode()
def near_of(space: Space, state: Any) -> dict[str, Any]:
    """The nearest images: their numbers and distances.

    Args:
        state: as in `state`, with "space" ("latent" or "pixels"), "of" ("place": where q or z is; "image": the
            image itself) and "count". Pixel distances are Euclidean over grey or colour values from 0 to 1;
            those of a place are of its expected image.

    Raises:
        BadState: a part of it is not usable.
    """
    image = image_in(space, state)
    if state.get("space") not in SPACES_OF or state.get("of") not in OF:
        raise BadState("Nearest to an image or a place, in latent space or in pixels: the state does not say which.")
    count = state.get("count", 12)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise BadState(f"count must be a whole number from 1 to {MOST}.")
    latents = space.latents
    if state["space"] == "latent":
        at = image.loc.double() if state["of"] == "image" else latent_in(space, state, image)
        among = _INDICES.get((space.key, "latent"), lambda: _nearest(latents.loc))
    else:
        if state["of"] == "image":
            index = state.get("image")
            grey = latents.images[index].float() / 255 if state.get("pixels") is None else image.x[0]
            at = grey.flatten()
        else:
            z = latent_in(space, state, image).float()[None]
            model = space.checkpoint.model
            at = model.likelihood(z.to(next(model.parameters()).device)).mean.flatten().cpu()
        among = _INDICES.get((space.data_key, "pixels"), lambda: _nearest(latents.images, 255.0))
    assert among is not None
    found, distances = among.near(at, count)
    return {"index": found.tolist(), "distance": distances.tolist(), "exact": among.exact}
