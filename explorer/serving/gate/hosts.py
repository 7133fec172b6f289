"""Names of hosts as headers give them, and which of them are this server's own."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

# A name without brackets, in small letters and without a last dot, and a port where one is given.
Place = tuple[str, int | None]
_PLACE = re.compile(r"(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9_.*-]{1,253}))(?::([0-9]{1,5}))?")
_PORTS = {"http": 80, "https": 443}


def place_of(text: str) -> Place | None:
    """Name and port of a Host header; None where it is none."""
    found = _PLACE.fullmatch(text)
    if not found:
        return None
    name = (found[1] or found[2]).lower().removesuffix(".")
    return (name, int(found[3]) if found[3] else None) if name else None


def is_loopback(name: str) -> bool:
    """Whether a name or an address is this machine's to itself."""
    if name == "localhost":
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def same_address(one: str, other: str) -> bool:
    """Whether two ways of writing an address mean the same one."""
    return _address(one) is not None and _address(one) == _address(other)


@lru_cache(maxsize=1)
def machine_names() -> frozenset[str]:
    """The machine's own name, as its neighbours may write it."""
    name = socket.gethostname().lower()
    return frozenset({name, f"{name.partition('.')[0]}.local", name.partition(".")[0]} - {"", ".local"})


def is_own(place: Place, *, bound: str, named: Sequence[Place], reached: str) -> bool:
    """Whether a Host names this server. Its port counts for nothing: what lies between may give it another.

    Args:
        bound: the address that the server listens on, "" where that is not known.
        named: names that were named as its own.
        reached: the address of this machine that the request came in at.
    """
    name = place[0]
    if is_loopback(name) or name in {other for other, _ in named}:
        return True
    if bound in ("0.0.0.0", "::"):
        return same_address(name, reached) or name in machine_names()
    return bool(bound) and (name == bound.lower() or same_address(name, bound))


def origin_place(origin: str) -> Place | None:
    """Name and port of an Origin header, its scheme's own port where it has none; None where it is no web page's."""
    try:
        parts = urlsplit(origin)
    except ValueError:  # such as http://[
        return None
    place = place_of(parts.netloc)
    if place is None or parts.scheme not in _PORTS or parts.path or parts.query or parts.fragment:
        return None
    return place[0], place[1] or _PORTS[parts.scheme]


def is_own_origin(origin: str, host: Place, named: Sequence[Place]) -> bool:
    """Whether a page that asks is this server's: the same name and port as the Host, or one named as the server's."""
    place = origin_place(origin)
    if place is None:
        return False
    if place == (host[0], host[1] or _PORTS[urlsplit(origin).scheme]):
        return True
    return place in named or (place[0], None) in named
