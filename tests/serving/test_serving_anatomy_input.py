"""The routes of the anatomy of an ELBO: a sentence for every bad request, and bounds on what is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from starlette.applications import Starlette
from starlette.testclient import TestClient

from explorer.serving.elbo_page import best
from explorer.serving.elbo_page import routes as anatomy_routes
from explorer.serving.http.kept import Kept
from explorer.serving.routes import routes
from explorer.serving.space import posteriors
from explorer.serving.space.space import Space
from explorer.serving.space.state import NotFiniteError
from tests.helpers.anatomy_space import AT, evidence_of, opened, pixels, post

POSTED = ("evidence", "best", "gradient", "kl", "encode")


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    return opened(tmp_path_factory.mktemp("anatomy") / "two", 12.0)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes())) as client:
        yield client


GOOD = pixels(np.zeros(64))
BAD: list[Any] = [
    None, [], 3, "x", True, {},
    *({"image": value} for value in (None, "3", 1.0, True, -1, 10**9, 10**400, [0], {})),
    *({"pixels": value} for value in ("", "AAAA", "!" * 88, "é" * 88, GOOD + "\n", GOOD.rstrip("="))),
    *({"pixels": value} for value in (7, [0] * 64, {}, True)),
    *({"pixels": pixels(values)} for values in (np.zeros(65), np.full(64, 2), np.full(64, 255))),
]  # fmt: skip
BAD_PLACES: list[dict[str, Any]] = [
    {}, {"u": [0, 0]}, {"sigma": [1, 1]},
    *({**AT, "u": value} for value in (None, [math.nan, 0], [math.inf, 0], ["0", 0], [1e4, 0], [0, 0, 0], [[0], 0])),
    *({**AT, "sigma": value} for value in ([0, 0], [-1, 1], [1e9, 1], [101, 1], [math.nan, 1], [10**400, 1])),
    {**AT, "sigma": [True, True]},
]  # fmt: skip


def assert_sentence(answer: Any, status: int) -> None:
    assert answer.status_code == status, answer.content[:200]
    sentence = answer.json()["error"] if answer.headers["Content-Type"].startswith("application/json") else answer.text
    assert sentence.endswith(".") and 20 < len(sentence) < 200
    assert "Error" not in sentence and "Traceback" not in answer.text


@pytest.mark.parametrize("name", POSTED)
def test_an_image_that_is_none_is_answered_with_a_sentence(client: TestClient, space: Space, name: str) -> None:
    for state in BAD:
        body = {**state, **AT} if isinstance(state, dict) else state
        answer = client.post(f"/explorer/{name}/{space.key}", content=json.dumps(body))
        assert_sentence(answer, 400)
    for content in (b"", b"{", b"\xff", b"[" * 100_000, b'{"image": 1,}', b"NaN"):
        assert_sentence(client.post(f"/explorer/{name}/{space.key}", content=content), 400)
    address = f"/explorer/{name}/{space.key}"
    assert_sentence(client.post(f"/explorer/{name}/{'0' * 16}", json={"image": 0, **AT}), 404)
    assert client.get(address).status_code in (404, 405)


@pytest.mark.parametrize("name", ["gradient", "kl"])
def test_a_place_that_is_none_is_answered_with_a_sentence(client: TestClient, space: Space, name: str) -> None:
    for place in BAD_PLACES:
        answer = client.post(f"/explorer/{name}/{space.key}", content=json.dumps({"image": 1, **place}))
        assert_sentence(answer, 400)


@pytest.mark.parametrize("number", ["-1", "360", "01", "1.0", "²", "٣", "x", "9" * 5_000, "1e2", "%2e%2e", "999999999"])
def test_an_image_of_no_number_is_not_weighed(client: TestClient, space: Space, number: str) -> None:
    count = len(space.latents)
    number = str(count) if number == "360" else number
    assert_sentence(client.get(f"/explorer/evidence/{space.key}/{number}.bin"), 404)


def test_unknown_keys_and_other_methods(client: TestClient, space: Space) -> None:
    for address in ("evidence/{}/0.bin", "units/{}.json", "gaps/{}.bin"):
        assert_sentence(client.get("/explorer/" + address.format("f" * 16)), 404)
        for method in ("POST", "PUT", "DELETE"):
            assert client.request(method, "/explorer/" + address.format(space.key)).status_code in (404, 405)


@pytest.mark.parametrize("fault", [NotFiniteError("The answer is not finite."),
                                   torch.linalg.LinAlgError("the input is not positive-definite")])  # fmt: skip
def test_numbers_that_are_none_are_a_sentence_and_not_kept(
    client: TestClient, space: Space, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise fault

    for name in ("pack_evidence", "pack_units"):
        monkeypatch.setattr(anatomy_routes, name, fails)
    for name in ("_EVIDENCE", "_UNITS"):
        monkeypatch.setattr(anatomy_routes, name, Kept(2))
    address = f"/explorer/evidence/{space.key}/60.bin"
    assert_sentence(client.get(address), 422)
    assert_sentence(client.post(f"/explorer/evidence/{space.key}", json={"image": 60}), 400)
    if isinstance(fault, NotFiniteError):  # no matrix is inverted there
        assert_sentence(client.get(f"/explorer/units/{space.key}.json"), 422)
    monkeypatch.undo()
    assert client.get(address).status_code == 200


def test_what_is_kept_is_bounded(client: TestClient, space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    for room, name in ((anatomy_routes, "_EVIDENCE"), (posteriors, "_POSTERIORS"), (best, "_BEST")):
        assert 0 < getattr(room, name).limit <= 1_024
        monkeypatch.setattr(room, name, Kept(3))
    for i in range(5):
        values = np.zeros(64)
        values[: 6 * i] = 1
        post(client, space, "evidence", {"pixels": pixels(values)})
        post(client, space, "best", {"pixels": pixels(values)})
        evidence_of(client, space, 20 + i)
    assert len(anatomy_routes._EVIDENCE) == len(posteriors._POSTERIORS) == len(best._BEST) == 3
