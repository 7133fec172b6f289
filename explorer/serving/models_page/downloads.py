"""A model as one zip, for whoever wants to take it along."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ...checkpoint.catalogue import models
from ...transfer import TransferError, download_name, write_bundle
from ..http.addresses import BELOW, PREFIX

IN_MEMORY = 1 << 20  # a zip larger than this waits in a file that nobody else sees
_PIECE = 1 << 18


def download_address(name: str) -> str:
    """Address of a model's zip, whatever letters are in its name."""
    return f"{BELOW}/download/{quote(name, safe='')}.zip"


def explore_address(name: str) -> str:
    """Address of the page that explores a model."""
    return f"./?model={quote(name, safe='')}"


async def download(request: Request) -> Response:
    """GET: the model's files in one zip; an unknown name is answered with a sentence."""
    name = request.path_params["name"]
    folder = (await run_in_threadpool(models)).get(name)
    if folder is None:
        return PlainTextResponse("There is no model of that name here: it may have been deleted.", 404)
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it is sent
    try:
        await run_in_threadpool(write_bundle, folder, name, file)
    except TransferError as error:
        file.close()
        return PlainTextResponse(str(error), 404)
    except OSError:
        file.close()
        return PlainTextResponse("The model's files could not be read.", 500)
    except BaseException:
        file.close()
        raise
    full = quote(name[:80], safe="")
    headers = {
        # Plain letters for every client, and the name in full for those that read RFC 6266.
        "Content-Disposition": f"attachment; filename=\"{download_name(name)}\"; filename*=UTF-8''{full}.zip",
        "Content-Length": str(file.tell()),
        "Cache-Control": "no-cache",
    }
    file.seek(0)
    return StreamingResponse(
        _pieces(file), media_type="application/zip", headers=headers, background=BackgroundTask(file.close)
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def download_routes() -> list[BaseRoute]:
    """The one address of this file."""
    return [Route(f"{PREFIX}/download/{{name:path}}.zip", download)]
