"""Many at once: one visitor's long work and another's log p(x), alike questions, faults of the server's own."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from explorer.cancellation import check_cancelled
from explorer.inference.quadrature.lattice import fitted_lattice
from explorer.inference.quadrature.posterior import true_posterior
from explorer.serving.elbo_page import routes as anatomy_routes
from explorer.serving.http import asking
from explorer.serving.http.asking import answers
from explorer.serving.routes import routes
from explorer.serving.space import onnx_files
from explorer.serving.space.space import SPACES, Space, Spaces
from explorer.serving.space.state import BadState
from tests.helpers.loops import complete
from tests.helpers.spaces import save_digits

APART = onnx_files._apart  # other tests have it replaced


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    return SPACES.get(str(save_digits(tmp_path_factory.mktemp("models") / "digits", seed=3)))


def served(function: Any, **options: Any) -> Starlette:
    """Our routes, and a function of a test's own beside them."""
    return Starlette(routes=[Route("/own/{key}", answers(function, **options), methods=["POST"]), *routes()])


class Asked:
    """One request to an application from some address, as a server hands it over."""

    def __init__(self, app: Starlette, path: str, state: Any = None, *, address: str = "10.0.0.1") -> None:
        self.app, self.status, self.content = app, 0, b""
        self.left = asyncio.Event()  # set: the client goes away
        self._body = [{"type": "http.request", "body": b"" if state is None else json.dumps(state).encode()}]
        self._scope = {
            "type": "http", "method": "GET" if state is None else "POST", "path": path, "raw_path": path.encode(),
            "query_string": b"", "root_path": "", "headers": [], "client": (address, 1), "server": ("testserver", 80),
            "scheme": "http", "http_version": "1.1",
        }  # fmt: skip

    async def answer(self) -> Asked:
        async with asyncio.timeout(30):
            await self.app(self._scope, self._receive, self._send)
        return self

    async def _receive(self) -> dict[str, Any]:
        if self._body:
            return self._body.pop()
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.content += message.get("body", b"")


async def until(event: threading.Event) -> None:
    async with asyncio.timeout(20):
        while not event.is_set():
            await asyncio.sleep(0.002)


def test_another_ones_log_p_waits_for_none_of_six_long_questions(space: Space) -> None:
    let_go, begun = threading.Event(), threading.Event()

    def long(_: Space, __: Any) -> dict[str, Any]:
        begun.set()
        assert let_go.wait(20)
        return {}

    async def law() -> None:
        app = served(long, long=True)
        six = [asyncio.create_task(Asked(app, f"/own/{space.key}", i).answer()) for i in range(6)]
        await until(begun)
        try:
            other = "10.0.0.2"
            answer = await Asked(app, f"/explorer/evidence/{space.key}/7.bin", address=other).answer()
            assert answer.status == 200 and not any(task.done() for task in six)
            terms = {"image": 1, "mode": "gaussian", "u": [0.1, 0.2], "sigma": [0.3, 0.3]}
            answer = await Asked(app, f"/explorer/terms/{space.key}", terms, address=other).answer()
            assert answer.status == 200
        finally:
            let_go.set()
        assert [asked.status for asked in await asyncio.gather(*six)] == [200] * 6

    complete(law())


@pytest.mark.parametrize("options", [{}, {"heavy": True}, {"long": True}])
def test_a_class_that_asks_alike_is_answered_once(space: Space, options: dict[str, bool]) -> None:
    asked: list[Any] = []

    def slow(_: Space, state: Any) -> dict[str, Any]:
        asked.append(state)
        time.sleep(0.05)
        return {"x": state}

    async def law() -> None:
        app, state = served(slow, alike=True, **options), {"of": str(options)}
        people = [Asked(app, f"/own/{space.key}", state, address=f"10.0.0.{i}") for i in range(30)]
        answers = await asyncio.gather(*(person.answer() for person in people))
        assert {answer.content for answer in answers} == {json.dumps({"x": state}, separators=(",", ":")).encode()}
        assert (await Asked(app, f"/own/{space.key}", {"other": str(options)}).answer()).status == 200

    complete(law())
    assert len(asked) == 2


def test_a_fault_of_our_own_is_logged_and_not_called_a_state_without_an_answer(
    space: Space, caplog: pytest.LogCaptureFixture
) -> None:
    faults: dict[str, Exception] = {
        "bad": BadState("The state is bad."),
        "value": ValueError("invalid literal for int()"),
        "key": KeyError("x"),
        "matrix": torch.linalg.LinAlgError("singular"),
        "memory": RuntimeError("not enough memory: you tried to allocate 1 byte"),
    }

    def fails(_: Space, state: Any) -> dict[str, Any]:
        if state == "nan":
            return {"x": float("nan")}
        raise faults[state]

    expected = {
        "bad": (400, "The state is bad."),
        "value": (500, asking.FAULT),
        "key": (500, asking.FAULT),
        "matrix": (400, asking.NOT_FINITE),
        "memory": (500, asking.FAULT),
        "nan": (400, asking.NOT_FINITE),
    }
    for heavy in (False, True):
        with TestClient(served(fails, heavy=heavy)) as client:
            for state, (status, sentence) in expected.items():
                caplog.clear()
                with caplog.at_level(logging.WARNING, "explorer"):
                    answer = client.post(f"/own/{space.key}", json=state)
                assert (answer.status_code, answer.json()["error"]) == (status, sentence)
                assert bool(caplog.records) == (status == 500)


def test_what_a_client_left_is_stopped(space: Space) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def endless(_: Space, __: Any) -> dict[str, Any]:
        begun.set()
        try:
            while True:
                time.sleep(0.002)
                check_cancelled()
        finally:
            stopped.set()

    async def law() -> None:
        asked = Asked(served(endless, long=True), f"/own/{space.key}", 1)
        answer = asyncio.create_task(asked.answer())
        await until(begun)
        asked.left.set()
        await answer
        await until(stopped)

    complete(law())


def test_a_rough_lattice_gives_the_posteriors_of_an_exact_one(space: Space) -> None:
    model, latents = space.checkpoint.model, space.latents
    exact = fitted_lattice(model, latents.loc, most=2_000)
    rough = fitted_lattice(model, latents.loc, most=2_000, rough=True)
    assert rough.decoded.rough is not None and rough.bytes < 0.6 * exact.bytes
    for image in range(0, 60, 7):
        x = latents.observed(slice(image, image + 1))
        for some in (x, x * 0.5):  # binary, and not
            a, b = (true_posterior(model, some, lattice=lattice, tolerance=1e-3) for lattice in (exact, rough))
            assert abs(a.log_evidence - b.log_evidence) < 1e-4
            torch.testing.assert_close(a.mean, b.mean, atol=1e-4, rtol=0)


def test_models_of_one_data_set_share_its_images(tmp_path: Path) -> None:
    spaces = Spaces()
    one, two = (spaces.get(str(save_digits(tmp_path / str(seed), seed=seed))) for seed in (11, 12))
    assert one.latents.images is two.latents.images and one.latents.x is two.latents.x
    assert one.key != two.key and one.data_key == two.data_key
    assert 0 < one.bytes < 2_000_000


def test_an_encoder_is_exported_by_another_process_and_kept(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    apart: list[str] = []

    class Popen:
        returncode = 0

        def __init__(self, command: list[str], **_: Any) -> None:
            apart.append(command[2])
            assert onnx_files._main(*command[3:]) == 0

        def wait(self, _: float) -> None:
            pass

        def poll(self) -> int:
            return 0

    monkeypatch.setattr(onnx_files, "_apart", APART)
    monkeypatch.setattr(onnx_files.subprocess, "Popen", Popen)
    monkeypatch.setattr(onnx_files, "encoder_onnx", lambda model: b"an encoder")
    assert onnx_files.exported(space.checkpoint, "encoder", "k") == b"an encoder"
    assert onnx_files.exported(space.checkpoint, "encoder", "k") == b"an encoder"
    assert apart == ["explorer.serving.space.onnx_files"]
    assert onnx_files._main(str(space.checkpoint.folder), "encoder", "other", str(tmp_path / "out")) == 1


def test_the_evidence_of_an_image_that_is_known_takes_no_turn(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    with TestClient(Starlette(routes=routes())) as client:
        address = f"/explorer/evidence/{space.key}/3.bin"
        first = client.get(address)
        monkeypatch.setattr(anatomy_routes, "heavily", None)
        assert client.get(address).content == first.content
