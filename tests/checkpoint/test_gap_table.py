"""gaps.safetensors: made, read again, served, sent; and passed over wherever it does not belong."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from starlette.applications import Starlette
from starlette.testclient import TestClient

from explorer.__main__ import main
from explorer.checkpoint import publish
from explorer.checkpoint.gaps import COLUMNS, GAPS_FILE, MAX_BYTES, load_gaps, save_gaps
from explorer.checkpoint.signature import fingerprint
from explorer.checkpoint.weights import load_checkpoint
from explorer.datasets import load_dataset
from explorer.datasets.binarise import repeatable
from explorer.inference.budget import Budget
from explorer.inference.gaps.survey import Survey
from explorer.models import VAE
from explorer.serving.routes import routes
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import SPACES
from explorer.transfer import from_folder
from tests.helpers.oracle import binary_images, tiny_model
from tests.helpers.spaces import save_digits
from tests.helpers.strangers import sound_model

N = 30


@pytest.fixture(scope="module")
def model() -> VAE:
    return tiny_model()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return binary_images(N)


def made_up(n: int = N) -> Survey:
    gaps = torch.rand(3, n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    top = torch.linspace(-10, -20, n, dtype=torch.float64)
    full, diagonal, elbo = top - gaps.cumsum(0)
    return Survey(top, torch.full((n,), 0.01, dtype=torch.float64), elbo, diagonal, full, torch.arange(n) % 3 > 0)


@pytest.fixture
def folder(tmp_path: Path, model: VAE, images: torch.Tensor) -> Path:
    save_gaps(tmp_path, model, images, made_up(), binarisation="fixed", made="by hand")
    return tmp_path


def test_what_is_written_is_read_again(folder: Path, model: VAE, images: torch.Tensor) -> None:
    table = load_gaps(folder, model, images.__getitem__, N)
    assert table is not None and (table.binarisation, table.made) == ("fixed", "by hand")
    for name in COLUMNS:
        values, expected = getattr(table.survey, name), getattr(made_up(), name)
        assert values.dtype == expected.dtype
        torch.testing.assert_close(values, expected, atol=2e-6, rtol=0)
    shorter = load_gaps(folder, model, images.__getitem__, 7)
    assert shorter is not None and len(shorter.survey) == 7 and len(shorter.survey.exact) == 7
    assert load_gaps(folder / "elsewhere", model) is None


def test_a_table_of_other_weights_or_images_is_passed_over(
    folder: Path, model: VAE, images: torch.Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert load_gaps(folder, tiny_model(seed=1), images.__getitem__, N) is None
        assert "other weights" in caplog.text
        assert load_gaps(folder, model, images.flip(0).__getitem__, N) is None
        assert "other images" in caplog.text
    encoder = tiny_model()
    with torch.no_grad():
        next(encoder.encoder.parameters())[0, 0] += 1e-3
    assert fingerprint(encoder) != fingerprint(model)  # the encoder's weights count, of which the ELBO is


def damaged(content: bytes) -> dict[str, bytes]:
    columns = load(content)
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]

    def with_(metadata: dict[str, str] = metadata, **values: torch.Tensor) -> bytes:
        return save({**columns, **values}, metadata)

    return {
        "empty": b"",
        "cut short": content[:-4],
        "no header": struct.pack("<Q", 1 << 40) + content[8:],
        "not JSON": struct.pack("<Q", 5) + b"hello" + content,
        "nested": struct.pack("<Q", 200_000) + b"[" * 200_000,
        "no metadata": save(columns),
        "another count": with_(metadata | {"count": "31"}),
        "another version": with_(metadata | {"version": "2"}),
        "a column more": with_(secret=torch.zeros(N)),
        "a column fewer": save({name: columns[name] for name in COLUMNS[1:]}, metadata),
        "of another length": with_(full=torch.zeros(N + 1)),
        "of another shape": with_(full=torch.zeros(N, 1)),
        "of another type": with_(full=torch.zeros(N, dtype=torch.float64)),
        "not finite": with_(full=columns["full"] * torch.inf),
        "a negative error": with_(error=-columns["error"]),
        "an unknown method": with_(exact=columns["exact"] + 1),
        "too large": content + bytes(MAX_BYTES),
    }


def test_a_damaged_table_is_passed_over_whatever_is_wrong_with_it(
    folder: Path, model: VAE, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / GAPS_FILE
    for fault, content in damaged(path.read_bytes()).items():
        caplog.clear()
        path.write_bytes(content)
        with caplog.at_level(logging.WARNING):
            assert load_gaps(folder, model) is None, fault
        assert len(caplog.records) == 1 and "passed over" in caplog.text, fault


def test_numbers_that_are_none_are_not_written(tmp_path: Path, model: VAE, images: torch.Tensor) -> None:
    survey = made_up()
    survey.full[4] = -torch.inf
    with pytest.raises(ValueError, match="full is not finite for 1 of the images"):
        save_gaps(tmp_path, model, images, survey, binarisation="fixed", made="by hand")
    empty = dataclasses.replace(survey, **{name: getattr(survey, name)[:0] for name in COLUMNS})
    with pytest.raises(ValueError, match="1 to 100,000 images, not 0"):
        save_gaps(tmp_path, model, images, empty, binarisation="fixed", made="by hand")
    assert not [*tmp_path.iterdir()]


def test_a_kind_of_number_that_nobody_knows_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = tiny_model()
    head = json.dumps({"elbo": {"dtype": "F8_E8M0", "shape": [4], "data_offsets": [0, 4]}}).encode()
    (tmp_path / GAPS_FILE).write_bytes(struct.pack("<Q", len(head)) + head + bytes(4))
    assert load_gaps(tmp_path, model) is None and "passed over" in caplog.text


def test_copies_of_a_model_have_tables_of_their_own(tmp_path: Path, client: TestClient) -> None:
    folder = save_digits(tmp_path / "one", seed=78)
    shutil.copytree(folder, tmp_path / "two")
    assert main(["gaps", str(folder), "--images", "5", "--device", "cpu"]) == 0
    spaces = [SPACES.get(str(tmp_path / name)) for name in ("one", "two")]
    assert spaces[0].key == spaces[1].key
    assert [header(client.get(describe(space)["gaps"]))["n"] for space in spaces * 2] == [5, 0, 5, 0]


def test_a_larger_table_is_replaced_only_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_digits(tmp_path / "digits", seed=79)
    command = ["gaps", str(folder), "--device", "cpu", "--images"]
    assert main([*command, "3"]) == 0
    assert main([*command, "2"]) == 2 and "--replace" in capsys.readouterr().err
    assert main([*command, "1", "--replace"]) == 0 and "nan" not in capsys.readouterr().out
    table = load_gaps(folder, load_checkpoint(folder).model)
    assert table is not None and len(table.survey) == 1


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes())) as client:
        yield client


def header(answer) -> dict:
    length = struct.unpack("<I", answer.content[:4])[0]
    return json.loads(answer.content[4 : 4 + length])


def test_the_command_measures_and_the_route_serves_what_it_wrote(
    tmp_path: Path, client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_digits(tmp_path / "digits", seed=77)  # weights that no other open space has
    space = SPACES.get(str(folder))
    address = describe(space)["gaps"]
    assert header(client.get(address))["n"] == 0  # not measured yet
    assert main(["gaps", str(folder), "--images", "9", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "9 test images of digits" in printed and "amortization gap" in printed and "by quadrature" in printed
    answer = client.get(address)
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-cache"
    facts, length = header(answer), struct.unpack("<I", answer.content[:4])[0]
    assert length % 4 == 0 and facts["n"] == 9 and facts["columns"] == list(COLUMNS)
    columns = np.frombuffer(answer.content[4 + length :], "<f4").reshape(len(COLUMNS), 9)
    table = load_gaps(folder, load_checkpoint(folder).model)
    assert table is not None
    np.testing.assert_array_equal(columns[0], table.survey.log_evidence.numpy().astype("f4"))
    gap = table.survey.inference_gap.mean().item()
    assert f"inference gap {gap:46.3f}".replace(" ", "") in printed.replace(" ", "")

    # Of other images under the same weights: never shown.
    other = repeatable(load_dataset("digits", "test").images.flip(0), "fixed")
    save_gaps(folder, space.checkpoint.model, other, table.survey, binarisation="fixed", made="by hand")
    assert header(client.get(address))["n"] == 0
    assert client.get("/explorer/gaps/0123456789abcdef.bin").status_code == 404


@pytest.mark.parametrize("arguments", [["--images", "-1"], ["--images", "100001"]])
def test_the_command_refuses_what_makes_no_sense(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gaps", str(save_digits(tmp_path / "digits")), *arguments]) == 2
    assert "--images must lie between" in capsys.readouterr().err


def test_a_published_model_has_its_gaps_but_not_where_they_cost_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, test = save_digits(tmp_path / "digits"), load_dataset("digits", "test")
    told: list[float] = []

    def published(seconds: float = math.inf) -> None:
        wishes = {"name": "digits", "command": "made", "device": torch.device("cpu"), "samples": 1}
        publish.publish(folder, test, **wishes, gap_images=11, budget=Budget(seconds), progress=told.append)

    monkeypatch.setattr(publish, "export_decoder", lambda *_: None)
    published()
    table = load_gaps(folder, load_checkpoint(folder).model)
    assert table is not None and len(table.survey) == 11
    assert told == sorted(told) and told[-1] == pytest.approx(1)
    (folder / GAPS_FILE).unlink()
    published(seconds=1e-6)
    assert not (folder / GAPS_FILE).exists()
    monkeypatch.setattr(publish, "survey", lambda *args, **options: made_up(3).not_there)
    with pytest.raises(AttributeError):  # a fault of ours is no measurement that failed
        published()

    def fails(*args, **options):
        raise ValueError("no finite number")

    monkeypatch.setattr(publish, "survey", fails)
    with caplog.at_level(logging.WARNING):
        published()
    assert "no finite number" in caplog.text


@pytest.mark.parametrize("theirs", [True, False])
def test_a_brought_model_keeps_its_own_gaps_and_no_others(
    tmp_path: Path, theirs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("EXPLORER_MODELS", str(tmp_path / "none"))
    sound_model(tmp_path / "sound")
    model = load_checkpoint(tmp_path / "sound").model
    x = binary_images(N, (1, 8, 8))
    path = save_gaps(
        tmp_path / "sound", model if theirs else tiny_model(), x, made_up(), binarisation="fixed", made="by hand"
    )
    brought = from_folder(str(tmp_path / "sound"), "brought")
    assert (brought.folder / GAPS_FILE).is_file() is theirs
    if theirs:
        assert (brought.folder / GAPS_FILE).read_bytes() == path.read_bytes() and not brought.notices
    else:
        assert brought.notices == (f"{GAPS_FILE} was left out: it does not belong to these weights.",)
