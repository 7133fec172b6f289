"""The middleware: who may come in, and under which name; what is refused gets a sentence."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .hosts import is_own, is_own_origin, place_of
from .local import is_token, marked, sits_here, token_cookie, token_in, without_token
from .proxy import spoken_for
from .settings import Settings, served

FOREIGN_HOST = (
    "This server does not answer to that name. Whoever runs it can allow it: "
    "python -m explorer --host NAME, or EXPLORER_HOSTS=NAME in its environment."
)
FOREIGN_ORIGIN = "Requests from other sites are refused."
WRONG_TOKEN = "This is not the server's token: it prints a new one at each start."
_CLOSED = 4403  # of a socket


class Gate:
    """ASGI middleware before everything.

    Args:
        settings: gives the names of the server, read at each request.
    """

    def __init__(self, app: ASGIApp, settings: Callable[[], Settings] = served) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        settings = self.settings()
        local = sits_here(scope, settings)  # as the request came, whatever a proxy says of it
        scope = spoken_for(scope, settings.proxies)
        fault = _fault(scope, settings)
        if fault is not None:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": _CLOSED, "reason": fault[1]})
            else:
                await refusal(scope, *fault)(scope, receive, send)
            return
        token = token_in(scope)
        if token is not None:
            answer: Response = refusal(scope, 403, WRONG_TOKEN)
            if is_token(token):
                answer = RedirectResponse(without_token(scope), 303)
                answer.headers["Set-Cookie"] = token_cookie(scope)
            await answer(scope, receive, send)
            return
        await self.app(_one_name(marked(scope, local)), receive, send)


def _fault(scope: Scope, settings: Settings) -> tuple[int, str] | None:
    """Status and sentence for a request that is not to come in."""
    headers = Headers(scope=scope)
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    host = place_of(hosts[0]) if len(hosts) == 1 else None
    reached = (scope.get("server") or ("",))[0]
    if host is None or not is_own(host, bound=settings.bound, named=settings.named, reached=reached or ""):
        return 421, FOREIGN_HOST
    if len(origins) > 1 or not all(is_own_origin(origin, host, settings.named) for origin in origins):
        return 403, FOREIGN_ORIGIN
    # Pictures and scripts of a page are fetched without an Origin, but browsers say where from. Links are followed.
    elsewhere = scope["type"] == "http" and headers.get("sec-fetch-site") in ("cross-site", "same-site")
    if elsewhere and headers.get("sec-fetch-mode") != "navigate":
        return 403, FOREIGN_ORIGIN
    return None


def _one_name(scope: Scope) -> Scope:
    """The request with the name of its page as its Host, where a proxy puts another there: Streamlit compares them."""
    origin = Headers(scope=scope).get("origin")
    if origin is None:
        return scope
    host = origin.partition("://")[2].encode("latin-1")
    return {**scope, "headers": [(name, host if name == b"host" else value) for name, value in scope["headers"]]}


def refusal(scope: Scope, status: int, sentence: str) -> Response:
    """A sentence as the front end reads it: text for what is fetched, JSON for what is sent."""
    headers = {"Cache-Control": "no-store"}
    if scope["method"] in ("GET", "HEAD"):
        return PlainTextResponse(sentence, status, headers=headers)
    return JSONResponse({"error": sentence}, status, headers=headers)
