"""The routes of the page of the latents: maps, columns, neighbours, paths, selections."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from ..http.addresses import PREFIX
from ..http.asking import GONE, Handler, answers, refused
from ..http.blobs import Blob, make_blob
from ..http.kept import MB, Kept
from ..http.pools import heavily, lightly
from ..space.space import SPACES, Space
from ..visitors.person import Visitor, visitor_of
from .columns import NAMES, OWN, pack_column
from .fitted_maps import describe_maps, map_stamp, order_map, pack_map
from .near import near_of
from .plane_trust import pack_trust
from .selections.exports import export_of
from .tables.brought import MAX_BYTES, bring_table, kept_table
from .ways import MOST_DRAWN, strip_of, ways_of

_MAP = re.compile(r"[0-9a-f]{16}")
_MAPS: Kept[Blob] = Kept(64, 16 * MB)
_COLUMNS: Kept[Blob] = Kept(128, 8 * MB)
_TRUST: Kept[Blob] = Kept(128, 8 * MB)
# A number in full is 25 characters: drawn lines of places, and a way's steps.
MAX_PLACES_BYTES = 25 * MOST_DRAWN * 512
MAX_PLACES = MOST_DRAWN * 514
NONE = "There is no such map or column here any more, or its file is damaged: a map can be fitted again."
# Columns that are read from a table beside the model, which may have more images tomorrow.
CHANGING = ("reconstruction", "elbo", "log_evidence", "gap")


def _space(request: Request) -> Space | None:
    return SPACES.by_key(request.path_params["key"], request.query_params.get("model"))


async def _blob(
    request: Request,
    kept: Kept[Blob],
    pack: Callable[[Space, str], bytes | None],
    stamp: Callable[[Space, str], tuple[Any, ...] | None],
) -> Response:
    """What `pack` makes of the name in the path; kept while `stamp` gives the same, not at all where it is None."""
    space, name = _space(request), request.path_params["name"]
    if space is None:
        return PlainTextResponse(GONE, 404)

    def found() -> Blob | None:
        def made() -> Blob | None:
            content = pack(space, name)
            return None if content is None else make_blob(content)

        now = stamp(space, name)
        return made() if now is None else kept.get((space.key, space.name, name, now), made)

    try:
        blob = await heavily(request, found, key=(pack, space.key, space.name, name), long=True)
    except Exception as error:
        return refused(error, f"{name} of a model was not made.")
    if blob is None:
        return PlainTextResponse(NONE, 404)
    return blob.response()


async def one_map(request: Request) -> Response:
    """The points of a fitted map; fitted again elsewhere it has the same name and other places, so browsers ask."""
    if not _MAP.fullmatch(request.path_params["name"]):
        return PlainTextResponse(NONE, 404)
    found = await _blob(request, _MAPS, pack_map, map_stamp)
    return _changing(found)


async def column(request: Request) -> Response:
    """A column over all of a space's images."""
    name = request.path_params["name"]
    if name not in NAMES and not OWN.fullmatch(name):
        return PlainTextResponse(NONE, 404)
    found = await _blob(request, _COLUMNS, pack_column, lambda _, name: None if name in CHANGING else ())
    return _changing(found) if name in CHANGING else found


async def plane_trust(request: Request) -> Response:
    """Trustworthiness and continuity on a plane."""
    return await _blob(request, _TRUST, pack_trust, lambda *_: ())


def _changing(response: Response) -> Response:
    if response.status_code == 200:
        response.headers["Cache-Control"] = "no-cache"
    return response


def _now(function: Callable[[Space, Visitor], dict[str, Any]], *, heavy: bool = False) -> Handler:
    """A route for what there is of a space at the moment, and for whom; `heavy` as in `answers`."""

    async def handler(request: Request) -> Response:
        space = _space(request)
        if space is None:
            return PlainTextResponse(GONE, 404)

        def found() -> Response:  # a table is some megabytes of JSON
            return JSONResponse(function(space, visitor_of(request)), headers={"Cache-Control": "no-store"})

        try:
            return await (heavily(request, found, long=True) if heavy else lightly(found))
        except Exception as error:
            return refused(error, "What there is of a model was not listed.")

    return handler


def latents_routes() -> list[BaseRoute]:
    """Under `PREFIX`, with the space's key in the path."""
    posted = {
        "maps": answers(order_map, personal=True),
        "ways": answers(ways_of, long=True, alike=True, most_bytes=MAX_PLACES_BYTES, most_values=MAX_PLACES),
        "strip": answers(strip_of, long=True, most_bytes=MAX_PLACES_BYTES, most_values=MAX_PLACES),
        "near": answers(near_of, heavy=True),
        "table": answers(bring_table, long=True, personal=True, most_bytes=MAX_BYTES, most_values=16),
        "export": answers(export_of, long=True, personal=True),
    }
    return [
        Route(f"{PREFIX}/maps/{{key}}", _now(describe_maps), methods=["GET"]),
        Route(f"{PREFIX}/table/{{key}}", _now(kept_table, heavy=True), methods=["GET"]),
        Route(f"{PREFIX}/map/{{key}}/{{name}}.bin", one_map),
        Route(f"{PREFIX}/column/{{key}}/{{name}}.bin", column),
        Route(f"{PREFIX}/trust/{{key}}/{{name}}.bin", plane_trust),
        *(Route(f"{PREFIX}/{name}/{{key}}", handler, methods=["POST"]) for name, handler in posted.items()),
    ]
