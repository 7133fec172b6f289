"""A Hugging Face Hub of one repository on this machine, as honest or as hostile as a test wants it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

REPOSITORY, COMMIT = "owner/name", "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """What the Hub says and does.

    Attributes:
        files: of the one commit.
        announced: sizes it claims, where they are not the true ones.
        status: what every request is answered with, where it is not 200.
        mode: "", "redirect", "loop", "long", "endless", "short", "slow", "silent", "packed", "nonsense" or "gated".
        seen: method, path and headers of every request.
    """

    files: dict[str, bytes]
    announced: dict[str, int | None] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    commit: str = COMMIT
    status: int = 200
    mode: str = ""
    endpoint: str = ""
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def info(self) -> dict[str, Any]:
        """The answer of /api/models."""
        siblings = []
        for name, content in self.files.items():
            size = self.announced.get(name, len(content))
            sibling = {"rfilename": name, "blobId": "0" * 40, "size": size}
            if name.endswith(".safetensors"):
                sha256 = self.hashes.get(name, hashlib.sha256(content).hexdigest())
                sibling["lfs"] = {"sha256": sha256, "size": size, "pointerSize": 134}
            siblings.append(sibling)
        return {"_id": "1", "id": REPOSITORY, "sha": self.commit, "siblings": siblings, "private": False}


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):  # a client that has seen enough hangs up
            self._answer()

    def _answer(self) -> None:
        hub, path = self.hub, urlsplit(self.path).path
        hub.seen.append((self.command, path, {name.lower(): value for name, value in self.headers.items()}))
        error = {"gated": "GatedRepo", "private": "RepoNotFound", "revision": "RevisionNotFound"}.get(hub.mode)
        if hub.mode == "silent":
            time.sleep(3)
        elif path.startswith("/api/models/"):
            known = path.removeprefix("/api/models/").startswith(f"{REPOSITORY}/revision/")
            if hub.status != 200:
                self._send(hub.status, b"{}")
            elif not known or (error and hub.mode != "gated"):
                self._send(404, b"{}", **{"X-Error-Code": error or "RepoNotFound"})
            else:
                body = b"<html>" if hub.mode == "nonsense" else json.dumps(hub.info()).encode()
                self._send(200, body, **{"Content-Type": "application/json"})
        elif hub.mode == "gated":
            self._send(403, b"{}", **{"X-Error-Code": error})
        elif hub.mode in ("redirect", "loop") and not path.startswith("/cdn"):
            self._send(302, b"", Location=f"/cdn{path}")
        elif hub.mode == "loop":
            self._send(302, b"", Location=f"{path}x")
        elif self._name(path.rpartition("/")[2]) in hub.files:
            self._file(path.rpartition("/")[2])
        else:
            self._send(404, b"{}", **{"X-Error-Code": "EntryNotFound"})

    def _file(self, name: str) -> None:
        hub, content = self.hub, self.hub.files[self._name(name)]
        if hub.mode == "long":  # more than was announced, and its length says so
            self._send(200, content + bytes(1 << 20))
        elif hub.mode == "endless":  # more than was announced, without a length
            self.send_response(200)
            self.end_headers()
            for _ in range(4_096):
                self.wfile.write(bytes(1 << 16))
        elif hub.mode == "short":  # a length that the content does not come to
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
        elif hub.mode == "less":
            self._send(200, content[:-1])
        elif hub.mode == "slow":
            self.send_response(200)
            self.end_headers()
            for index in range(len(content)):
                self.wfile.write(content[index : index + 1])
                time.sleep(0.05)
        elif hub.mode == "packed":
            self._send(200, content, **{"Content-Encoding": "gzip"})
        else:
            self._send(200, content)

    def _name(self, name: str) -> str:
        return name.rstrip("x") if name not in self.hub.files else name

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def fake_hub(files: dict[str, bytes], **options: Any) -> Iterator[FakeHub]:
    """The Hub, at `.endpoint` while the block lasts."""
    hub = FakeHub(files, **options)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
