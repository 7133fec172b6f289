"""Owners and shares of what visits leave behind: files tell no word, invented words fill nothing, a class fits."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.datasets import pictures
from explorer.files.owners import mark_of
from explorer.jobs import Database, Jobs, jobs_file
from explorer.jobs.maps.table import Fits
from explorer.jobs.shares import Share
from explorer.projection import UmapSettings
from explorer.serving.headers import Headers
from explorer.serving.latents_page.tables import store as table_store
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import Space
from explorer.serving.visitors.person import UNSIGNED_COOKIE, cookie_name, network_mark, person_of
from explorer.transfer import from_folder, owners_of_models
from tests.helpers.people import come_as, mark
from tests.helpers.picture_files import noise
from tests.helpers.places import FIXTURES
from tests.serving.latents.asking import post

EARLIEST = FIXTURES / "data_folder_1"
OLD = "a" * 32  # the word in it


def config_of(seed: int = 0) -> Config:
    return Config(ModelConfig((1, 8, 8), 2, hidden=(16,)), TrainingConfig("digits", seed=seed))


def holding(folder: Path, *texts: str) -> list[str]:
    """The files that hold one of these texts, in their content or their name."""
    found = []
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if any(text.encode() in content or text in path.name for text in texts):
            found.append(path.name)
    return found


async def page(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"<html>"})


def tables_in(data: Path) -> list[Path]:
    return [*(data / "tables").glob("*.json")]


@pytest.fixture
def client(client: TestClient) -> TestClient:
    """The same for all tests of these routes: as somebody who has no cookies yet."""
    client.cookies.clear()
    return client


def test_no_file_of_a_visit_holds_the_word(client: TestClient, space: Space, folder: Path, data: Path) -> None:
    browser = TestClient(Headers(page))
    browser.get("/")
    word = browser.cookies[cookie_name()]
    client.cookies.set(cookie_name(), word)
    me = person_of(client.cookies)
    post(client, space, "table", {"csv": "index,score\n7,1\n"})
    asked = post(client, space, "maps", {"action": "fit", "settings": {"neighbours": 9}})
    job = Jobs(Database(data)).submit(config_of(), person=me, network=network_mark("testclient"))
    from_folder(folder, "brought", by=me)
    reading = pictures.read_pictures(
        pictures.read_files([(f"{n}.png", io.BytesIO(noise(n))) for n in range(20)]), 28, 1
    )
    pictures.save_pictures("mine", reading, pictures.no_labels(20), owner=me)
    owners = {owners_of_models()["brought"], pictures.pictures_owner("mine"), job.person}
    assert owners == {Fits(Database(data)).get(asked["id"]).person} == {me}  # type: ignore[union-attr]
    identity, _, signature = word.partition(".")
    assert len(holding(data, me)) >= 4 and holding(data, identity, signature, "testclient") == []


def test_an_earlier_folder_loses_its_words_and_its_people_nothing(data: Path) -> None:
    shutil.copytree(EARLIEST, data, dirs_exist_ok=True)
    assert len(holding(data, OLD)) == 2
    with closing(sqlite3.connect(jobs_file(data))) as table:
        table.execute("INSERT INTO servers (pid, beat) VALUES (1, 1.0)")
        table.execute("UPDATE jobs SET message = ? WHERE name = 'held'", (OLD * 100,))
        table.commit()
        table.execute("UPDATE jobs SET message = NULL")  # what was changed or deleted lies about in the file
        table.commit()
    jobs = Jobs(Database(data))
    before = {job.name: job.person for job in jobs.all()}
    assert holding(data, OLD) == [] and mark_of(OLD) in before.values() and table_store.has_tables(mark_of(OLD))
    browser = TestClient(Headers(page), cookies={UNSIGNED_COOKIE: OLD})
    assert person_of(browser.cookies) == ""  # no proof any more
    browser.get("/")
    assert person_of(browser.cookies) == mark_of(OLD)
    jobs = Jobs(Database(data))
    assert {job.name: job.person for job in jobs.all()} == before and holding(data, OLD) == []


def test_a_class_behind_one_address_finds_room_for_all(client: TestClient, space: Space, data: Path) -> None:
    jobs, fits = Jobs(Database(data)), Fits(Database(data))
    for number in range(50):
        come_as(client, f"pupil {number}")
        found = post(client, space, "table", {"csv": f"index,score\n7,{number}\n"})
        assert len(found["remarks"]) == 1  # that others have no value
        whose = {"person": mark(f"pupil {number}"), "network": network_mark("192.0.2.1")}
        jobs.submit(config_of(number), **whose)
        at = {"model": "x", "checkpoint": data, "weights": ""}
        codes, labels = space.latents.loc[:20], space.latents.labels[:20]
        fits.submit(f"{number:016x}", codes, labels, labels, UmapSettings(seed=number), **at, **whose)
    assert len(jobs.all()) == len(fits.all()) == len(tables_in(data)) == 50
    come_as(client, "pupil 0")
    assert client.get(describe(space)["table"]).json()["columns"][0]["values"][7] == 0


def test_invented_words_own_and_fill_nothing(client: TestClient, space: Space, data: Path) -> None:
    come_as(client, "me")
    post(client, space, "table", {"csv": "index,score\n7,1\n"})
    kept = tables_in(data)
    client.cookies.clear()
    for number in range(80):
        name = cookie_name() if number % 2 else UNSIGNED_COOKIE
        client.cookies.set(name, f"{number:032x}" + (f".{number:032x}" if number % 4 > 1 else ""))
        assert "no cookies" in post(client, space, "table", {"csv": "index,score\n7,1\n"})["remarks"][-1]
    assert tables_in(data) == kept
    asked = 0
    for number in range(20):
        client.cookies.clear()
        client.cookies.set(UNSIGNED_COOKIE, f"{number:032x}")
        order = {"action": "fit", "settings": {"neighbours": 10 + number}}
        answer = client.post(describe(space)["maps"], json=order)
        asked += answer.status_code == 200
    assert asked == 3  # as of one person
    come_as(client, "me")
    assert post(client, space, "maps", {"action": "fit", "settings": {"neighbours": 40}})["own"]


# Shares


@pytest.mark.parametrize("share", [Share(4, 100, 200), Share(3, 80, 160), Share(12, 200, 400)])
def test_a_network_takes_half_at_most_and_one_persons_share_shrinks(share: Share) -> None:
    there: list[tuple[str, str]] = []

    def put(person: str, network: str) -> bool:
        full = share.full(person, network, there)
        there.extend([] if full else [(person, network)])
        return not full

    assert [put("greedy", "a") for _ in range(share.of_one + 1)] == [True] * share.of_one + [False]
    for person in range(500):  # as many as they can, first come, first served
        for _ in range(share.of_one):
            put(str(person), "a")
    assert len(there) == share.of_network
    assert len({person for person, _ in there}) >= 50
    assert all(put(f"elsewhere {person}", "b") for person in range(50))
    assert share.full("", "a", [("", "a")] * share.of_one) and not share.full("", "b", [("", "a")] * share.of_one)


def test_a_young_table_is_not_pushed_out_and_a_full_store_says_so(
    client: TestClient, space: Space, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_store, "SHARE", Share(of_one=2, of_network=9, of_all=4))

    def bring(name: str) -> str:
        come_as(client, name)
        return post(client, space, "table", {"csv": "index,score\n7,1\n"})["remarks"][-1]

    for name in "abcd":
        assert "keeps" not in bring(name)
    assert "as many tables as it can" in bring("e")
    come_as(client, "a")
    assert client.get(describe(space)["table"]).json()["columns"] and len(tables_in(data)) == 4
    assert "keeps" not in bring("a")  # in the place of one's own
    (oldest,) = (data / "tables").glob(f"{mark('b')}-*")
    os.utime(oldest, (time.time() - 2 * table_store.SAFE_SECONDS,) * 2)
    assert "keeps" not in bring("e") and len(tables_in(data)) == 4 and not oldest.exists()


def test_ones_own_oldest_table_makes_room(client: TestClient, space: Space, data: Path) -> None:
    come_as(client, "me")
    (data / "tables").mkdir()
    for number in range(table_store.SHARE.of_one):
        path = data / "tables" / f"{mark('me')}-{number:04}-9~{network_mark('testclient')}.json"
        path.write_text("{}")
        os.utime(path, (time.time() - 100 + number,) * 2)
    post(client, space, "table", {"csv": "index,score\n7,1\n"})
    assert len(tables_in(data)) == table_store.SHARE.of_one and not [*(data / "tables").glob("*-0000-9~*")]
    assert [*(data / "tables").glob("*-0001-9~*")]


def test_a_full_store_costs_nobody_a_table(
    client: TestClient, space: Space, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_store, "SHARE", Share(of_one=1, of_network=9, of_all=9))
    come_as(client, "me")
    (data / "tables").mkdir()
    path = data / "tables" / f"{mark('me')}-other-9~{network_mark('testclient')}.json"
    path.write_text("{}")
    monkeypatch.setattr(table_store, "MOST_BYTES", 3)
    assert "as many tables" in post(client, space, "table", {"csv": "index,score\n7,1\n"})["remarks"][-1]
    assert tables_in(data) == [path]


def test_a_table_too_large_for_the_store_is_not_kept(
    client: TestClient, space: Space, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_store, "MOST_NETWORK_BYTES", 3_000)
    come_as(client, "me")
    said = [post(client, space, "table", {"csv": "index,score\n7,1\n"})["remarks"][-1] for _ in range(2)]
    assert not any("keeps" in text for text in said)  # it takes the place of the one before
    come_as(client, "you")
    assert "keeps" in post(client, space, "table", {"csv": "index,score\n7,1\n"})["remarks"][-1]
    assert len(tables_in(data)) == 1


def test_a_table_follows_its_person_to_another_network(client: TestClient, space: Space, data: Path) -> None:
    elsewhere = TestClient(client.app, client=("192.0.2.9", 1))
    for at, (visitor, score) in enumerate(((client, 1), (elsewhere, 2), (client, 3))):
        come_as(visitor, "me")
        post(visitor, space, "table", {"csv": f"index,score\n7,{score}\n"})
        for other in (client, elsewhere):
            come_as(other, "me")
            assert other.get(describe(space)["table"]).json()["columns"][0]["values"][7] == score, at
    assert len(tables_in(data)) == 1
