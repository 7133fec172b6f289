"""A reverse proxy in a few lines: takes a path away, puts its own Host, and may say whom it speaks for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


@contextlib.contextmanager
def proxy(upstream: str, path: str = "/tools/vae", *, speaks: bool = True) -> Iterator[int]:
    """Serves `upstream` below `path` on a port of its own, which it yields, as nginx does by SECURITY.md's example.

    Args:
        speaks: whether it adds X-Forwarded-Host, -For and -Proto; without, it is the barest of proxies.
    """
    target = urlsplit(upstream)
    port: list[int] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip().split("\r\n")
            method, address, version = first.split(" ")
            if not address.startswith(f"{path}/"):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                writer.close()
                return
            headers = dict(line.split(": ", 1) for line in lines)
            names = {name.lower(): name for name in headers}
            host = headers[names["host"]]
            headers[names["host"]] = target.netloc
            if "upgrade" not in names:  # one request a connection
                headers[names.get("connection", "Connection")] = "close"
            if speaks:
                headers |= {"X-Forwarded-Host": host, "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
            there, back = await asyncio.open_connection(target.hostname, target.port)
            told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            back.write(f"{method} {address[len(path) :]} {version}\r\n{told}\r\n".encode("latin-1"))
            try:
                await asyncio.gather(pipe(reader, back), pipe(there, writer))
            finally:
                writer.close()
                back.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve_forever()

    async def end() -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def main() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(end())
        loop.close()

    task = loop.create_task(run())
    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(5)
