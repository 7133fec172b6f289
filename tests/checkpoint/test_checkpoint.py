"""Checkpoints: an exact round trip, and a sentence for every file that is not one."""

from __future__ import annotations

import json
import pickle
import re
import resource
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import explorer
from explorer.checkpoint.weights import CheckpointError, load_checkpoint, save_checkpoint, write_file
from explorer.config import Config, ModelConfig
from explorer.models import VAE, build
from tests.helpers.oracle import binary_images

CONFIG = Config(ModelConfig((1, 4, 4), 2, hidden=(8,), activation="tanh"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "model", build(CONFIG.model, seed=0), CONFIG)
    return tmp_path / "model"


def weights(folder: Path) -> Path:
    return folder / "model.safetensors"


def with_header(folder: Path, header: bytes, *, claim: int | None = None, tail: bytes = b"") -> None:
    weights(folder).write_bytes(struct.pack("<Q", len(header) if claim is None else claim) + header + tail)


def edit_header(folder: Path, change: Callable[[dict], None]) -> None:
    raw = weights(folder).read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    change(header)
    with_header(folder, json.dumps(header).encode(), tail=raw[8 + length :])


def edit_config(folder: Path, **values: object) -> None:
    body = json.loads((folder / "config.json").read_text())
    body["model"].update(values)
    (folder / "config.json").write_text(json.dumps(body))


def refused(folder: Path, file: str = "model.safetensors") -> str:
    """The sentence a bad checkpoint is refused with, which names the file."""
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(folder)
    message = str(error.value)
    assert str(folder / file) in message
    assert len(message) < 1_000 and message.endswith(".")
    return message


@pytest.mark.parametrize(
    "config",
    [CONFIG, Config(ModelConfig((3, 8, 8), 5, "conv", (3, 4, 6), "silu"), provenance={"note": "é"})],
)
def test_round_trip_is_exact_in_float16(tmp_path: Path, config: Config) -> None:
    model = build(config.model, seed=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    save_checkpoint(tmp_path, model, config)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    opened = load_checkpoint(tmp_path)
    assert opened.config == config
    assert not opened.model.training and not any(p.requires_grad for p in opened.model.parameters())
    for name, value in opened.model.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[name].half().float())
    save_checkpoint(tmp_path / "again", opened.model, config)
    assert weights(tmp_path / "again").read_bytes() == weights(tmp_path).read_bytes()


def test_the_opened_model_computes_what_the_saved_one_did(folder: Path) -> None:
    x = binary_images(3)
    rounded = build(CONFIG.model, seed=0).half().float()
    torch.testing.assert_close(explorer.load(folder).posterior(x).mean, rounded.posterior(x).mean, rtol=0, atol=0)


def test_opening_draws_nothing_from_torch_s_generator(folder: Path) -> None:
    before = torch.random.get_rng_state()
    explorer.load(folder)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_truncated_file_is_refused_at_every_length(folder: Path) -> None:
    whole = weights(folder).read_bytes()
    for length in [*range(0, 60), *range(60, len(whole), 41), len(whole) - 1]:
        weights(folder).write_bytes(whole[:length])
        refused(folder)
    weights(folder).write_bytes(whole + b"\0")
    refused(folder)


def test_a_flipped_bit_is_refused_or_is_another_weight(folder: Path) -> None:
    """Never an exception of another kind, wherever in the header or the weights."""
    whole = weights(folder).read_bytes()
    for index in range(0, len(whole), 5):
        weights(folder).write_bytes(whole[:index] + bytes([whole[index] ^ 0x55]) + whole[index + 1 :])
        try:
            opened = load_checkpoint(folder)
        except CheckpointError:
            continue
        assert all(torch.isfinite(value).all() for value in opened.model.state_dict().values())


@pytest.mark.parametrize("change", ["shape", "missing", "extra", "nan", "inf", "integer"])
def test_tensors_that_do_not_fit_are_refused(folder: Path, change: str) -> None:
    state = load_file(weights(folder))
    name = sorted(state)[0]
    if change == "shape":
        state[name] = state[name].repeat(2, *[1] * (state[name].ndim - 1))
    elif change == "missing":
        del state[name]
    elif change == "extra":
        state["decoder.surprise"] = torch.zeros(3)
    elif change == "integer":
        state[name] = state[name].long()
    else:
        state[name].view(-1)[-1] = float(change)
    save_file(state, weights(folder))
    message = refused(folder)
    assert ("surprise" if change == "extra" else name) in message


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": ["F16"]},
        {"dtype": "F64"},
        {"dtype": "I64"},
        {"dtype": None},
        {"shape": [10**9, 10**9]},
        {"shape": [[8]] * 1000},
        {"shape": "x" * 10_000},
        {"data_offsets": [0, 2**60]},
        {"data_offsets": [-5, 3]},
        {"data_offsets": "here"},
    ],
)
def test_absurd_header_entries_are_refused(folder: Path, entry: dict) -> None:
    edit_header(folder, lambda header: header["decoder.network.0.0.bias"].update(entry))
    refused(folder)


@pytest.mark.parametrize(
    "header", [b"", b"[]", b"3", b"{", b"\xff\xfe\xfd", b"[" * 100_000, b'{"__metadata__":{}}', b"null"]
)
def test_headers_that_are_none_are_refused(folder: Path, header: bytes) -> None:
    with_header(folder, header)
    refused(folder)


def test_absurd_sizes_take_no_memory(folder: Path) -> None:
    sound = weights(folder).read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for claim in (2**60, 2**64 - 1, 2**31):
        with_header(folder, b"{}", claim=claim)
        refused(folder)
    with weights(folder).open("wb") as file:  # a sparse file of 8 GiB that claims to be one header
        file.write(struct.pack("<Q", 2**33 - 8))
        file.truncate(2**33)
    refused(folder)
    entry = '"t%d":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}'
    with_header(folder, ("{" + ",".join(entry % i for i in range(200_000)) + "}").encode(), tail=b"\0\0")
    refused(folder)
    weights(folder).write_bytes(sound)
    # Within the bounds, and 268 MB of weights that the small file does not have.
    edit_config(folder, hidden=[8192, 4096], image_shape=[1, 64, 64])
    refused(folder)
    for values in ({"latent": 10**9}, {"hidden": [10**9]}, {"hidden": [8192] * 8}, {"image_shape": [1, 10**5, 10**5]}):
        edit_config(folder, **{"hidden": [8], "latent": 2, "image_shape": [1, 4, 4], **values})
        refused(folder, "config.json")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1024) < 100 << 20  # bytes on a Mac, KiB on Linux


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b"[]", b"\xff\xfe{}", b"[" * 200_000, b'{"a":' * 100_000, b" " * (2 << 20), b"{}", b"9" * 5_000],
)
def test_a_config_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    refused(folder, "config.json")


@pytest.mark.parametrize(("key", "value"), [("format", 2), ("family", "gan"), ("family", {"vae": 1})])
def test_unknown_formats_and_families_are_refused(folder: Path, key: str, value: object) -> None:
    body = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**body, key: value}))
    refused(folder, "config.json")


def test_unknown_architectures_are_refused(folder: Path) -> None:
    edit_config(folder, network="transformer")
    assert "transformer" in refused(folder, "config.json")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    refused(folder, file)
    (folder / file).mkdir()
    refused(folder, file)


class Bomb:
    """Leaves a mark when it is unpickled."""

    mark: Path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.mark,))


def test_a_pickle_is_never_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = Bomb()
    bomb.mark = folder / "unpickled"
    pickle.loads(pickle.dumps(bomb))
    assert bomb.mark.exists()  # it would go off
    bomb.mark.unlink()

    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    monkeypatch.setattr(torch, "load", forbidden)
    explorer.load(folder)  # a sound one needs no pickle either
    weights(folder).write_bytes(pickle.dumps(bomb))
    refused(folder)
    torch.save({"weights": torch.zeros(3)}, weights(folder))
    refused(folder)
    (folder / "config.json").write_bytes(pickle.dumps(bomb))
    refused(folder, "config.json")
    assert not bomb.mark.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_weights_float16_cannot_hold_are_not_written(tmp_path: Path, value: float) -> None:
    model = build(CONFIG.model, seed=0)
    with torch.no_grad():
        next(model.parameters())[0, 0] = value
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path / "model.safetensors"))):
        save_checkpoint(tmp_path, model, CONFIG)
    assert not list(tmp_path.iterdir())


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "file"
    write_file(path, b"old")

    def fail(*args: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="full"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old" and [file.name for file in path.parent.iterdir()] == ["file"]


def test_load_gives_torch_distributions_of_the_right_shapes(folder: Path) -> None:
    model: VAE = explorer.load(str(folder))
    x = binary_images(3)
    q = model.posterior(x)
    assert (model.prior().event_shape, q.batch_shape, q.event_shape) == ((2,), (3,), (2,))
    assert model.likelihood(q.mean).log_prob(x).shape == (3,)
    assert model.likelihood(q.mean).mean.shape == x.shape
