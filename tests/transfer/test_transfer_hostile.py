"""Hostile zips: each is refused with its own sentence, in little memory, and leaves nothing."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from explorer.checkpoint.weights import MAX_CONFIG_BYTES
from explorer.transfer import TransferError, from_zip, kept_names
from explorer.transfer.own_models import incoming_folder
from tests.helpers.strangers import packed, safetensors, with_config

Files = dict[str, bytes]

pytestmark = pytest.mark.usefixtures("data")


def refused(content: bytes, **options: object) -> str:
    """The sentence a zip is refused with; nothing is left of it."""
    before = kept_names()
    with pytest.raises(TransferError) as error:
        from_zip(content, "new", **options)
    assert kept_names() == before and not list(incoming_folder().glob("*"))
    message = str(error.value)
    assert message.endswith(".") and len(message) < 500 and str(incoming_folder()) not in message
    return message


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "a/b.PTH", "model.pkl", "last.ckpt"])
def test_a_pickle_is_refused_with_the_reason_and_never_opened(files: Files, name: str, monkeypatch) -> None:
    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("something was unpickled")

    bomb = pickle.dumps({"weights": 1})
    for function in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, function, forbidden)
    for content in ({**files, name: bomb}, {"config.json": files["config.json"], name: bomb}, {name: bomb}):
        said = refused(packed(content))
        assert name in said and "pickle" in said and "run any program" in said and "safetensors" in said


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(files: Files, name: str) -> None:
    assert f"{name} is missing" in refused(packed({key: value for key, value in files.items() if key != name}))


def test_no_zip_and_broken_zips_are_said_to_be_so(files: Files) -> None:
    whole = packed(files)
    assert "not a zip" in refused(b"hello")
    assert "not a zip" in refused(b"")
    assert "damaged" in refused(whole[: len(whole) // 2])
    assert "missing" in refused(packed({}))


def test_two_models_in_one_zip_are_refused(files: Files) -> None:
    both = {f"{top}/{name}": content for top in "ab" for name, content in files.items()}
    assert "2 models (a, b" in refused(packed(both))
    assert "too deep" in refused(packed(files, "a/b/"))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"latent": 10**9}, "latent"),
        ({"hidden": [10**9]}, "hidden"),
        ({"hidden": [8192] * 8}, "weights"),
        ({"image_shape": [1, 10**6, 10**6]}, "image_shape"),
        ({"network": "transformer"}, "network"),
    ],
)
def test_absurd_configurations_are_refused_before_memory_is_taken(files: Files, values: dict, word: str) -> None:
    tracemalloc.start()
    said = refused(packed(with_config(files, **values)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "config.json" in said and word in said and peak < 16 << 20


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b" " * (MAX_CONFIG_BYTES + 1)])
def test_a_config_that_is_none_is_refused(files: Files, content: bytes) -> None:
    assert "config.json" in refused(packed({**files, "config.json": content}))


def hostile(files: Files, kind: str) -> bytes:
    """Weights that are none, by what is wrong with them."""
    sound = files["model.safetensors"]
    state = load(sound)
    first = sorted(state)[0]
    entry = '"t%d":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}'
    if kind == "nan":
        state[first].view(-1)[0] = float("nan")
    if kind == "shape":
        state[first] = state[first][:1].contiguous()
    if kind == "extra":
        state["surprise"] = torch.zeros(2)
    return {
        "tensors": lambda: safetensors(("{" + ",".join(entry % i for i in range(200_000)) + "}").encode(), b"\0\0"),
        "truncated": lambda: sound[:-1],
        "padded": lambda: sound + b"\0",
        "claim": lambda: struct.pack("<Q", 2**62) + sound[8:],
        "pickle": lambda: pickle.dumps({"weights": [1.0]}),
        "json": lambda: safetensors(b"[" * 100_000),
        "empty": lambda: b"",
    }.get(kind, lambda: save(state))()


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("tensors", "too large"),
        ("nan", "not finite"),
        ("shape", "shape"),
        ("extra", "surprise"),
        ("truncated", "truncated"),
        ("padded", "padded"),
        ("claim", "truncated"),
        ("pickle", "not a safetensors file"),
        ("json", "not a safetensors file"),
        ("empty", "truncated"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_little_memory(files: Files, kind: str, word: str) -> None:
    content = packed({**files, "model.safetensors": hostile(files, kind)})
    tracemalloc.start()
    said = refused(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "model.safetensors" in said and word in said
    assert peak < 24 << 20


def test_a_bomb_is_refused_in_little_memory(files: Files) -> None:
    bomb = bytes(64 << 20)
    tracemalloc.start()
    for name in ("model.safetensors", "config.json"):
        content = packed({**files, name: bomb})
        tracemalloc.reset_peak()
        base = tracemalloc.get_traced_memory()[0]
        said = refused(content)
        assert name in said and tracemalloc.get_traced_memory()[1] - base < 16 << 20
    tracemalloc.stop()
    # Within what its config.json has room for, and still nothing that was trained.
    wide = with_config(files, image_shape=[1, 64, 64], hidden=[2048])
    assert "bomb" in refused(packed({**wide, "model.safetensors": bytes(32 << 20)}))
    big = os.urandom(3 << 20)
    assert "more than" in refused(packed({**wide, "model.safetensors": big}), most=2 << 20)


def test_too_many_entries_are_refused(files: Files) -> None:
    assert "entries" in refused(packed({**files, **{f"{index}": b"" for index in range(2_100)}}))


def test_names_that_point_elsewhere_write_nothing(files: Files, data: Path) -> None:
    brought = from_zip(packed({**files, "../../evil.txt": b"x", "/etc/evil": b"x", "C:\\evil": b"x"}), "new")
    assert any("outside of the archive" in notice for notice in brought.notices)
    assert not list(data.parent.rglob("evil*"))


def test_a_link_is_not_followed(files: Files) -> None:
    buffer = io.BytesIO(packed({name: value for name, value in files.items() if name != "model.safetensors"}))
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("model.safetensors")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert "link" in refused(buffer.getvalue())


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("evaluation.json", b"[]", "evaluation.json was left out"),
        ("evaluation.json", b'{"elbo": NaN}', "evaluation.json was left out"),
        ("evaluation.json", b"[" * 100_000, "evaluation.json was left out"),
        ("metrics.jsonl", b"{}\nhello\n", "metrics.jsonl was left out"),
        ("gallery.json", b"{}", "gallery was left out"),
        (
            "gallery.json",
            b'{"image_shape": [1,8,8], "columns": 40, "classes": ["a"], "labels": [7]}',
            "gallery was left",
        ),
        ("gallery.png", b"not a picture", "gallery was left out"),
        ("README.md", b"x" * (2 << 20), "README.md was left out"),
    ],
)
def test_what_a_model_can_do_without_is_left_out_and_said(files: Files, name: str, content: bytes, word: str) -> None:
    brought = from_zip(packed({**files, name: content}), "new")
    assert any(word in notice and notice.endswith(".") for notice in brought.notices)
    assert not (brought.folder / name).exists()


def test_a_gallery_of_too_many_pixels_is_never_decoded(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(buffer, "PNG")
    monkeypatch.setattr(Image.Image, "convert", lambda *args: pytest.fail("it was decoded"))
    (said,) = from_zip(packed({**files, "gallery.png": buffer.getvalue()}), "new").notices
    assert "too many pixels" in said
