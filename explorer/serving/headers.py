"""What goes with every answer: early hints of what the page needs, no guessing of types, and who is who."""

from __future__ import annotations

from functools import lru_cache

from starlette.datastructures import Headers as AskedHeaders
from starlette.datastructures import MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..latent_map.files import imported, static_key
from .manifest import PREFIX
from .person import new_cookie, person_of


@lru_cache(maxsize=1)
def preload_links() -> str:
    """A Link header: plotly, the style and our modules arrive while Streamlit itself still starts."""
    base = f"{PREFIX}/static/{static_key()}"
    links = [f"<{base}/vendor/plotly.min.js>; rel=preload; as=script", f"<{base}/style.css>; rel=preload; as=style"]
    links += [f"<{base}/{name}>; rel=modulepreload" for name in imported("explore.mjs")]
    return ", ".join(links)


class Headers:
    """ASGI middleware that adds the hints to pages, and X-Content-Type-Options to everything."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        known = person_of(cookie_parser(AskedHeaders(scope=scope).get("cookie", "")))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Link"] = preload_links()
                    if not known:
                        headers.append("Set-Cookie", new_cookie())
            await send(message)

        await self.app(scope, receive, with_headers)
