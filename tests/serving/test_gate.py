"""The gate before every route and socket: names, pages of other sites, who sits at the machine."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from explorer.serving.gate import Gate, is_local
from explorer.serving.gate.local import COOKIE, MARK, TOKEN
from explorer.serving.gate.settings import Settings, settings_of

HERE = "http://localhost:8501"


def _said(request: Request | WebSocket) -> dict:
    local, host = is_local(request.headers), request.headers["host"]
    return {"local": local, "host": host, "client": request.client.host, "scheme": request.url.scheme}


async def _answer(request: Request) -> JSONResponse:
    return JSONResponse(_said(request))


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json(_said(socket))
    await socket.close()


def visitor(settings: Settings, *, base: str = HERE, client: str = "127.0.0.1", **cookies: str) -> TestClient:
    """Somebody at an address, in front of a gate with one route and one socket behind it."""
    routes = [Route("/{rest:path}", _answer, methods=["GET", "POST"]), WebSocketRoute("/{rest:path}", _socket)]
    app = Starlette(routes=routes, middleware=[Middleware(Gate, settings=lambda: settings)])
    return TestClient(app, base_url=base, client=(client, 50_000), cookies=cookies, follow_redirects=False)


def asked(client: TestClient, **headers: str) -> dict | int:
    """What a POST and a socket get alike: the answer, or the status of the refusal."""
    headers = {"host": client.base_url.netloc.decode()} | {k.replace("_", "-"): v for k, v in headers.items()}
    answer = client.post("/x", headers=headers)
    try:
        with client.websocket_connect("/x", headers=headers) as socket:
            by_socket = socket.receive_json()
    except WebSocketDisconnect:
        assert answer.status_code in (403, 421) and answer.json()["error"].endswith((".", "environment."))
        return answer.status_code
    assert answer.status_code == 200 and by_socket["local"] == answer.json()["local"]
    return answer.json()


OPEN = Settings(bound="0.0.0.0")
NAMED = settings_of("127.0.0.1", "class.example.org, lab.example.org:8443", "", "")


@pytest.mark.parametrize(
    ("settings", "host", "allowed"),
    [
        *(
            (Settings(), host, True)
            for host in ("localhost", "LOCALHOST:80", "127.0.0.1:8501", "[::1]:8501", "localhost.")
        ),
        *((Settings(), host, False) for host in ("evil.example", "evil.example:8501", "localhost.evil.example")),
        *((Settings(), host, False) for host in ("192.168.0.7", "", "localhost:8501@evil.example", "127.0.0.1.nip.io")),
        *((Settings(bound=""), host, allowed) for host, allowed in (("localhost", True), ("10.1.2.3", False))),
        (Settings(bound="192.168.0.7"), "192.168.0.7:8501", True),
        (Settings(bound="192.168.0.7"), "192.168.0.8:8501", False),
        *((NAMED, host, True) for host in ("class.example.org", "CLASS.example.org:99", "lab.example.org")),
        *((NAMED, host, False) for host in ("example.org", "x.class.example.org")),
    ],
)
def test_a_server_answers_to_its_own_names_alone(settings: Settings, host: str, allowed: bool) -> None:
    found = asked(visitor(settings), host=host)
    assert isinstance(found, dict) if allowed else found == 421


def test_bound_to_all_addresses_the_machines_own_are_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from explorer.serving.gate import hosts

    monkeypatch.setattr(hosts, "machine_names", lambda: frozenset({"lab7"}))
    own = {"bound": "0.0.0.0", "named": (), "reached": "192.168.0.7"}
    for host, allowed in (("192.168.0.7", True), ("lab7:8501", True), ("192.168.0.8", False), ("lab8", False)):
        assert hosts.is_own(hosts.place_of(host), **own) == allowed, host


@pytest.mark.parametrize(
    ("settings", "origin", "allowed"),
    [
        (Settings(), HERE, True),
        *((Settings(), o, False) for o in ("http://evil.example", "null", "http://localhost:3000", "http://[", "file://")),
        *((Settings(), o, False) for o in ("http://127.0.0.1:8501", "http://localhost:8501.evil.example", "x://localhost:8501")),
        *((NAMED, o, True) for o in ("https://class.example.org", "http://class.example.org:77", "https://lab.example.org:8443")),
        *((NAMED, o, False) for o in ("https://lab.example.org", "https://evil.example")),
    ],
)  # fmt: skip
def test_pages_of_other_sites_are_refused(settings: Settings, origin: str, allowed: bool) -> None:
    found = asked(visitor(settings), origin=origin)
    assert isinstance(found, dict) if allowed else found == 403
    if allowed:  # Streamlit compares the two
        assert found["host"] == origin.partition("://")[2]


def test_what_another_sites_page_loads_is_refused_and_its_links_are_followed() -> None:
    client = visitor(Settings())
    for site in ("cross-site", "same-site"):
        assert client.get("/x", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status_code == 403
        assert client.get("/x", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert client.get("/x", headers={"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}).status_code == 200


def test_every_sign_must_say_that_a_visitor_sits_at_the_machine() -> None:
    assert asked(visitor(Settings()))["local"] and asked(visitor(Settings()), origin=HERE)["local"]
    assert asked(visitor(Settings(bound="::1"), base="http://[::1]:8501", client="::1"))["local"]
    assert not asked(visitor(Settings(), client="192.168.0.7"))["local"]
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via"):
        assert not asked(visitor(Settings()), **{name: "localhost"})["local"], name
    # Open to others, or said to stand behind a proxy: a proxy that says nothing looks like somebody here.
    proxied = settings_of("127.0.0.1", "", "10.0.0.1", "")
    for settings in (OPEN, NAMED, proxied, Settings(bound=""), Settings(base="/vae")):
        assert not asked(visitor(settings))["local"], settings
    assert asked(visitor(Settings()), **{MARK: "1"})["local"]
    assert not asked(visitor(OPEN), **{MARK: "1"})["local"]


def test_the_token_makes_any_visitor_local_once_it_was_shown() -> None:
    client = visitor(NAMED, base="https://class.example.org", client="203.0.113.7")
    assert not asked(client)["local"]
    for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", "%FF"):
        assert client.get(f"/elbo?token={wrong}").status_code == 403
    answer = client.get(f"/vae/elbo?model=a%20b&token={TOKEN}")
    assert answer.status_code == 303 and answer.headers["location"] == "./elbo?model=a+b"
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Secure")) and "Path" not in cookie
    assert asked(visitor(NAMED, **{COOKIE: TOKEN}), x_forwarded_for="203.0.113.7")["local"]
    assert not asked(visitor(NAMED, **{COOKIE: TOKEN[:-1]}))["local"]


def test_a_proxy_is_believed_where_it_is_named() -> None:
    said = {"x_forwarded_host": "class.example.org", "x_forwarded_for": "127.0.0.1, 203.0.113.7"}
    said |= {"x_forwarded_proto": "https", "origin": "https://class.example.org"}
    named = settings_of("127.0.0.1", "class.example.org", "10.0.0.1", "")
    there = asked(visitor(named, base="http://127.0.0.1:8501", client="10.0.0.1"), **said)
    assert there == {"local": False, "host": "class.example.org", "client": "203.0.113.7", "scheme": "https"}
    # The name it puts forward must be the server's own, and nobody else's word counts.
    assert asked(visitor(named, client="10.0.0.1"), **{**said, "x_forwarded_host": "evil.example"}) == 421
    alone = settings_of("127.0.0.1", "", "10.0.0.1", "")
    assert asked(visitor(alone, client="10.0.0.1"), **said) == 421
    assert asked(visitor(Settings(), client="127.0.0.1"), **said) == 403
    stranger = asked(visitor(named, client="10.0.0.2"), **said)
    assert stranger["client"] == "10.0.0.2" and stranger["scheme"] == "http"


@pytest.mark.parametrize(
    ("hosts", "proxies"), [("http://x.example", ""), ("a b", ""), ("*", ""), ("", "proxy.example")]
)
def test_a_name_that_is_none_is_said_at_the_start(hosts: str, proxies: str) -> None:
    with pytest.raises(ValueError, match=r"is no name of a host|by its address"):
        settings_of("127.0.0.1", hosts, proxies, "")
