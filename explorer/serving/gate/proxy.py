"""Headers in which a named proxy describes the visitor it speaks for."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

from .settings import Network

# Any of these says that somebody stands between the visitor and this server.
PROXY_HEADERS = (
    *("forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    *("x-forwarded-port", "x-forwarded-server", "x-forwarded-prefix"),
)


def came_by_proxy(headers: Headers) -> bool:
    """Whether a header of a proxy is there."""
    return any(name in headers for name in PROXY_HEADERS)


def spoken_for(scope: Scope, proxies: Sequence[Network]) -> Scope:
    """The request as the visitor sent it, where a named proxy brings it: its Host, address and scheme."""
    client = scope.get("client") or ("", 0)
    if not proxies or not (_named(client[0], proxies) or _substituted(client)):
        return scope
    headers = Headers(scope=scope)
    found = dict(scope)
    host = _last(headers, "x-forwarded-host")
    if host:
        kept = [pair for pair in scope["headers"] if pair[0] != b"host"]
        found["headers"] = [*kept, (b"host", host.encode("latin-1"))]
    scheme = _last(headers, "x-forwarded-proto")
    if scheme in ("http", "https"):
        found["scheme"] = scheme.replace("http", "ws") if scope["type"] == "websocket" else scheme
    # The last address that is no proxy of ours: those before it may be anybody's invention.
    for address in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
        if address.strip() and not _named(address.strip(), proxies):
            found["client"] = (address.strip()[:64], 0)
            break
    return found


def _last(headers: Headers, name: str) -> str:
    """The nearest proxy's entry of a header; another one before it may have written one, too."""
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()


def _named(address: str, proxies: Sequence[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in proxies)


def _substituted(client: tuple[str, int]) -> bool:
    """Whether uvicorn has put the visitor's address in the place of a proxy's that it trusts itself: no port is 0."""
    return client[1] == 0 and client[0] != ""
