"""The person at the machine that serves, who may do more than others: name its folders, stop what others began.

The gate finds it out once for each request and socket, and says it in a header that only it can write: pages read it in
`st.context.headers`, routes in `request.headers`, by the one function `is_local`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from .hosts import is_loopback, origin_place, place_of
from .proxy import came_by_proxy
from .settings import Settings

MARK = "x-explorer-local"
_WORD = secrets.token_hex(16)  # nobody outside this process can write the mark
TOKEN = secrets.token_urlsafe(32)  # printed at the start, to be given once as ?token=...
# Another server on this machine shares the browser's cookies, so each has one of its own name. No path: the browser
# takes the page's, and what else is served under another path of the same host never gets to see it.
COOKIE = f"explorer_token_{hashlib.sha256(TOKEN.encode()).hexdigest()[:8]}"


def is_local(headers: Mapping[str, str]) -> bool:
    """Whether the visitor of a request or a page sits at the machine that serves, or has brought its token."""
    return hmac.compare_digest((headers.get(MARK) or "").encode(), _WORD.encode())


def marked(scope: Scope, local: bool) -> Scope:
    """The request with the gate's word on its visitor, and nobody else's."""
    headers = [pair for pair in scope["headers"] if pair[0].lower() != MARK.encode()]
    return {**scope, "headers": [*headers, (MARK.encode(), _WORD.encode())] if local else headers}


def sits_here(scope: Scope, settings: Settings) -> bool:
    """Whether a request comes from this machine: every sign must say so. A token counts wherever it comes from."""
    headers = Headers(scope=scope)
    if is_token(cookie_parser(headers.get("cookie", "")).get(COOKIE, "")):
        return True
    client, host, origin = (scope.get("client") or ("",))[0], place_of(headers.get("host", "")), headers.get("origin")
    page = origin_place(origin) if origin is not None else host
    return (
        settings.alone
        and is_loopback(client)
        and not came_by_proxy(headers)
        and all(place is not None and is_loopback(place[0]) for place in (host, page))
    )


def is_token(text: str) -> bool:
    """Whether this is the server's token; takes as long for a wrong one."""
    return hmac.compare_digest(text.encode(), TOKEN.encode())


def token_in(scope: Scope) -> str | None:
    """The token in a page's address, if one is there."""
    if scope["type"] != "http" or scope["method"] != "GET" or b"token=" not in scope["query_string"]:
        return None
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), True)).get("token")


def without_token(scope: Scope) -> str:
    """The same address without the token, relative to itself: a proxy may have taken a path away."""
    query = [pair for pair in parse_qsl(scope["query_string"].decode("latin-1"), True) if pair[0] != "token"]
    last = scope["path"].rpartition("/")[2]
    return f"./{last}" + (f"?{urlencode(query)}" if query else "")


def token_cookie(scope: Scope) -> str:
    """The Set-Cookie header that keeps the token for this browser's visit; no script of a page can read it."""
    return f"{COOKIE}={TOKEN}; HttpOnly; SameSite=Strict" + ("; Secure" if scope["scheme"] == "https" else "")
