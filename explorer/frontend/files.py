"""The front end's files, ready for the wire, under one name that changes with any of them."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import posixpath
import re
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).resolve().parent
# Static imports, at the beginning of a line; not import('./x.mjs').
_IMPORT = re.compile(r"^(?:import|export)\b[^'\"();]*['\"](\.[^'\"]+)['\"]", re.MULTILINE)
_TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".css": "text/css",
    ".wasm": "application/wasm",
}


def media_type(name: str) -> str:
    """The Content-Type a browser insists on for a file of this name."""
    suffix = Path(name.removesuffix(".gz")).suffix
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


@lru_cache(maxsize=1)
def static_files() -> dict[str, tuple[bytes, str]]:
    """Name within this folder -> (gzip-compressed content, Content-Type).

    A file that is stored compressed (the runtime's .wasm.gz) stands here under its own
    name; plotly.js comes from the installed plotly package.
    """
    import importlib.util

    files = {}
    for path in sorted(STATIC.rglob("*")):
        if path.is_file() and path.suffix in (".mjs", ".css", ".gz"):
            name = path.relative_to(STATIC).as_posix()
            content = path.read_bytes()
            packed = content if path.suffix == ".gz" else gzip.compress(content, 9, mtime=0)
            files[name.removesuffix(".gz")] = (packed, media_type(name))
    plotly = Path(importlib.util.find_spec("plotly").origin).parent / "package_data" / "plotly.min.js"
    files["vendor/plotly.min.js"] = (gzip.compress(plotly.read_bytes(), 9, mtime=0), "text/javascript")
    return files


@lru_cache(maxsize=1)
def static_key() -> str:
    """Names the whole front end: 16 hexadecimal digits of its content's SHA-256."""
    total = hashlib.sha256()
    for name, (content, _) in static_files().items():
        total.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return total.hexdigest()[:16]


@lru_cache(maxsize=4)
def imported(entry: str) -> tuple[str, ...]:
    """A module of this folder and all that it imports statically, directly or not: names in the order they are met.

    What is imported only when it is needed, as the tabs of a page are, is left out.
    """
    found: dict[str, None] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop(0)
        if name in found:
            continue
        found[name] = None
        folder = posixpath.dirname(name)
        names = _IMPORT.findall((STATIC / name).read_text("utf-8"))
        waiting += [posixpath.normpath(posixpath.join(folder, other)) for other in names]
    return tuple(found)
