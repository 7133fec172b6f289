"""Headers of every answer: what a browser may do with it."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

# Nothing comes from elsewhere and nobody frames the pages. plotly compiles its shaders' calls and onnxruntime its
# WebAssembly, and Streamlit writes styles and scripts of its own into the page.
POLICY = "; ".join((
    "default-src 'self' data: blob:",
    "script-src 'self' blob: 'unsafe-inline' 'unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    "worker-src 'self' blob:",
    "frame-ancestors 'self'",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
))  # fmt: skip
ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def with_policy(scope: Scope, send: Send) -> Send:
    """A `send` that puts the headers on each answer."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in ALWAYS.items():
                headers[name] = value
            # Pages of other sites have no part in this server, whatever Streamlit would allow them.
            for name in [name for name in headers if name.lower().startswith("access-control-")]:
                del headers[name]
            if "set-cookie" in headers and headers.get("cache-control") != "no-store":
                headers["Cache-Control"] = "private, no-cache"  # a cache that keeps it would give it to somebody else
            target = headers.get("location", "")
            if target.startswith("/") and not target.startswith("//"):
                # A proxy may have taken a path away, which an address from the root would lose.
                headers["Location"] = ("../" * (scope["path"].count("/") - 1) or "./") + target[1:]
        await send(message)

    return sent
