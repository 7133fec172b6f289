"""Requests that send a state and get torch's answer; whatever is wrong with them is answered with a sentence."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from .gate import takes
from .person import visitor_of
from .pools import heavily
from .sent import MOST_VALUES, read_json
from .space import SPACES
from .state import BadState

# A drawn image's pixels come along, in base64: of 200 x 200 pixels in colour, 160 kB.
MAX_STATE_BYTES = 1 << 18
GONE = "This server does not hold that model any more: reload the page."

Handler = Callable[[Request], Awaitable[Response]]


def answers(
    function: Callable[..., dict[str, Any] | bytes],
    *,
    heavy: bool = False,
    personal: bool = False,
    most_bytes: int = MAX_STATE_BYTES,
    most_values: int = MOST_VALUES,
) -> Handler:
    """A route that gives a function of a space and of the JSON that was sent: as JSON, or as the bytes it gives.

    Args:
        heavy: it takes a tenth of a second or more.
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

        def answer() -> Response:
            # Read and written here too, and not where everybody's requests arrive: either may be of many megabytes.
            try:
                state = read_json(body, most_values)
            except ValueError:
                raise BadState("The state is not JSON, or has more values than any state.") from None
            found = function(space, state, *([visitor_of(request)] if personal else []))
            if isinstance(found, bytes):
                return Response(found, media_type="application/octet-stream")
            return JSONResponse(found)

        try:
            return await (heavily(request, answer) if heavy else run_in_threadpool(answer))
        except ValueError as error:  # BadState, or an answer that JSON has no number for
            sentence = str(error) if isinstance(error, BadState) else "There is no finite answer for this state."
            return JSONResponse({"error": sentence}, 400)
        except ClientDisconnect:
            return Response(status_code=400)
        except RuntimeError:  # a matrix that has no inverse, where the decoder's answers are not finite
            logging.getLogger("explorer").warning("A state was not answered.", exc_info=True)
            return JSONResponse({"error": "There is no finite answer for this state."}, 400)

    return handler
