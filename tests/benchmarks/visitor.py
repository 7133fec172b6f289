"""Visitors without a browser: Streamlit's pages by its own socket, our files and questions by HTTP."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import re
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

_KEEP_ALIVE = {"Connection": "keep-alive", "Accept-Encoding": "gzip"}


class Visitor:
    """One person: a cookie of their own, a few connections, and at most one page at a time."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.address, self.host, self.port = address, parts.hostname or "", parts.port or 80
        self.cookie = ""
        self.modules: list[str] = []  # that a page says its browser will need
        self.socket: Any = None
        self._free: list[http.client.HTTPConnection] = []

    def ask(self, path: str, state: Any = None) -> bytes:
        """The answer to a POST of a state; to a GET, as it travels. The first answer gives the cookie.

        Raises:
            RuntimeError: the server refused, with its sentence.
        """
        path = f"/{path.removeprefix('./').removeprefix('/')}"  # a manifest's addresses are below the page's
        kept = bool(self._free)
        connection = self._free.pop() if kept else http.client.HTTPConnection(self.host, self.port, timeout=300)
        headers = {**_KEEP_ALIVE, **({"Cookie": self.cookie} if self.cookie else {})}
        body = None
        if state is not None:
            body = json.dumps(state)
            headers["Content-Type"] = "application/json"
        try:
            connection.request("GET" if body is None else "POST", path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            connection.close()
            if kept:  # the server ends a connection that was idle for some seconds
                return self.ask(path, state)
            raise
        self._free.append(connection)
        if links := answer.getheader("Link"):
            self.modules = re.findall(r"<([^>]+)>; rel=modulepreload", links)
        if given := answer.getheader("Set-Cookie"):
            morsels = SimpleCookie(given)
            self.cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in morsels.items())
        if state is not None and answer.getheader("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} for {path}: {content[:200].decode(errors='replace')}")
        return content

    async def asks(self, path: str, state: Any = None) -> bytes:
        """`ask`, while others act."""
        return await asyncio.to_thread(self.ask, path, state)

    async def open(self, page: str = "", query: str = "") -> dict[str, Any] | None:
        """Opens a page, as a browser does: its HTML, then Streamlit's socket until the script has run.

        Returns:
            The map's manifest, where the page has a map.

        Raises:
            RuntimeError: the script ended in an exception.
        """
        await self.close()
        await self.asks(f"/{page}?{query}" if query else f"/{page}")
        uri = f"{self.address.replace('http', 'ws')}/_stcore/stream"
        headers = {"Cookie": self.cookie} if self.cookie else {}
        self.socket = await websockets.connect(
            uri, subprotocols=[websockets.Subprotocol("streamlit")], additional_headers=headers, max_size=None
        )
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_name = page
        await self.socket.send(message.SerializeToString())
        manifest = None
        async for content in self.socket:
            forward = ForwardMsg()
            forward.ParseFromString(content)
            kind = forward.WhichOneof("type")
            if kind == "delta":
                manifest = _manifest(forward) or manifest
                element = forward.delta.new_element
                if element.WhichOneof("type") == "exception":
                    raise RuntimeError(f"{page or 'the first page'}: {element.exception.message}")
            if kind == "script_finished":
                return manifest
        raise RuntimeError(f"The socket of {page or 'the first page'} was closed.")

    async def close(self) -> None:
        """Leaves the page."""
        if self.socket is not None:
            await self.socket.close()
        self.socket = None

    async def leave(self) -> None:
        """Ends the visit."""
        await self.close()
        for connection in self._free:
            connection.close()


def _manifest(forward: ForwardMsg) -> dict[str, Any] | None:
    component = forward.delta.new_element.bidi_component
    for text in (component.json, component.mixed.json):
        if '"manifest"' in text:
            found = json.loads(text)
            return (found[0] if isinstance(found, list) else found)["manifest"]
    return None


def opening_files(manifest: dict[str, Any], modules: list[str]) -> list[str]:
    """What a browser with an empty cache fetches before the map is ready."""
    runtime = list(manifest["runtime"].values())
    rules = [rule["url"] for rule in manifest["rules"].values()]
    return [
        *(manifest["plotly"], manifest["style"], manifest["entry"], manifest["codes"], *runtime, *rules),
        *([manifest["decoder"]] if manifest["engine"] == "browser" else []),
        f"{manifest['sheet']['latents']}0.bin",
        f"{manifest['sheet']['images']}0.bin",
        *modules,
    ]


def state_of(manifest: dict[str, Any], image: int, u: tuple[float, float]) -> dict[str, Any]:
    """A Gaussian on the map a model opens on, as the page says it."""
    return {"image": image, "mode": "gaussian", "u": list(u), "sigma": [0.1, 0.1]}
