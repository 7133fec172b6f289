"""Headers of pages: early hints of files that they need, and who is who."""

from __future__ import annotations

from functools import lru_cache

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..frontend.files import imported, static_key
from .http.addresses import BELOW
from .visitors.greeting import greeting


@lru_cache(maxsize=1)
def preload_links() -> str:
    """A Link header: plotly, the style and our modules arrive while Streamlit itself still starts."""
    base = f"{BELOW}/static/{static_key()}"
    links = [
        f"<{base}/vendor/plotly.min.js>; rel=preload; as=script",
        f"<{base}/style/style.css>; rel=preload; as=style",
    ]
    links += [f"<{base}/{name}>; rel=modulepreload" for name in imported("map/live_map.mjs")]
    return ", ".join(links)


class Headers:
    """ASGI middleware that adds the hints to pages, and a word to the browser of somebody new."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Link"] = preload_links()
                    word = await run_in_threadpool(greeting, scope)
                    if word:
                        headers.append("Set-Cookie", word)
            await send(message)

        await self.app(scope, receive, with_headers)
