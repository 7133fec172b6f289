"""Our routes over HTTP: what may be kept for ever, what is refused, and that nobody breaks them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from explorer.frontend.files import static_key
from explorer.serving import routes as served
from explorer.serving.http.pack import pack_images, pack_latents, pack_points, pack_rule, sheets
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import SPACES, Space
from explorer.serving.space.terms import evaluate_state
from tests.helpers.spaces import save_digits

FOREVER = "public, max-age=31536000, immutable"
STATE = {"image": 3, "mode": "gaussian", "u": [0.1, -0.2], "sigma": [0.3, 0.4]}


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    return SPACES.get(str(save_digits(tmp_path_factory.mktemp("models") / "digits")))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=served.routes())) as client:
        yield client


def test_every_address_of_the_manifest_answers_for_ever(client: TestClient, space: Space) -> None:
    manifest, last = describe(space), sheets(space) - 1
    expected = {
        manifest["codes"]: pack_points(space),
        **{manifest["rules"][name]["url"]: pack_rule(rule) for name, rule in space.rules.items()},
        f"{manifest['sheet']['latents']}{last}.bin": pack_latents(space, last),
        f"{manifest['sheet']['images']}{last}.bin": pack_images(space, last),
        manifest["decoder"]: None,
        manifest["style"]: None,
        manifest["entry"]: None,
        manifest["plotly"]: None,
        **dict.fromkeys(manifest["runtime"].values()),
    }
    types = {"mjs": "text/javascript", "js": "text/javascript", "css": "text/css", "wasm": "application/wasm"}
    for address, content in expected.items():
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["Cache-Control"] == FOREVER
        kind = types.get(address.rpartition(".")[2], "application/octet-stream")
        assert answer.headers["Content-Type"].partition(";")[0] == kind
        assert content is None or answer.content == content  # after its gzip is taken off
    assert client.get(manifest["codes"]).headers.get("Content-Encoding") == "gzip"
    assert int(client.head(manifest["codes"]).headers["Content-Length"]) < len(pack_points(space))


@pytest.mark.parametrize("name", [
    "nothing", "config.json", "model.safetensors", "latents-1000000.bin", "latents-.bin", "latents--1.bin", "latents-0",
    "latents-00.bin", "latents-²bin", "latents-².bin", "latents-٠.bin", "points.bin.bin", "x" * 5_000,
    "latents-" + "9" * 5_000 + ".bin", "..%2f..%2fconfig.json", "%2e%2e/%2e%2e/config.json", "points.bin%00", "a/b",
])  # fmt: skip
def test_an_unknown_name_is_answered_with_a_sentence(client: TestClient, space: Space, name: str) -> None:
    for address in (f"/explorer/model/{space.key}/{name}", f"/explorer/images/{space.data_key}/{name}",
                    f"/explorer/static/{static_key()}/{name}", f"/explorer/{name}"):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 404 and answer.text.endswith(".") and len(answer.text) < 120
        assert "Cache-Control" not in answer.headers


@pytest.mark.parametrize("sheet", ["-1", "00", "9" * 5_000, "1.5", "٠", "1000", ""])
def test_an_unknown_sheet_is_answered_with_a_sentence(client: TestClient, space: Space, sheet: str) -> None:
    assert client.get(f"/explorer/images/{space.data_key}/{sheet}.bin").status_code == 404


def test_unknown_keys_are_answered_and_forgotten(client: TestClient, tmp_path: Path) -> None:
    kept = len(served._ASSETS), len(served._IMAGES)
    for i in range(50):
        for address in (f"model/{i:016x}/points.bin", f"images/{i:016x}/0.bin", f"static/{i:016x}/style/style.css"):
            answer = client.get(f"/explorer/{address}")
            assert answer.status_code == 404 and "reload the page" in answer.text
        assert client.post(f"/explorer/terms/{i:016x}", json=STATE).status_code == 404
    assert (len(served._ASSETS), len(served._IMAGES)) == kept


def test_a_key_that_was_unknown_is_served_once_its_model_is_open(client: TestClient, tmp_path: Path) -> None:
    """A page kept open over a restart asks before anybody has opened its model again."""
    folder = save_digits(tmp_path / "later", seed=5)
    key = served.SPACES.__class__().get(str(folder)).key  # another server's
    address = f"/explorer/model/{key}/points.bin"
    assert client.get(address).status_code == 404
    SPACES.get(str(folder))
    assert client.get(address).status_code == 200


def test_terms_are_torchs(client: TestClient, space: Space) -> None:
    answer = client.post(f"/explorer/terms/{space.key}", json=STATE)
    assert answer.status_code == 200 and answer.json() == evaluate_state(space, STATE)


@pytest.mark.parametrize("body", [
    b"", b"{", b"\xff\xfe", b"nonsense", b"[" * 4_000, b'{"a":' * 800, b"1" * 4_090, b"null", b"[]", b'"x"',
    json.dumps({**STATE, "u": [float("nan"), 0]}).encode(), json.dumps({**STATE, "u": [10**400, 0]}).encode(),
    json.dumps({**STATE, "image": 10**400}).encode(), json.dumps({**STATE, "mode": "?"}).encode(),
])  # fmt: skip
def test_a_bad_state_is_answered_with_a_sentence(client: TestClient, space: Space, body: bytes) -> None:
    answer = client.post(f"/explorer/terms/{space.key}", content=body)
    assert answer.status_code == 400
    sentence = answer.json()["error"]
    assert sentence.endswith(".") and "Error" not in sentence and "line 1" not in sentence


def test_other_methods_are_refused(client: TestClient, space: Space) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, f"/explorer/model/{space.key}/points.bin").status_code == 405
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        assert client.request(method, f"/explorer/terms/{space.key}").status_code in (404, 405)


def test_a_decoder_of_other_weights_beside_a_checkpoint_is_not_served(client: TestClient, tmp_path: Path) -> None:
    from explorer.checkpoint.programs import export_decoder
    from explorer.checkpoint.signature import fingerprint

    mine, other = SPACES.get(str(save_digits(tmp_path / "mine", seed=8))), save_digits(tmp_path / "other", seed=9)
    export_decoder(SPACES.get(str(other)).checkpoint.model, mine.checkpoint.folder)  # another model's, in my folder
    served_bytes = client.get(describe(mine)["decoder"]).content
    assert fingerprint(mine.checkpoint.model, "decoder").encode() in served_bytes
    export_decoder(mine.checkpoint.model, mine.checkpoint.folder)
    assert mine.decoder_bytes() == (mine.checkpoint.folder / "decoder.onnx").read_bytes()


def test_a_slow_export_is_made_once_for_a_whole_class(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, made = SPACES.get(str(save_digits(tmp_path / "classroom", seed=6))), []

    def export(space: Space) -> bytes:
        made.append(space)
        threading.Event().wait(0.3)
        return b"onnx" * 1_000

    monkeypatch.setattr(Space, "decoder_bytes", export)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.get(describe(mine)["decoder"]).content, range(20)))
    assert made == [mine] and set(answers) == {b"onnx" * 1_000}
