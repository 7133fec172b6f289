"""The middleware: who may come in, under which name, and with how much; what is refused gets a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http.addresses import PREFIX
from .bodies import Bodies, Budget, Patience, Refused, declared, limit_of
from .hosts import is_own, is_own_origin, place_of
from .local import is_token, marked, sits_here, token_cookie, token_in, without_token
from .policy import with_policy
from .proxy import spoken_for
from .settings import Settings, path_below, served
from .uploads import UPLOADS, Uploads, streamed

FOREIGN_HOST = (
    "This server does not answer to that name. Whoever runs it can allow it: "
    "python -m explorer --host NAME, or EXPLORER_HOSTS=NAME in its environment."
)
FOREIGN_ORIGIN = "Requests from other sites are refused."
WRONG_TOKEN = "This is not the server's token: it prints a new one at each start."
_CLOSED = 4403  # of a socket
_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+")


class Gate:
    """ASGI middleware before everything.

    Args:
        routes: say of themselves how long a body they take, as `takes` marks them.
        settings: gives the names of the server, read at each request.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Sequence[BaseRoute] = (),
        settings: Callable[[], Settings] = served,
        *,
        patience: Patience | None = None,
        budget: Budget | None = None,
        uploads: Uploads = UPLOADS,
    ) -> None:
        self.app, self.routes, self.settings, self.uploads = app, routes, settings, uploads
        self.patience = patience or Patience()
        self.bodies = Bodies(self.patience, budget or Budget())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        settings = self.settings()
        local = sits_here(scope, settings)  # as the request came, whatever a proxy says of it
        scope = spoken_for(scope, settings.proxies)
        fault = _fault(scope, settings)
        if scope["type"] == "websocket":
            if fault is not None:
                await send({"type": "websocket.close", "code": _CLOSED, "reason": fault[1]})
                return
            await self.app(_one_name(_below(marked(scope, local), settings.base)), receive, send)
            return
        await self._answer(scope, receive, with_policy(scope, send), settings, local, fault)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, settings: Settings, local: bool, fault: tuple[int, str] | None
    ) -> None:
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            if fault is not None:
                raise Refused(*fault)
            token = token_in(scope)
            if token is not None:
                await _welcome(scope, token)(scope, receive, send)
                return
            await self._with_body(_one_name(_below(marked(scope, local), settings.base)), receive, noted, settings)
        except Refused as refused:
            if not begun:
                await refusal(scope, refused)(scope, receive, send)
        except ClientDisconnect:  # nobody is left to answer, and it is not a fault to log
            if not begun:
                await Response(status_code=400)(scope, receive, send)

    async def _with_body(self, scope: Scope, receive: Receive, send: Send, settings: Settings) -> None:
        upload = _UPLOAD.fullmatch(path_below(scope, settings.base)) if scope["method"] == "PUT" else None
        if upload:
            async with streamed(self.uploads, upload[1], scope, receive, self.patience) as arriving:
                await self.app(scope, arriving, send)
        elif declared(scope) == 0:
            await self.app(scope, receive, send)
        else:
            await self.bodies.answer(self.app, scope, receive, send, limit_of(scope, self.routes))


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


def _welcome(scope: Scope, token: str) -> Response:
    """The answer to a page's address that holds a token: the same address without it, and a cookie instead."""
    if not is_token(token):
        raise Refused(403, WRONG_TOKEN)
    return RedirectResponse(without_token(scope), 303, headers={"Set-Cookie": token_cookie(scope)})


def _below(scope: Scope, base: str) -> Scope:
    """The request as our own routes know it, where the app is served below a path: Streamlit's routes know that."""
    if base and scope["path"].startswith(f"{base}{PREFIX}/"):
        return {**scope, "path": scope["path"][len(base) :]}
    return scope


def _one_name(scope: Scope) -> Scope:
    """The request with the name of its page as its Host, where a proxy puts another there: Streamlit compares them."""
    origin = Headers(scope=scope).get("origin")
    if origin is None:
        return scope
    host = origin.partition("://")[2].encode("latin-1")
    return {**scope, "headers": [(name, host if name == b"host" else value) for name, value in scope["headers"]]}


def refusal(scope: Scope, refused: Refused) -> Response:
    """A sentence as the front end reads it: text for what is fetched, JSON for what is sent."""
    # What is still to come of a body is not waited for.
    headers = {"Cache-Control": "no-store", "Connection": "close"}
    if scope["method"] in ("GET", "HEAD"):
        return PlainTextResponse(refused.sentence, refused.status, headers=headers)
    return JSONResponse({"error": refused.sentence}, refused.status, headers=headers)
