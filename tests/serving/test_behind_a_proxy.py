"""Serving a class, as SECURITY.md has it: below a path, behind a proxy that puts its own Host."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.routing import Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from explorer.serving.gate import Gate, is_local
from explorer.serving.gate.local import COOKIE, TOKEN
from explorer.serving.gate.settings import Settings, settings_of
from explorer.serving.headers import Headers
from explorer.serving.models_page.downloads import download_address, explore_address
from explorer.serving.routes import routes
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import SPACES, Space
from tests.helpers.proxy import proxy
from tests.helpers.spaces import save_digits


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    return SPACES.get(str(save_digits(tmp_path_factory.mktemp("behind") / "digits")))


async def page(_: Request) -> HTMLResponse:
    return HTMLResponse("<html>")


async def who(request: Request) -> JSONResponse:
    local, client = is_local(request.headers), request.client.host if request.client else ""
    return JSONResponse({"local": local, "client": client, "host": request.headers["host"]})


async def moved(_: Request) -> RedirectResponse:
    return RedirectResponse("/latents?image=3")


@pytest.fixture(scope="module")
def upstream() -> Iterator[tuple[str, list[Settings]]]:
    """The app's routes on a port, behind a gate whose settings a test gives."""
    settings = [Settings()]
    ours = routes()
    pages = [Route("/", page), Route("/latents", page), Route("/latents/", moved), Route("/who", who, methods=["POST"])]
    middleware = [Middleware(Gate, routes=ours, settings=lambda: settings[0]), Middleware(Headers)]
    app = Starlette(routes=[*pages, *ours], middleware=middleware)
    # As `python -m explorer` starts it: uvicorn takes no proxy's word, the gate sees where a request comes from.
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", forwarded_allow_ips="")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", settings
    server.should_exit = True
    thread.join(10)


def ask(url: str, data: object = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    body = None if data is None else json.dumps(data).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), dict(refused.headers)


@pytest.mark.parametrize("speaks", [True, False])
def test_pages_files_questions_sockets_and_downloads_work_below_a_path(upstream, space: Space, speaks: bool) -> None:
    address, settings = upstream
    settings[0] = settings_of("127.0.0.1", "class.localhost", "127.0.0.1" if speaks else "", "")
    with proxy(address, speaks=speaks) as port:
        # urllib asks at the loopback by another name, as a browser finds a server by its domain.
        there, origin = f"http://127.0.0.1:{port}/tools/vae/", f"http://class.localhost:{port}"
        named = {"Host": f"class.localhost:{port}"}
        status, _, headers = ask(f"{there}latents", **named)
        assert status == 200 and "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["set-cookie"] and headers["cache-control"] == "private, no-cache"
        hints = re.findall("<(.*?)>", headers["link"])
        assert hints and not [hint for hint in hints if hint.startswith("/")]
        assert ask(urljoin(f"{there}latents", hints[0]), **named)[0] == 200
        manifest = describe(space)
        state = {"image": 0, "mode": "gaussian", "u": [0.0, 0.0], "sigma": [0.1, 0.1]}
        terms = urljoin(there, manifest["terms"])
        status, said, _ = ask(terms, state, Origin=origin, **named)
        assert status == 200 and json.loads(said)["elbo"] < 0
        assert ask(terms, state, Origin="http://evil.example", **named)[0] == 403
        for name in ("entry", "codes", "gaps", "plotly", "style"):
            assert ask(urljoin(f"{there}latents", manifest[name]), **named)[0] == 200, name
        found = urljoin(f"{there}models", download_address("mnist-2d"))
        assert found.startswith(there) and ask(found, **named)[1][:2] == b"PK"
        assert urljoin(f"{there}models", explore_address("a b")) == f"{there}?model=a%20b"
        socket = urljoin(there, manifest["socket"]).replace("http", "ws", 1)
        with connect(socket, origin=origin, additional_headers={}) as line:
            line.send("?")
            assert "binary" in line.recv(timeout=10)
        with pytest.raises(InvalidStatus), connect(socket, origin="http://evil.example"):
            pass
        # A redirect stays below the path, too.
        assert ask(f"{there}latents/", **named)[0] == 200


def test_nobody_behind_a_proxy_is_local_but_by_the_token(upstream) -> None:
    address, settings = upstream
    for speaks, proxies in ((True, "127.0.0.1"), (True, ""), (False, "")):
        settings[0] = settings_of("127.0.0.1", "class.localhost", proxies, "")
        with proxy(address, speaks=speaks) as port:
            named = {"Host": f"class.localhost:{port}", "Origin": f"http://class.localhost:{port}"}
            who_ = f"http://127.0.0.1:{port}/tools/vae/who"
            said = json.loads(ask(who_, {}, **named)[1])
            assert not said["local"] and said["host"] == named["Host"]
            assert said["client"] == ("203.0.113.9" if proxies else "127.0.0.1")
            assert json.loads(ask(who_, {}, Cookie=f"{COOKIE}={TOKEN}", **named)[1])["local"]


def test_a_proxy_that_nobody_told_of_is_let_through_for_nobody(upstream) -> None:
    address, settings = upstream
    settings[0] = Settings()
    with proxy(address, speaks=False) as port:
        origin = f"http://class.localhost:{port}"
        assert ask(f"http://127.0.0.1:{port}/tools/vae/who", {}, Origin=origin)[0] == 403


def test_a_base_path_of_our_own_is_taken_off(upstream, space: Space) -> None:
    address, settings = upstream
    settings[0] = Settings(base="/tools/vae")
    assert ask(urljoin(f"{address}/tools/vae/", describe(space)["units"]))[0] == 200
    assert ask(urljoin(f"{address}/tools/other/", describe(space)["units"]))[0] == 404
