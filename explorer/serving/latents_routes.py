"""The routes of the page of the latents: maps, columns, neighbours, paths, selections."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from .asking import GONE, Handler, answers
from .blobs import Blob, make_blob
from .columns import NAMES, pack_column
from .exports import export_of
from .kept import Kept
from .manifest import PREFIX
from .maps import describe_maps, order_map, pack_map
from .near import near_of
from .person import person_of
from .pools import heavily
from .space import SPACES, Space
from .tables import MAX_BYTES, bring_table, kept_table
from .ways import strip_of, ways_of

_MAP = re.compile(r"[0-9a-f]{16}")
_MAPS: Kept[Blob] = Kept(64)
_COLUMNS: Kept[Blob] = Kept(128)
MAX_PLACES_BYTES = 8 << 20  # some hundred places in as many dimensions
# Of every image: a bit, two places and thirty columns of a person's own.
MAX_EXPORT_BYTES = 64 << 20
# What is read from a table beside the model, which may have more images tomorrow.
CHANGING = ("log_evidence", "gap")


def _space(request: Request) -> Space | None:
    return SPACES.by_key(request.path_params["key"], request.query_params.get("model"))


async def _blob(request: Request, kept: Kept[Blob], name: str, pack: Any) -> Response:
    space = _space(request)
    if space is None:
        return PlainTextResponse(GONE, 404)

    def made() -> Blob | None:
        content = pack(space, name)
        return None if content is None else make_blob(content)

    try:
        if name in CHANGING:
            blob = await heavily(request, made)
        else:
            blob = await heavily(request, lambda: kept.get((space.key, space.name, name), made))
    except ClientDisconnect:
        return Response(status_code=400)
    if blob is None:
        return PlainTextResponse("There is no such map or column here any more: reload the page.", 404)
    return blob.response()


async def one_map(request: Request) -> Response:
    """The points of a fitted map: the same for ever under this address."""
    name = request.path_params["name"]
    return await _blob(request, _MAPS, name if _MAP.fullmatch(name) else "", pack_map)


async def column(request: Request) -> Response:
    """A column over all of a space's images."""
    name = request.path_params["name"]
    found = await _blob(request, _COLUMNS, name if name in NAMES else "", pack_column)
    if name in CHANGING and found.status_code == 200:
        found.headers["Cache-Control"] = "no-cache"
    return found


def _now(function: Callable[[Space, str], dict[str, Any]]) -> Handler:
    """A route for what there is of a space at the moment, and for whom."""

    async def handler(request: Request) -> Response:
        space = _space(request)
        if space is None:
            return PlainTextResponse(GONE, 404)
        found = await run_in_threadpool(function, space, person_of(request.cookies))
        return JSONResponse(found, headers={"Cache-Control": "no-store"})

    return handler


def latents_routes() -> list[BaseRoute]:
    """Under `PREFIX`, with the space's key in the path."""
    posted = {
        "maps": answers(order_map, personal=True),
        "ways": answers(ways_of, heavy=True, most_bytes=MAX_PLACES_BYTES),
        "strip": answers(strip_of, heavy=True, most_bytes=MAX_PLACES_BYTES),
        "near": answers(near_of, heavy=True),
        "table": answers(bring_table, personal=True, most_bytes=MAX_BYTES),
        "export": answers(export_of, heavy=True, most_bytes=MAX_EXPORT_BYTES),
    }
    return [
        Route(f"{PREFIX}/maps/{{key}}", _now(describe_maps), methods=["GET"]),
        Route(f"{PREFIX}/table/{{key}}", _now(kept_table), methods=["GET"]),
        Route(f"{PREFIX}/map/{{key}}/{{name}}.bin", one_map),
        Route(f"{PREFIX}/column/{{key}}/{{name}}.bin", column),
        *(Route(f"{PREFIX}/{name}/{{key}}", handler, methods=["POST"]) for name, handler in posted.items()),
    ]
