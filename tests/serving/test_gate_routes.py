"""Nothing is forgotten: every route, socket and page of the app, Streamlit's own included, lies behind the gate."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit.runtime import Runtime

from explorer.app import ROUTES, app
from explorer.serving.gate import Gate, Settings
from explorer.serving.gate.bodies import UNASKED, limit_of
from explorer.serving.http.asking import MAX_STATE_BYTES
from tests.helpers.places import ROOT

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


def test_answers_carry_the_policy() -> None:
    async def page(_: Request) -> Response:
        answer = Response("<html>", media_type="text/html", headers={"Access-Control-Allow-Origin": "*"})
        answer.set_cookie("a", "b")
        return answer

    async def moved(_: Request) -> Response:
        return RedirectResponse("/elbo?image=3")

    inner = Starlette(routes=[Route("/", page), Route("/elbo/", moved), Route("/a/b/", moved)])
    client = TestClient(Gate(inner, settings=Settings), base_url=HERE, follow_redirects=False)
    headers = client.get("/").headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"frame-ancestors 'self'", "object-src 'none'", "base-uri 'self'", "default-src 'self' data: blob:"} <= {
        *policy
    }
    assert headers["Referrer-Policy"] == "same-origin" and headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, no-cache" and "Access-Control-Allow-Origin" not in headers
    # A path that a proxy took away is not lost.
    assert client.get("/elbo/").headers["Location"] == "../elbo?image=3"
    assert client.get("/a/b/").headers["Location"] == "../../elbo?image=3"
    for refused in (client.get("/", headers={"Host": "evil.example"}), client.post("/", content=b"x" * 9_000)):
        assert refused.status_code in (413, 421) and "frame-ancestors" in refused.headers["Content-Security-Policy"]


def test_each_promise_stands_beside_a_test_that_there_is() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    promises = text[text.index("## What it promises") : text.index("## What it does not promise")]
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 15 and all(block.count("`tests/") for block in re.split(r"\n- ", promises)[1:])
    for file, test in named:
        assert not test or f"def {test}(" in (ROOT / file).read_text("utf-8"), (file, test)
        assert (ROOT / file).is_file(), file


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
