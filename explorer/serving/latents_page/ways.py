"""Paths through latent space, and pictures of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image as Picture
from torch import Tensor

from ...cancellation import check_cancelled
from ...geometry import geodesic, joined, legs, length, mean_decoder, resampled, spherical, straight
from ..space.space import Space
from ..space.state import BadState, read_vector

WAYS = ("straight", "spherical", "geodesic")
MOST_PLACES, MOST_STEPS, MOST_DRAWN = 8, 256, 600
LEAST_A_LEG = 32  # steps: with fewer a geodesic is a polygon that one can see
# Multiply-adds of a decoder times latent dimensions times steps: a geodesic of so many takes about half a minute.
MOST_WORK = 10_000_000_000
# And what it holds and solves, however cheap the decoder: derivatives of all its images, blocks of d x d at each step.
MOST_SLOPES, MOST_SOLVED = 1 << 26, 2_000_000_000
FORMATS = {"gif": "image/gif", "webp": "image/webp", "png": "image/png"}
FRAME_MS = 80
LEAST_SIDE = 112  # pixels of a frame: small images are enlarged by whole numbers


def read_places(value: Any, size: int, low: int, high: int, name: str) -> Tensor:
    """So many places in latent space, float64 (k, size).

    Raises:
        BadState: anything else.
    """
    if not isinstance(value, list) or not low <= len(value) <= high:
        raise BadState(f"{name} must be {low} to {high:,} places in latent space.")
    return torch.stack([read_vector(place, "each place", size) for place in value])


def ways_of(space: Space, state: Any) -> dict[str, Any]:
    """Ways through places, or along a drawn line: z, and lengths in latent and in image space.

    Args:
        state: {"places": [[d], ...], "steps": n, "ways": [...]}, or with "line" in the place of "places" and "ways".
            Of many places a way has more steps, LEAST_A_LEG between two.

    Raises:
        BadState: a part of it is not usable, or a geodesic would take too long.
    """
    if not isinstance(state, dict):
        raise BadState("The state must be an object.")
    steps = state.get("steps", 64)
    if isinstance(steps, bool) or not isinstance(steps, int) or not 2 <= steps <= MOST_STEPS:
        raise BadState(f"steps must be a whole number from 2 to {MOST_STEPS}.")
    decode = mean_decoder(space.checkpoint.model)
    if state.get("line") is not None:
        line = read_places(state["line"], space.latent, 2, MOST_DRAWN, "line")
        if not length(line) > 0:
            raise BadState("The line stays in one place: draw it over some of the map.")
        return {"drawn": _described([resampled(line, steps)], decode)}
    places = read_places(state.get("places"), space.latent, 2, MOST_PLACES, "places")
    wanted = state.get("ways", list(WAYS))
    if not isinstance(wanted, list) or not wanted or not set(map(str, wanted)) <= set(WAYS):
        raise BadState(f"ways must be some of {', '.join(WAYS)}.")
    if length(places) == 0:
        raise BadState("All the places are the same one: choose another.")
    if len(places) > 2:
        steps = max(steps, (len(places) - 1) * (LEAST_A_LEG - 1) + 1)
    found = {}
    for name in dict.fromkeys(wanted):
        if name == "geodesic":
            d, pixels = space.latent, space.checkpoint.config.model.pixels
            large = pixels * d * steps > MOST_SLOPES or d**3 * steps > MOST_SOLVED
            if large or space.decoder_cost * d * steps > MOST_WORK:
                raise BadState("A geodesic through this decoder would take minutes here: ask for fewer steps.")
            parts = legs(places, steps, lambda a, b, count: geodesic(decode, a, b, count).z)
        else:
            parts = legs(places, steps, straight if name == "straight" else spherical)
        found[name] = _described(parts, decode)
    return found


def _described(parts: list[Tensor], decode: Any) -> dict[str, Any]:
    """A way and its lengths, which are those of its parts together."""
    image = sum(length(part, decode) for part in parts)
    return {"z": joined(parts).tolist(), "latent": sum(map(length, parts)), "image": image}


@torch.inference_mode()
def strip_of(space: Space, state: Any) -> bytes:
    """The decoded images of places: an animation (GIF, WebP) that goes there and back, or a strip (PNG).

    Args:
        state: {"z": [[d], ...], "format": one of FORMATS}.

    Raises:
        BadState: a part of it is not usable.
    """
    if not isinstance(state, dict) or str(state.get("format")) not in FORMATS:
        raise BadState(f"format must be {', '.join(FORMATS)}.")
    z = read_places(state.get("z"), space.latent, 1, MOST_STEPS, "z")
    model = space.checkpoint.model
    device = next(model.parameters()).device
    parts = []
    for part in z.split(64):
        check_cancelled()
        parts.append(model.likelihood(part.float().to(device)).mean.cpu())
    grey = (torch.cat(parts).clamp(0, 1) * 255).round().byte()
    times = max(1, LEAST_SIDE // max(grey.shape[2:]))
    grey = grey.repeat_interleave(times, 2).repeat_interleave(times, 3)
    images = grey.permute(0, 2, 3, 1).numpy() if grey.shape[1] == 3 else grey[:, 0].numpy()
    file = io.BytesIO()
    if state["format"] == "png":
        across = torch.from_numpy(images).transpose(0, 1).flatten(1, 2)  # side by side
        Picture.fromarray(across.numpy()).save(file, "PNG")
        return file.getvalue()
    frames = [Picture.fromarray(image) for image in images]
    if state["format"] == "gif" and grey.shape[1] == 3:  # its own way to 256 colours takes a second an image
        frames = [frame.quantize(method=Picture.Quantize.FASTOCTREE) for frame in frames]
    frames += frames[-2:0:-1]

    def others() -> Iterator[Picture.Image]:
        for frame in frames[1:]:
            check_cancelled()
            yield frame

    more = {"lossless": True} if state["format"] == "webp" else {}
    frames[0].save(
        file, state["format"].upper(), save_all=True, append_images=others(), duration=FRAME_MS, loop=0, **more
    )
    return file.getvalue()
