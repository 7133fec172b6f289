"""Starting the server, with the faults a person can mend said plainly."""

from __future__ import annotations

import errno
import socket


def serve(address: str, port: int) -> int:
    """Serves until stopped.

    Raises:
        ValueError: the port is in use or not allowed, or the address is not this machine's.
    """
    if not 1 <= port <= 65_535:
        raise ValueError(f"A port is a number from 1 to 65535, not {port}.")
    _check(address, port)
    from ..app import app

    print(f"Latent Explorer is getting its models ready; then it is at http://{_shown(address)}:{port}", flush=True)
    app.run(config={"server.address": address, "server.port": port, "server.headless": True})
    return 0


def _shown(address: str) -> str:
    return "localhost" if address in ("127.0.0.1", "0.0.0.0", "::", "::1") else address


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
