"""Words of visitors: signed, given slowly, one for each data folder; old ones are exchanged once."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from explorer.config import Config
from explorer.files.owners import hide_words, mark_of, may_change, owns, whose
from explorer.jobs import Database, Jobs
from explorer.serving.gate import Settings
from explorer.serving.headers import Headers
from explorer.serving.http.bucket import Buckets, network_of
from explorer.serving.train_page import routes as jobs
from explorer.serving.visitors import greeting, old_words, secret
from explorer.serving.visitors.person import UNSIGNED_COOKIE, cookie_name, network_mark, new_word, person_of, signed
from explorer.serving.visitors.secret import secret_of

OLD = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    monkeypatch.setattr(greeting, "WORDS", Buckets(greeting.AT_ONCE, greeting.AN_HOUR))
    jobs.open_database.cache_clear()
    return tmp_path


async def page(scope, receive, send) -> None:
    kind = b"text/html" if "." not in scope["path"] else b"text/plain"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": b"<html>"})


def browser(address: str = "192.0.2.1", scheme: str = "http") -> TestClient:
    return TestClient(Headers(page), base_url=f"{scheme}://testserver", client=(address, 5_000))


def word_of(client: TestClient) -> str:
    return client.cookies.get(cookie_name(), "")


# Words


def test_a_browser_gets_a_word_once_with_a_page_and_keeps_it() -> None:
    client = browser()
    given = client.get("/train").headers["set-cookie"]
    word = word_of(client)
    assert person_of({cookie_name(): word}) == mark_of(word.partition(".")[0]) != ""
    assert "HttpOnly" in given and "SameSite=Lax" in given and "Secure" not in given and "Path" not in given
    for path in ("/", "/models", "/x.json"):
        assert "set-cookie" not in client.get(path).headers  # never anew in a visit
    assert "; Secure" in browser(scheme="https").get("/").headers["set-cookie"]
    fresh = browser()
    assert all(
        "set-cookie" not in answer.headers for answer in (fresh.get("/a/b"), fresh.get("/x.js"), fresh.post("/"))
    )


def test_an_invented_or_altered_word_is_nobodys(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    word = new_word()
    identity, _, signature = word.partition(".")
    other = signed("f" * 32).partition(".")[2]
    invented = [identity, "", ".", f"{identity}.", f"{identity}.{other}", f"{identity[::-1]}.{signature}", word.upper()]
    invented += [f"{word}0", f" {word}", f"{identity}.{signature[:-1]}", "é" * 65, OLD]
    assert person_of({cookie_name(): word}) and not any(person_of({cookie_name(): text}) for text in invented)
    assert not person_of({}) and not person_of({UNSIGNED_COOKIE: word})
    name = cookie_name()
    monkeypatch.setenv("EXPLORER_DATA", str(data / "another"))
    assert cookie_name() != name  # ports share a browser's cookies, and neither server takes the other's away
    assert not person_of({cookie_name(): word})


def test_the_secret_is_made_once_and_for_its_user_alone(data: Path) -> None:
    found: list[bytes] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        found.append(secret._make(data / secret.FILE))

    threads = [threading.Thread(target=make) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(set(found)) == 1 and secret_of(data) == found[0]
    assert stat.S_IMODE((data / secret.FILE).stat().st_mode) == 0o600
    assert [path.name for path in data.iterdir()] == [secret.FILE]
    (data / secret.FILE).unlink()  # somebody empties the data folder of a server that runs
    assert secret_of(data) == found[0] == (data / secret.FILE).read_bytes()
    (data / secret.FILE).write_bytes(b"half")
    assert secret_of(data) == (data / secret.FILE).read_bytes() != b"half"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_has_a_secret_for_a_while(data: Path) -> None:
    data.chmod(0o500)
    assert secret_of(data) == secret_of(data)


def test_a_word_is_given_below_a_base_path_for_that_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greeting, "served", lambda: Settings(base="/tools/vae"))
    client = browser()
    client.get("/tools/vae/train")
    (cookie,) = client.cookies.jar
    assert (cookie.name, cookie.path) == (cookie_name(), "/tools/vae")
    assert "set-cookie" not in browser().get("/tools/vae/a/b").headers


# Given slowly


def test_fifty_behind_one_address_get_words_at_once_and_a_flood_does_not() -> None:
    clients = [browser() for _ in range(50)]
    for client in clients:
        client.get("/")
    assert len({word_of(client) for client in clients}) == 50
    given = sum("set-cookie" in browser().get("/").headers for _ in range(150))
    assert given == greeting.AT_ONCE - 50  # who gets none is served all the same
    assert "set-cookie" in browser("192.0.2.2").get("/").headers
    assert "set-cookie" not in clients[0].get("/").headers


def test_buckets_fill_again_and_are_bounded() -> None:
    now = 0.0
    buckets = Buckets(3, 360, buckets=20, clock=lambda: now)
    assert [buckets.take("a") for _ in range(5)] == [True] * 3 + [False] * 2
    now = 10.0
    assert [buckets.take("a") for _ in range(2)] == [True, False]
    for number in range(1_000):
        buckets.take(str(number))
    assert len(buckets) <= 21 and not buckets.take("one more")  # newcomers to a full table share one
    now = 3_600.0
    assert buckets.take("and later") and len(buckets) <= 21


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "local"),
        (None, "local"),
        ("testclient", "testclient"),
    ],
)
def test_the_network_of_an_address(address: str | None, network: str) -> None:
    assert network_of(address) == network
    assert network not in network_mark(address) and network_mark(address) == network_mark(address)


# Old words


def exchange(word: str) -> str:
    client = browser()
    client.cookies.set(UNSIGNED_COOKIE, word)
    client.get("/")
    return word_of(client)


def test_an_old_word_is_exchanged_once_where_it_owns_something(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Jobs(Database(data)).submit(Config(), person=mark_of(OLD))
    invented = exchange("9" * 32)
    assert person_of({cookie_name(): invented}) not in ("", mark_of("9" * 32))  # somebody new
    word = exchange(OLD)
    assert person_of({cookie_name(): word}) == job.person
    assert exchange(OLD) == word  # two pages opened together
    monkeypatch.setattr(old_words, "TOGETHER_SECONDS", -1.0)
    assert person_of({cookie_name(): exchange(OLD)}) not in ("", job.person)  # one that lay in an old copy


@pytest.mark.parametrize("thing", ["table", "model"])
def test_an_old_word_is_exchanged_for_any_thing_that_is_kept(data: Path, thing: str) -> None:
    if thing == "table":
        (data / "tables").mkdir()
        (data / "tables" / f"{OLD}-0011-360.json").write_text("{}")
        hide_words(data / "tables")
        hide_words(data / "tables")  # not once more
        assert [path.name for path in (data / "tables").iterdir()] == [f"{mark_of(OLD)}-0011-360~.json"]
    else:
        (data / "models" / "mine").mkdir(parents=True)
        (data / "models" / "mine" / "source.json").write_text(json.dumps({"by": mark_of(OLD)[:16]}))
    assert person_of({cookie_name(): exchange(OLD)}) == mark_of(OLD)


def test_no_word_is_given_while_it_is_not_known_whose_an_old_one_is(data: Path) -> None:
    (data / "jobs.sqlite").write_bytes(b"no database" * 500)
    assert exchange(OLD) == ""
    assert word_of(browser()) == "" and exchange("") != ""


# The rule


@pytest.mark.parametrize(
    ("owner", "person", "local", "may"),
    [
        ("a" * 32, "a" * 32, False, True),
        ("a" * 32, "b" * 32, False, False),
        ("a" * 32, "b" * 32, True, True),
        ("", "", False, False),  # nobody owns nothing
        ("", "b" * 32, False, False),
        ("", "", True, True),
        ("a" * 16, "a" * 32, False, True),  # as source.json had it
        ("a" * 8, "a" * 32, False, False),
    ],
)
def test_who_may_change_a_thing(owner: str, person: str, local: bool, may: bool) -> None:
    assert may_change(owner, person, local) == may
    assert (whose(owner, person) == "yours") == owns(owner, person)
    assert bool(whose(owner, person, "saved")) == bool(owner)
