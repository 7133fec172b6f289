"""Requests that send a state and get torch's answer; whatever is wrong with them is answered with a sentence."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from .engine import same_origin
from .pools import heavily
from .space import SPACES, Space
from .state import BadState

# A drawn image's pixels come along, in base64: of 200 x 200 pixels in colour, 160 kB.
MAX_STATE_BYTES = 1 << 18
GONE = "This server does not hold that model any more: reload the page."

Handler = Callable[[Request], Awaitable[Response]]


def answers(function: Callable[[Space, Any], dict[str, Any] | bytes], *, heavy: bool = False) -> Handler:
    """A route that gives a function of a space and of the JSON that was sent: as JSON, or as the bytes it gives.

    Args:
        heavy: it takes a tenth of a second or more.
    """

    async def handler(request: Request) -> Response:
        if not same_origin(request.headers):
            return JSONResponse({"error": "Requests from other sites are refused."}, 403)
        space = SPACES.by_key(request.path_params["key"])
        if space is None:
            return JSONResponse({"error": GONE}, 404)
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_STATE_BYTES:
                    return JSONResponse({"error": "The state is too large."}, 413)
        except ClientDisconnect:  # nobody is left to answer, and it is not a fault to log
            return Response(status_code=400)
        try:
            state = json.loads(body)
        except (ValueError, RecursionError):
            return JSONResponse({"error": "The state is not JSON."}, 400)
        try:
            if heavy:
                found = await heavily(request, function, space, state)
            else:
                found = await run_in_threadpool(function, space, state)
            return Response(found) if isinstance(found, bytes) else JSONResponse(found)
        except ValueError as error:  # BadState, or an answer that JSON has no number for
            sentence = str(error) if isinstance(error, BadState) else "There is no finite answer for this state."
            return JSONResponse({"error": sentence}, 400)
        except ClientDisconnect:
            return Response(status_code=400)
        except RuntimeError:  # a matrix that has no inverse, where the decoder's answers are not finite
            logging.getLogger("explorer").warning("A state was not answered.", exc_info=True)
            return JSONResponse({"error": "There is no finite answer for this state."}, 400)

    return handler
