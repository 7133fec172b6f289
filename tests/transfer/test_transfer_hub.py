"""Models of the Hugging Face Hub, against a small one on this machine: pinned, bounded, and refused in sentences."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from explorer.transfer import Brought, TransferError, hub, kept_names, source_of
from explorer.transfer.hub import from_hub, read_reference
from explorer.transfer.own_models import incoming_folder
from tests.helpers.fake_hub import COMMIT, REPOSITORY, FakeHub, fake_hub
from tests.helpers.strangers import with_config

pytestmark = [
    pytest.mark.skipif(find_spec("huggingface_hub") is None, reason="huggingface_hub is not installed"),
    pytest.mark.usefixtures("data"),
]


def bring(server: FakeHub, revision: str = COMMIT, **options: Any) -> Brought:
    return from_hub(REPOSITORY, revision, endpoint=server.endpoint, **{"timeout": 2.0, "grace": 1.0, **options})


def refused(server: FakeHub, revision: str = COMMIT, **options: Any) -> str:
    """The sentence; nothing is left behind."""
    with pytest.raises(TransferError) as error:
        bring(server, revision, **options)
    message = str(error.value)
    assert not kept_names() and not list(incoming_folder().glob("*"))
    assert message.endswith(".") and "\n" not in message and "http" not in message and len(message) < 400
    return message


@pytest.mark.parametrize("mode", ["", "redirect"])
@pytest.mark.parametrize("revision", [COMMIT, "main", "refs/pr/3"])
def test_a_model_is_fetched_at_a_commit_that_is_written_down(files, mode: str, revision: str) -> None:
    more = {"pytorch_model.bin": b"pickle", "training.safetensors": b"x", "decoder.onnx": b"evil", "sub/x": b""}
    with fake_hub({**files, **more}, mode=mode) as server:
        shares: list[float] = []
        brought = bring(server, revision, progress=shares.append)
    assert brought.name == "name" and shares[-1] == 1.0
    assert {path.name for path in brought.folder.iterdir()} == {*files, "source.json"} - {"metrics.jsonl"}
    assert (brought.folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    source = source_of(brought.folder)
    assert (source["repository"], source["revision"], source["asked"]) == (REPOSITORY, COMMIT, revision)
    asked = [path for _, path, _ in server.seen]
    assert "torch" not in server.seen[0][2]["user-agent"]
    assert sum(path.startswith("/api/") for path in asked) == 1
    assert all(f"/resolve/{COMMIT}/" in path for path in asked[1:])  # never the branch, which may move meanwhile
    assert not any(name in path for path in asked for name in more)
    assert not any("authorization" in headers for _, _, headers in server.seen)


def test_a_token_is_sent_only_where_it_may_be(files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with fake_hub(files) as server:
        bring(server, name="without")
        assert not any("authorization" in headers for _, _, headers in server.seen)
        said = bring(server, name="with", with_token=True).notices
        assert server.seen[-1][2]["authorization"] == "Bearer hf_secret" and "token" in said[0]


def test_a_repository_of_pickles_alone_is_refused_and_none_is_fetched(files) -> None:
    with fake_hub({"config.json": files["config.json"], "pytorch_model.bin": b"x"}) as server:
        said = refused(server)
        assert "pytorch_model.bin" in said and "pickle" in said and len(server.seen) == 1


def test_a_repository_without_a_model_is_refused(files) -> None:
    with fake_hub({"README.md": b"", "sub/model.safetensors": b""}) as server:
        assert "config.json and no model.safetensors" in refused(server)


@pytest.mark.parametrize(
    ("mode", "word"),
    [
        ("long", "larger than"),
        ("endless", "larger than"),
        ("short", "broke off"),
        ("less", "broke off after"),
        ("slow", "too slowly"),
        ("silent", "in time"),
        ("packed", "packed"),
        ("loop", "more than 5 times"),
        ("nonsense", "could not be understood"),
        ("gated", "gated"),
        ("private", "private"),
        ("revision", "no such commit"),
    ],
)
def test_a_hub_that_misbehaves_is_a_sentence_in_little_memory_and_time(files, mode: str, word: str) -> None:
    with fake_hub(files, mode=mode) as server:
        tracemalloc.start()
        begun = time.monotonic()
        assert word in refused(server, timeout=1.0)
        assert time.monotonic() - begun < 4
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
        tracemalloc.stop()


@pytest.mark.parametrize("status", [401, 500, 503, 429])
def test_an_error_of_the_hub_is_a_sentence(files, status: int) -> None:
    with fake_hub(files, status=status) as server:
        assert ("private" if status == 401 else str(status)) in refused(server)


def test_sizes_are_looked_at_before_anything_is_fetched(files) -> None:
    with fake_hub(files, announced={"model.safetensors": 1 << 40}) as server:
        assert "model.safetensors is too large" in refused(server)
        assert not any("model.safetensors" in path for _, path, _ in server.seen)
    with fake_hub(files, announced={"config.json": 1 << 30}) as server:
        assert "config.json is too large" in refused(server) and len(server.seen) == 1
    for size in (None, -1, "many", True):
        with fake_hub(files, announced={"model.safetensors": size}) as server:
            refused(server)
            assert len(server.seen) == 1
    with fake_hub(files, announced={"README.md": 1 << 30}) as server:
        brought = bring(server)
    assert "README.md was left out" in brought.notices[0] and not (brought.folder / "README.md").exists()


def test_content_that_is_not_what_was_announced_is_refused(files) -> None:
    with fake_hub(files, hashes={"model.safetensors": "0" * 64}) as server:
        assert "SHA-256" in refused(server)
    with fake_hub(files, commit="f" * 40) as server:
        assert "no commit, or another" in refused(server)
    with fake_hub(files, commit="main") as server:
        assert "no commit" in refused(server, "main")


def test_what_is_fetched_is_checked_as_an_upload_is(files) -> None:
    with fake_hub(with_config(files, latent=10**9)) as server:
        assert "latent" in refused(server)
        assert not any("model.safetensors" in path for _, path, _ in server.seen)
    with fake_hub({**files, "model.safetensors": files["model.safetensors"][:-1]}) as server:
        assert "truncated" in refused(server)


def test_no_network_is_a_sentence(files) -> None:
    with fake_hub(files) as server:
        pass
    assert "cannot be reached" in refused(server)


@pytest.mark.parametrize("name", ["", "name", "a/b/c", "../x", "a/..", "a/b?c", "a b/c", "http://x/y", "a/" + "b" * 97])
def test_no_repository_is_asked_for_by_an_odd_name(name: str) -> None:
    with pytest.raises(TransferError, match="owner/name"):
        from_hub(name, COMMIT, "x", endpoint="http://127.0.0.1:1")


@pytest.mark.parametrize("revision", ["", "../x", "a..b", "a b", "-x", "a" * 300])
def test_no_revision_is_asked_for_by_an_odd_name(revision: str) -> None:
    with pytest.raises(TransferError, match="not a commit, branch or tag"):
        from_hub(REPOSITORY, revision, "x", endpoint="http://127.0.0.1:1")


def test_a_reference_is_pinned() -> None:
    assert read_reference(f"hub:owner/name@{COMMIT}") == (REPOSITORY, COMMIT)
    for text in ("hub:owner/name", "hub:owner/name@main", f"hub:owner/name@{COMMIT[:-1]}", f"hub:owner/name@{COMMIT}0"):
        with pytest.raises(TransferError, match="40 hexadecimal digits"):
            read_reference(text)
    with pytest.raises(TransferError, match="form"):
        read_reference(f"hub:name@{COMMIT}")


def test_without_the_package_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(TransferError, match="pip install 'huggingface_hub"):
        from_hub(REPOSITORY, COMMIT, "x")


def test_the_package_is_imported_when_it_is_used_and_not_before() -> None:
    code = "import sys, explorer.transfer.hub; print('huggingface_hub' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


def test_the_command_imports_from_the_hub_it_is_pointed_to(files, data: Path) -> None:
    import os

    with fake_hub(files) as server:
        environment = {**os.environ, "HF_ENDPOINT": server.endpoint, "HF_HOME": str(data / "hf")}
        command = [sys.executable, "-m", "explorer", "import", f"hub:{REPOSITORY}@{COMMIT}", "--name", "mine"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads((data / "models/mine/source.json").read_text())["revision"] == COMMIT


def test_a_redirect_to_what_is_not_secure_is_not_followed(files, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real Hub is reached by https; nobody may lead a request from there to an open line."""
    import httpx2

    def answer(request: httpx2.Request) -> httpx2.Response:
        if "/api/" in request.url.path:
            return httpx2.Response(200, json=FakeHub(files).info(), request=request)
        assert request.url.scheme == "https", "it was followed"
        return httpx2.Response(302, headers={"Location": "http://127.0.0.1:1/x"}, request=request)

    client = httpx2.Client(transport=httpx2.MockTransport(answer), follow_redirects=True)
    sessions: Callable[[], httpx2.Client] = lambda: client  # noqa: E731
    monkeypatch.setattr(hub._hub().utils, "get_session", sessions)
    monkeypatch.setattr("huggingface_hub.hf_api.get_session", sessions)
    with pytest.raises(TransferError, match="not secure"):
        from_hub(REPOSITORY, COMMIT, "x", endpoint="https://hub.example")
