"""Names under which a server is reached, and proxies in front of it."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from functools import lru_cache

from starlette.types import Scope

from .hosts import Place, is_loopback, place_of

HOSTS, PROXY = "EXPLORER_HOSTS", "EXPLORER_PROXY"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Settings:
    """A server's way to its visitors.

    Attributes:
        bound: the address it listens on; "" where another program listens for it and that is not known.
        named: names that were named as its own, in addition to those of the loopback and of `bound`.
        proxies: addresses whose X-Forwarded-Host, -For and -Proto are believed.
        base: the path it is served under, "" or such as "/tools/vae".
    """

    bound: str = "127.0.0.1"
    named: tuple[Place, ...] = ()
    proxies: tuple[Network, ...] = ()
    base: str = ""

    @property
    def alone(self) -> bool:
        """Whether only this machine reaches the server, and nothing says that a proxy on it lets others in."""
        return is_loopback(self.bound) and not (self.named or self.proxies or self.base)


def named_hosts(text: str) -> tuple[Place, ...]:
    """Host names out of a list with commas.

    Raises:
        ValueError: one of them is no name of a host.
    """
    return tuple(_host(word) for word in map(str.strip, text.split(",")) if word)


def _host(word: str) -> Place:
    found = place_of(word)
    if found is None or "*" in word:
        raise ValueError(
            f"{word[:80]!r} is no name of a host: give it as in a browser's address, without http:// and path, "
            "such as class.example.org or class.example.org:8443."
        )
    return found


def named_proxies(text: str) -> tuple[Network, ...]:
    """Addresses or networks of proxies out of a list with commas.

    Raises:
        ValueError: one of them is no address.
    """
    try:
        return tuple(ipaddress.ip_network(word, strict=False) for word in map(str.strip, text.split(",")) if word)
    except ValueError:
        raise ValueError(f"A proxy is named by its address, such as 127.0.0.1, not {text[:80]!r}.") from None


@lru_cache(maxsize=8)
def settings_of(bound: str, hosts: str, proxies: str, base: str) -> Settings:
    """Settings out of text.

    Raises:
        ValueError: a host or proxy is none.
    """
    base = base.strip("/")
    return Settings(bound, named_hosts(hosts), named_proxies(proxies), f"/{base}" if base else "")


def path_below(scope: Scope, base: str) -> str:
    """A request's path as the app has it, below the path it is served under."""
    return scope["path"].removeprefix(scope.get("root_path", "")).removeprefix(base)


def served() -> Settings:
    """The settings of this process: its environment, and Streamlit's options of address and base path.

    Raises:
        ValueError: the environment names a host or proxy that is none.
    """
    from streamlit import config

    # Streamlit listens itself, or another server does, which does not say where.
    ours = str(getattr(config, "_server_mode", None)).startswith("starlette-app")
    bound = str(config.get_option("server.address") or EVERYWHERE[0]) if ours else ""
    base = str(config.get_option("server.baseUrlPath") or "")
    return settings_of(bound, os.environ.get(HOSTS, ""), os.environ.get(PROXY, ""), base)
