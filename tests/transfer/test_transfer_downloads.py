"""A model's zip over HTTP: whole, the same every time, safe in its name, and of known models alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from explorer.serving.models_page.downloads import download_address
from explorer.serving.routes import routes
from tests.helpers.strangers import sound_model


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("EXPLORER_MODELS", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes())) as client:
        yield client


def test_a_download_is_one_zip_of_the_models_files(client: TestClient, home: Path) -> None:
    files = sound_model(home / "mine")
    (home / "mine" / "training.safetensors").write_bytes(b"no")
    answer = client.get(download_address("mine"))
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"mine.zip\"; filename*=UTF-8''mine.zip"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            f"mine/{name}": content for name, content in files.items()
        }
    assert client.get(download_address("mine")).content == answer.content
    assert client.head(download_address("mine")).headers["Content-Length"] == str(len(answer.content))


def test_the_models_that_come_along_can_be_downloaded(client: TestClient) -> None:
    with zipfile.ZipFile(io.BytesIO(client.get(download_address("mnist-2d")).content)) as archive:
        names = {name.removeprefix("mnist-2d/") for name in archive.namelist()}
    assert {"config.json", "model.safetensors", "README.md", "evaluation.json", "decoder.onnx"} <= names


@pytest.mark.parametrize("name", ["with spaces", "ünï ☃", "qu'o\"te", "a;b=c", "a%b", "a.zip", "x" * 200, "-rf"])
def test_odd_names_are_safe_in_the_header(client: TestClient, home: Path, name: str) -> None:
    sound_model(home / name)
    answer = client.get(download_address(name))
    assert answer.status_code == 200
    header = answer.headers["Content-Disposition"]
    plain, _, full = header.removeprefix('attachment; filename="').partition("\"; filename*=UTF-8''")
    assert plain.removesuffix(".zip").replace("-", "a").isalnum() and plain.isascii()
    assert full == f"{quote(name[:80], safe='')}.zip" and "\n" not in header and '"' not in full


@pytest.mark.parametrize("name", ["nothing", "../mine", "..%2Fmine", "", "mine/config.json", ".", "x" * 5_000])
def test_an_unknown_name_is_answered_with_a_sentence(client: TestClient, home: Path, name: str) -> None:
    sound_model(home / "mine")
    for address in (download_address(name), f"/explorer/download/{name}.zip"):
        answer = client.get(address)
        assert answer.status_code == 404 and answer.text.endswith(".") and "<" not in answer.text


def test_a_model_that_lacks_its_weights_is_answered_with_a_sentence(client: TestClient, home: Path) -> None:
    sound_model(home / "mine")
    (home / "mine" / "model.safetensors").unlink()
    answer = client.get(download_address("mine"))
    assert answer.status_code == 404 and "model.safetensors" in answer.text and str(home) not in answer.text


def test_a_download_only_reads(client: TestClient, home: Path) -> None:
    sound_model(home / "mine")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, download_address("mine")).status_code == 405
