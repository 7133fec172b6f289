"""The routes beside Streamlit's own: assets that never change, and torch's terms."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from ..frontend.files import static_files, static_key
from .elbo_page.routes import anatomy_routes
from .http.addresses import PREFIX
from .http.asking import GONE, answers, refused
from .http.blobs import Blob, make_blob
from .http.kept import MB, Kept
from .http.pack import pack_codes, pack_images, pack_latents, pack_points, pack_rule, sheet_rows, sheets
from .http.pools import heavily, lightly
from .latents_page.routes import latents_routes
from .latents_page.tables.own_rows import sheet_of
from .models_page.downloads import download_routes
from .space.engine import engine_socket
from .space.onnx_files import exported
from .space.space import SPACES
from .space.terms import evaluate_state
from .train_page.routes import job_routes

# One way of writing each sheet's number, so that a sheet has one name.
_SHEET = re.compile(r"0|[1-9][0-9]{0,5}")
_LATENTS = re.compile(rf"latents-({_SHEET.pattern})\.bin")
_OWN = re.compile(rf"own-({_SHEET.pattern})\.json")
_ASSETS: Kept[Blob] = Kept(2_048, 64 * MB)
_IMAGES: Kept[Blob] = Kept(1_024, 48 * MB)


async def static(request: Request) -> Response:
    """A file of the front end. The key is in the path, so a new version has new names."""
    entry = static_files().get(request.path_params["name"])
    if entry is None or request.path_params["key"] != static_key():
        return PlainTextResponse("There is no such file in this version: reload the page.", 404)
    return Blob(entry[0], entry[1], True).response()


def asset(space_key: str, name: str) -> Blob | None:
    """One file of a space, packed once and kept (a sheet of 256 images is about 50 kB)."""
    return _ASSETS.get((space_key, name), lambda: _pack(space_key, name))


def _pack(space_key: str, name: str) -> Blob | None:
    space = SPACES.by_key(space_key)
    if space is None:
        return None
    if name == "decoder.onnx":
        return make_blob(space.decoder_bytes())
    if name == "encoder.onnx":
        return make_blob(exported(space.checkpoint, "encoder", space.key))
    if name == "codes.bin":
        return make_blob(pack_codes(space))
    if name == "points.bin":
        return make_blob(pack_points(space))
    rule = space.rules.get(name.removeprefix("rule-").removesuffix(".bin"))
    if name.startswith("rule-") and rule is not None:
        return make_blob(pack_rule(rule))
    sheet = _LATENTS.fullmatch(name)
    if sheet and int(sheet[1]) < sheets(space):
        return make_blob(pack_latents(space, int(sheet[1])))
    own = _OWN.fullmatch(name)
    if own and space.own.key and int(own[1]) < sheets(space):
        return make_blob(sheet_of(space.own, sheet_rows(space, int(own[1]))), "application/json")
    return None


def image_sheet(data_key: str, sheet: str) -> Blob | None:
    """A sheet of images, shared by all the models of a data set."""
    return _IMAGES.get((data_key, sheet), lambda: _pack_images(data_key, sheet))


def _pack_images(data_key: str, sheet: str) -> Blob | None:
    space = SPACES.by_data_key(data_key)
    if space is None or not _SHEET.fullmatch(sheet) or int(sheet) >= sheets(space):
        return None
    return make_blob(pack_images(space, int(sheet)))


async def model_file(request: Request) -> Response:
    key, name = request.path_params["key"], request.path_params["name"]
    blob = _ASSETS.peek((key, name))
    if blob is not None:
        return blob.response()
    try:
        if name.endswith(".onnx") and SPACES.by_key(key) is not None:  # it may have to be exported first
            blob = await heavily(request, lambda: asset(key, name), key=("asset", key, name), long=True)
        else:
            blob = await lightly(lambda: asset(key, name))
    except Exception as error:
        return refused(error, f"{name} of a model was not made.")
    return _found(blob)


async def images_file(request: Request) -> Response:
    key, sheet = request.path_params["key"], request.path_params["sheet"]
    return _found(_IMAGES.peek((key, sheet)) or await lightly(lambda: image_sheet(key, sheet)))


def _found(blob: Blob | None) -> Response:
    if blob is None:
        return PlainTextResponse(GONE, 404)
    return blob.response()


async def nothing(_: Request) -> Response:
    """What is under our prefix and is none of the above: without this, Streamlit would answer with its page."""
    return PlainTextResponse("There is no such address here.", 404)


def routes() -> list[BaseRoute]:
    """All of ours, under one prefix that is not Streamlit's."""
    return [
        Route(f"{PREFIX}/static/{{key}}/{{name:path}}", static),
        Route(f"{PREFIX}/model/{{key}}/{{name}}", model_file),
        Route(f"{PREFIX}/images/{{key}}/{{sheet}}.bin", images_file),
        Route(f"{PREFIX}/terms/{{key}}", answers(evaluate_state, alike=True), methods=["POST"]),
        *anatomy_routes(),
        *latents_routes(),
        *job_routes(),
        *download_routes(),
        WebSocketRoute(f"{PREFIX}/engine/{{key}}", engine_socket),
        Route(f"{PREFIX}/{{rest:path}}", nothing),
    ]
