"""Requests that send a state and get torch's answer; whatever is wrong with them is answered with a sentence."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import torch
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ...cancellation import Cancelled
from ..gate import takes
from ..space.space import SPACES
from ..space.state import BadState, NotFiniteError
from ..visitors.person import visitor_of
from .kept import MB, Kept
from .pools import heavily, lightly
from .sent import MOST_VALUES, read_json
from .turns import CrowdedError

# A drawn image's pixels come along, in base64: of 200 x 200 pixels in colour, 160 kB.
MAX_STATE_BYTES = 1 << 18
GONE = "This server does not hold that model any more: reload the page."
NOT_FINITE = "There is no finite answer for this state."
FAULT = "The server could not compute this: a fault of its own, which stands in its log."
_MEDIA = {bytes: "application/octet-stream", dict: "application/json"}

Handler = Callable[[Request], Awaitable[Response]]
# Answers that the same question has again: of a whole class that opens one page, all but the first cost nothing.
_ANSWERS: Kept[tuple[bytes, str]] = Kept(2_048, 24 * MB)


def answers(
    function: Callable[..., dict[str, Any] | bytes],
    *,
    heavy: bool = False,
    long: bool = False,
    alike: bool = False,
    personal: bool = False,
    most_bytes: int = MAX_STATE_BYTES,
    most_values: int = MOST_VALUES,
) -> Handler:
    """A route that gives a function of a space and of the JSON that was sent: as JSON, or as the bytes it gives.

    Args:
        heavy: it takes a tenth of a second or more; long: it may take seconds.
        alike: it depends on nothing else: the same question is answered once, and the answer kept for a while.
        personal: it is told who asks, too.
        most_bytes, most_values: that may be sent, as the gate and `read_json` hold it.
    """

    @takes(most_bytes)
    async def handler(request: Request) -> Response:
        # Copies of a model share a key, but each has its own files.
        space = SPACES.by_key(request.path_params["key"], request.query_params.get("model"))
        if space is None:
            return JSONResponse({"error": GONE}, 404)
        try:
            body = await request.body()
        except ClientDisconnect:  # nobody is left to answer, and it is not a fault to log
            return Response(status_code=400)

        def answer() -> tuple[bytes, str]:
            # Read and written here too, and not where everybody's requests arrive: either may be of many megabytes.
            try:
                state = read_json(body, most_values)
            except ValueError:
                raise BadState("The state is not JSON, or has more values than any state.") from None
            found = function(space, state, *([visitor_of(request)] if personal else []))
            return written(found), _MEDIA[bytes if isinstance(found, bytes) else dict]

        name = (request.url.path, space.name, hashlib.sha256(body).digest()) if alike else None
        asked = (lambda: _ANSWERS.get(name, answer)) if alike else answer
        try:
            found = _ANSWERS.peek(name) if alike else None
            if found is None:
                found = await (heavily(request, asked, key=name, long=long) if heavy or long else lightly(asked))
        except Exception as error:
            status, sentence = refusal(error, f"A question for {request.url.path} was not answered.")
            return JSONResponse({"error": sentence}, status) if sentence else Response(status_code=status)
        assert found is not None
        return Response(found[0], media_type=found[1])

    return handler


def written(found: dict[str, Any] | bytes) -> bytes:
    """An answer's bytes; raises a NotFiniteError for numbers that JSON has no form for."""
    if isinstance(found, bytes):
        return found
    try:
        return json.dumps(found, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError:
        raise NotFiniteError(NOT_FINITE) from None


def refusal(error: Exception, event: str) -> tuple[int, str]:
    """Status and sentence for a question that was not answered; "" where nobody is left to read it.

    Faults of our own are logged with what led to them, under the words `event`.
    """
    if isinstance(error, BadState):
        return 400, str(error)
    if isinstance(error, NotFiniteError | torch.linalg.LinAlgError):  # a matrix without an inverse: numbers overflowed
        return 400, NOT_FINITE
    if isinstance(error, CrowdedError):
        return 429, str(error)
    if isinstance(error, ClientDisconnect | Cancelled):
        return 400, ""
    logging.getLogger("explorer").error("%s", event, exc_info=error)
    return 500, FAULT


def refused(error: Exception, event: str) -> Response:
    """`refusal` as a page of plain text."""
    status, sentence = refusal(error, event)
    return PlainTextResponse(sentence, status)
