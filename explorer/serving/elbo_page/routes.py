"""The routes of the anatomy of an ELBO: log p(x) and p(z|x), log p(x|z), the best q, gradients, units, gaps."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from ..http.addresses import PREFIX
from ..http.asking import GONE, Handler, answers, refused
from ..http.blobs import Blob, make_blob
from ..http.kept import MB, Kept
from ..http.pools import heavily, lightly
from ..space.space import SPACES, Space
from ..space.state import Image, NotFiniteError, image_in, image_of
from ..space.summary import pack_units
from .answers import gradient_of, kl_of, pack_evidence, pack_field
from .best import describe_best
from .gaps import pack_gaps

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_EVIDENCE: Kept[Blob] = Kept(1_024, 16 * MB)
_FIELDS: Kept[Blob] = Kept(256, 16 * MB)
_UNITS: Kept[Blob] = Kept(16, 4 * MB)


def _of_image(name: str, pack: Callable[[Space, Image], bytes], kept: Callable[[], Kept[Blob]], what: str) -> Handler:
    """A route that gives what follows from an image of the data set: the same for ever under this address.

    Args:
        name: of the route; pack: makes its bytes; kept: gives those made last; what: the words for it, in errors.
    """

    async def handler(request: Request) -> Response:
        key, number = request.path_params["key"], request.path_params["image"]
        space = SPACES.by_key(key)
        if space is None:
            return PlainTextResponse(GONE, 404)
        if not _NUMBER.fullmatch(number) or int(number) >= len(space.latents):
            last = len(space.latents) - 1
            return PlainTextResponse(f"There is no image of this number: they go from 0 to {last:,}.", 404)

        def made() -> Blob | None:
            return kept().get((key, number), lambda: make_blob(pack(space, image_of(space, int(number)))))

        try:
            blob = kept().peek((key, number)) or await heavily(request, made, key=(name, key, number))
        except (NotFiniteError, torch.linalg.LinAlgError):
            return PlainTextResponse(f"{what} of this image is not finite under this model.", 422)
        except Exception as error:
            return refused(error, f"{what} of image {number} was not found.")
        assert blob is not None
        return blob.response()

    return handler


async def units(request: Request) -> Response:
    """What the latent dimensions carry, over all the images of a space."""
    space = SPACES.by_key(request.path_params["key"])
    if space is None:
        return PlainTextResponse(GONE, 404)

    def packed() -> Blob | None:
        return _UNITS.get(space.key, lambda: make_blob(pack_units(space)))

    try:
        blob = _UNITS.peek(space.key) or await heavily(request, packed, key=("units", space.key), long=True)
    except NotFiniteError:
        return PlainTextResponse("The codes of this model are not finite numbers.", 422)
    except Exception as error:
        return refused(error, "The units of a model were not measured.")
    assert blob is not None
    return blob.response()


async def gaps(request: Request) -> Response:
    """The gaps that were measured over the images of a space."""
    # Copies of a model share a key, but each has a table of its own.
    space = SPACES.by_key(request.path_params["key"], request.query_params.get("model"))
    if space is None:
        return PlainTextResponse(GONE, 404)
    table = await lightly(lambda: pack_gaps(space))
    # Under the same key there can be more images tomorrow.
    return Response(table, media_type="application/octet-stream", headers={"Cache-Control": "no-cache"})


def _drawn_evidence(space: Space, state: Any) -> bytes:
    return pack_evidence(space, image_in(space, state))


def _drawn_field(space: Space, state: Any) -> bytes:
    return pack_field(space, image_in(space, state))


def _best(space: Space, state: Any) -> dict[str, Any]:
    return describe_best(space, image_in(space, state))


def _encode(space: Space, state: Any) -> dict[str, Any]:
    image = image_in(space, state)
    return {"loc": image.loc.tolist(), "scale": image.scale.tolist()}


def anatomy_routes() -> list[BaseRoute]:
    """Under `PREFIX`, with the space's key in the path."""
    evidence = _of_image("evidence", lambda *of: pack_evidence(*of), lambda: _EVIDENCE, "log p(x)")
    field = _of_image("field", lambda *of: pack_field(*of), lambda: _FIELDS, "log p(x|z)")
    heavy = {"evidence": _drawn_evidence, "best": _best, "gradient": gradient_of, "kl": kl_of}
    asked = {name: answers(function, heavy=True, alike=True) for name, function in heavy.items()}
    asked["encode"] = answers(_encode)
    # Of some 300 kB, which would push many other answers out.
    asked["field"] = answers(_drawn_field, heavy=True)
    return [
        Route(f"{PREFIX}/evidence/{{key}}/{{image}}.bin", evidence),
        Route(f"{PREFIX}/field/{{key}}/{{image}}.bin", field),
        Route(f"{PREFIX}/units/{{key}}.json", units),
        Route(f"{PREFIX}/gaps/{{key}}.bin", gaps),
        *(Route(f"{PREFIX}/{name}/{{key}}", handler, methods=["POST"]) for name, handler in asked.items()),
    ]
