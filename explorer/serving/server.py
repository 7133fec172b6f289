"""Starting the server, with the faults a person can mend said plainly."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Sequence

from .gate.settings import EVERYWHERE, HOSTS, PROXY, settings_of

_BASE = re.compile(r"[A-Za-z0-9._~/-]*")


def serve(address: str, port: int, *, hosts: Sequence[str] = (), proxies: Sequence[str] = (), base: str = "") -> int:
    """Serves until stopped.

    Args:
        hosts: names the app is reached under, beside its address and those in the environment.
        proxies: addresses of proxies that are believed, likewise.
        base: the path it is served below.

    Raises:
        ValueError: the port is in use or not allowed, the address is not this machine's, or a name is none.
    """
    if not 1 <= port <= 65_535:
        raise ValueError(f"A port is a number from 1 to 65535, not {port}.")
    if not _BASE.fullmatch(base) or ".." in base:
        raise ValueError(f"A base path is made of letters, digits and -._~/, not {base[:80]!r}.")
    # The gate reads its names from the environment, however the app is started.
    for name, words in ((HOSTS, hosts), (PROXY, proxies)):
        os.environ[name] = ",".join([*filter(None, [os.environ.get(name, "")]), *words])
    settings = settings_of(address, os.environ[HOSTS], os.environ[PROXY], base)
    base = settings.base
    # uvicorn believes any proxy on this machine otherwise, and the gate would not see where a request comes from.
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")
    _check(address, port)
    from ..app import app

    place = f"http://{_shown(address)}:{port}{base}"
    print(f"Latent Explorer is getting its models ready; then it is at {place}", flush=True)
    options = {"server.address": address, "server.port": port, "server.headless": True, "server.baseUrlPath": base}
    if address not in EVERYWHERE:  # Streamlit's own lock behind the gate's
        options["server.allowedHosts"] = [
            "localhost",
            "127.0.0.1",
            "::1",
            address,
            *(name for name, _ in settings.named),
        ]
    app.run(config=options)
    return 0


def _shown(address: str) -> str:
    if address in ("127.0.0.1", "0.0.0.0", "::", "::1"):
        return "localhost"
    return f"[{address}]" if ":" in address else address


def _check(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ValueError(
                    f"Port {port} is in use, perhaps by another Latent Explorer: "
                    f"stop that one, or choose another with --port {port + 1}."
                ) from None
            raise ValueError(f"Cannot listen on {address}, port {port}: {error.strerror}.") from None
