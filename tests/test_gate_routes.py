"""Nothing is forgotten: every route, socket and page of the app, Streamlit's own included, lies behind the gate."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit.runtime import Runtime

from explorer.app import ROUTES, app
from explorer.serving.asking import MAX_STATE_BYTES
from explorer.serving.gate import Gate
from explorer.serving.gate.bodies import UNASKED, limit_of

HERE = "http://localhost:8501"
STREAMLITS = {"/_stcore/stream", "/_stcore/upload_file/x/x", "/media/x", "/_stcore/host-config", "/component/x", "/x"}


@pytest.fixture(scope="module")
def built() -> Iterator[Starlette]:
    """The whole application as it is served, not started."""
    Runtime._instance = None
    yield app._build_starlette_app()
    Runtime._instance = None


def doors(routes: list[BaseRoute], below: str = "") -> Iterator[tuple[str, str]]:
    """Every path with a method, "SOCKET" for a socket."""
    for route in routes:
        path = below + re.sub(r"\{[^}]*\}", "x", getattr(route, "path", ""))
        if isinstance(route, Route):
            yield from ((path, method) for method in route.methods or {"GET"})
        elif isinstance(route, WebSocketRoute):
            yield path, "SOCKET"
        else:
            assert isinstance(route, Mount), f"{route} is of a kind that this test does not know"
            yield from ((f"{path}/x", method) for method in ("GET", "POST"))
            yield from doors(list(route.routes or []), path)


def test_the_gate_stands_before_everything_else(built: Starlette) -> None:
    assert built.user_middleware[0].cls is Gate


def test_a_foreign_name_and_a_foreign_page_are_refused_everywhere(built: Starlette) -> None:
    client = TestClient(built, base_url=HERE, client=("127.0.0.1", 50_000))
    found = set(doors(list(built.routes)))
    paths = {path for path, _ in found}
    assert paths >= STREAMLITS and len(paths) > 40 and sum(method == "SOCKET" for _, method in found) >= 2
    foreign = [
        (421, {"Host": "evil.example:8501"}),
        (421, {"Host": "evil.example:8501", "Origin": "http://evil.example:8501"}),
        (403, {"Origin": "http://evil.example"}),
        (403, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
    ]
    for path, method in sorted(found):
        for status, headers in foreign:
            if method != "SOCKET":
                answer = client.request(method, path, headers=headers)
                assert answer.status_code == status, (method, path, headers)
                assert answer.headers["Content-Security-Policy"] and "set-cookie" not in answer.headers
            elif "Sec-Fetch-Site" not in headers:  # sockets always have an Origin
                url, headers = f"ws://localhost:8501{path}", {"Host": "localhost:8501", **headers}
                with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect(url, headers=headers):
                    pass
                assert closed.value.code == 4403, path


def test_each_route_takes_what_an_honest_request_holds() -> None:
    limits = {}
    for path, method in doors(ROUTES):
        if method == "POST":
            limits[path.split("/")[2]] = limit_of({"type": "http", "method": method, "path": path}, ROUTES)
    large = {name for name, most in limits.items() if most > MAX_STATE_BYTES}
    assert large == {"table", "ways", "strip"} and max(limits.values()) <= 24 << 20
    assert limits["jobs"] == 1_024 and limits["export"] == limits["terms"] == MAX_STATE_BYTES
    assert all(most > UNASKED for name, most in limits.items() if name != "jobs")
    assert limit_of({"type": "http", "method": "POST", "path": "/_stcore/agent/mcp"}, ROUTES) == UNASKED
