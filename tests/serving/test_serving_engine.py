"""The server's engine over its WebSocket: torch's numbers, and a sentence for whatever it cannot answer."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from explorer.cancellation import check_cancelled
from explorer.serving.routes import routes
from explorer.serving.space import engine
from explorer.serving.space.space import SPACES, Space
from tests.helpers.spaces import save_digits, save_pictures

D = 64


@pytest.fixture(scope="module", params=[2, 5])
def space(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Space:
    return SPACES.get(str(save_digits(tmp_path_factory.mktemp("models") / "digits", latent=request.param)))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes())) as client:
        yield client


def ask(z: torch.Tensor, x: torch.Tensor, images: int, number: int = 7) -> bytes:
    """A message as engines.mjs writes it."""
    header = struct.pack("<5I", number, z.shape[0], z.shape[1], x.numel(), images)
    return header + z.numpy().astype("<f4").tobytes() + x.numpy().astype("<f4").tobytes()


def read(answer: bytes) -> tuple[int, np.ndarray, np.ndarray]:
    """An answer as engines.mjs reads it."""
    number, k, pixels, images = struct.unpack_from("<4I", answer)
    assert len(answer) == 16 + 4 * (images * pixels + k)
    mean = np.frombuffer(answer, "<f4", images * pixels, 16).reshape(images, pixels)
    return number, mean, np.frombuffer(answer, "<f4", k, 16 + 4 * images * pixels)


def question(space: Space, k: int, images: int) -> tuple[torch.Tensor, torch.Tensor, bytes]:
    z = torch.randn(k, space.latent, generator=torch.Generator().manual_seed(k))
    x = space.latents.x[3].float().flatten()
    return z, x, ask(z, x, images)


@pytest.mark.parametrize(("k", "images"), [(1, 1), (1, 0), (65, 1), (400, 400), (engine.MAX_LATENTS, 3)])
def test_answers_are_torchs(client: TestClient, space: Space, k: int, images: int) -> None:
    z, x, message = question(space, k, images)
    with client.websocket_connect(f"/explorer/engine/{space.key}") as socket:
        socket.send_bytes(message)
        number, mean, log_likelihood = read(socket.receive_bytes())
    likelihood = space.checkpoint.model.likelihood(z)
    assert number == 7 and mean.shape == (images, D)
    np.testing.assert_allclose(mean, likelihood.mean.flatten(1)[:images], atol=1e-6)
    np.testing.assert_allclose(log_likelihood, likelihood.log_prob(x.view(1, 1, 8, 8)), atol=1e-3)


@pytest.mark.parametrize("likelihood", ["continuous-bernoulli", "gaussian", "discretised-logistic"])
def test_answers_of_every_likelihood_are_torchs(tmp_path: Path, likelihood: str) -> None:
    space = SPACES.get(str(save_pictures(tmp_path / "m", (3, 16, 8), likelihood, network="conv", hidden=(4, 6, 8))))
    z = torch.randn(70, 2, generator=torch.Generator().manual_seed(0))
    x = space.latents.observed(slice(5, 6))
    _, mean, log_likelihood = read(engine.answer(space, ask(z, x.flatten(), 70)))
    p = space.checkpoint.model.likelihood(z)
    np.testing.assert_allclose(mean, p.mean.flatten(1), atol=0.1 / 255 if "logistic" in likelihood else 1e-6)
    np.testing.assert_allclose(log_likelihood, p.log_prob(x), rtol=3e-7, atol=1e-3)


def test_what_is_decoded_in_parts_is_what_is_decoded_at_once(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    message = question(space, 50, 21)[2]
    _, mean, log_likelihood = read(engine.answer(space, message))
    monkeypatch.setattr(engine, "AT_ONCE", 7 * D)
    _, parts, parts_likelihood = read(engine.answer(space, message))
    np.testing.assert_allclose(parts, mean, atol=1e-6)
    np.testing.assert_allclose(parts_likelihood, log_likelihood, atol=1e-4)


def test_more_pixels_than_an_answer_holds_are_refused(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_VALUES", 10 * D)
    engine.answer(space, question(space, 20, 10)[2])
    with pytest.raises(ValueError, match="At most 10 images"):
        engine.answer(space, question(space, 20, 11)[2])


def malformed(space: Space) -> dict[str, bytes | str]:
    z, x, good = question(space, 4, 1)
    d, huge = space.latent, 0xFFFFFFFF
    body, pack = good[20:], struct.Struct("<5I").pack
    nan, infinite = z.clone(), x.clone()
    nan[2, 1], infinite[5] = float("nan"), float("inf")
    return {
        "text": "hello",
        "JSON": '{"z": [0, 0]}',
        "empty text": "",
        "nothing": b"",
        "half a header": good[:13],
        "header alone": good[:20],
        "short": good[:-1],
        "long": good + b"\0\0\0\0",
        "no latents": pack(1, 0, d, D, 0) + body[-4 * D :],
        "huge k": pack(1, huge, d, D, 1) + body,
        "k too large": pack(1, 4_097, d, D, 1) + bytes(4 * (4_097 * d + D)),
        "more images than latents": pack(1, 4, d, D, 5) + body,
        "huge images": pack(1, 4, d, D, huge) + body,
        "another latent size": pack(1, 4, d + 1, D, 1) + body,
        "another image size": pack(1, 4, d, D + 1, 1) + body,
        "huge sizes": pack(huge, huge, huge, huge, huge) + body,
        "big-endian": struct.pack(">5I", 1, 4, d, D, 1) + body,
        "NaN": ask(nan, x, 1),
        "infinity": ask(z, infinite, 1),
        "a megabyte": b"x" * (1 << 20),
    }


def test_what_cannot_be_answered_gets_a_sentence_and_the_socket_stays(client: TestClient, space: Space) -> None:
    good = question(space, 4, 1)[2]
    with client.websocket_connect(f"/explorer/engine/{space.key}") as socket:
        for name, message in malformed(space).items():
            socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message)
            sentence = socket.receive_text()
            assert sentence.endswith(".") and "Error" not in sentence, name
            socket.send_bytes(good)
            assert read(socket.receive_bytes())[0] == 7, name


def test_answers_keep_the_order_and_the_names_of_their_questions(client: TestClient, space: Space) -> None:
    z, x, _ = question(space, 30, 1)
    with client.websocket_connect(f"/explorer/engine/{space.key}") as socket:
        for number in range(20):
            socket.send_bytes(ask(z, x, 1, number))
        assert [read(socket.receive_bytes())[0] for _ in range(20)] == list(range(20))


@pytest.mark.parametrize("key", ["0" * 16, "nothing", "..%2f..", "²"])
def test_an_unknown_key_is_closed(client: TestClient, key: str) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"/explorer/engine/{key}"):
        pass


def test_a_class_s_slow_messages_are_said_to_wait_and_the_oldest_of_too_many_gives_way(
    client: TestClient, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "STILL_SECONDS", 0.02)
    monkeypatch.setattr(engine, "MOST_UNANSWERED", 2)
    begun, go, own = threading.Event(), threading.Event(), engine.answer

    def slow(space: Space, message: bytes) -> bytes:
        begun.set()
        assert go.wait(20)
        return own(space, message)

    monkeypatch.setattr(engine, "answer", slow)
    z, x, _ = question(space, 3, 1)
    with client.websocket_connect(f"/explorer/engine/{space.key}") as socket:
        socket.send_bytes(ask(z, x, 1, number=1))
        assert begun.wait(20)
        assert struct.unpack("<2I", socket.receive_bytes()) == (1, engine.WAITS)
        for number in (2, 3, 4):
            socket.send_bytes(ask(z, x, 1, number=number))
        words = set()
        while (2, engine.OVERTAKEN) not in words:
            words.add(struct.unpack("<2I", socket.receive_bytes()))
        assert words <= {(1, engine.WAITS), (2, engine.OVERTAKEN)}
        go.set()
        answered: list[bytes] = []
        while len(answered) < 3:
            content = socket.receive_bytes()
            answered += [content] if len(content) > 8 else []
        assert [read(content)[0] for content in answered] == [1, 3, 4]


def test_what_is_computed_for_a_page_that_went_away_is_stopped(
    client: TestClient, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def endless(*_: object) -> bytes:
        begun.set()
        try:
            while True:
                time.sleep(0.002)
                check_cancelled()
        finally:
            stopped.set()

    monkeypatch.setattr(engine, "answer", endless)
    with client.websocket_connect(f"/explorer/engine/{space.key}") as socket:
        socket.send_bytes(question(space, 3, 1)[2])
        assert begun.wait(20)
    assert stopped.wait(20)
