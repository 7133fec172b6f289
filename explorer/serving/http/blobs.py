"""Bytes made ready for the wire once: compressed, typed, and named by what is in them."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass

from starlette.responses import Response

FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Blob:
    """A file as it travels.

    Attributes:
        content: the bytes, gzip-compressed where `compressed`.
        media_type: its Content-Type.
    """

    content: bytes
    media_type: str
    compressed: bool

    def response(self) -> Response:
        """The blob under a name that holds its hash: a browser may keep it for ever."""
        headers = {"Cache-Control": FOREVER}
        if self.compressed:
            # Every browser takes gzip; a client that does not is not one that can run the map.
            headers["Content-Encoding"] = "gzip"
        return Response(self.content, media_type=self.media_type, headers=headers)


def make_blob(content: bytes, media_type: str = "application/octet-stream", *, level: int = 6) -> Blob:
    """Compresses `content` where that makes it smaller."""
    packed = gzip.compress(content, level, mtime=0)
    if len(packed) < 0.97 * len(content):
        return Blob(packed, media_type, True)
    return Blob(content, media_type, False)


def digest(*parts: bytes) -> str:
    """A short name for some bytes: 16 hexadecimal digits of SHA-256."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "little"))
        total.update(part)
    return total.hexdigest()[:16]
