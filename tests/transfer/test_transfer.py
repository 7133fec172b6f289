"""Models brought and sent: what is sound comes through bit for bit, under a name of its own."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

import explorer
from explorer.checkpoint.catalogue import models, open_model, summarise
from explorer.checkpoint.programs import export_decoder
from explorer.checkpoint.signature import fingerprint
from explorer.checkpoint.weights import most_weight_bytes
from explorer.config import ModelConfig
from explorer.models import build
from explorer.transfer import (
    TransferError,
    delete_model,
    from_folder,
    from_zip,
    kept_names,
    source_of,
    suggest_name,
    write_bundle,
)
from explorer.transfer.arrival import arriving
from explorer.transfer.files import SENT
from explorer.transfer.own_models import incoming_folder
from tests.helpers.strangers import packed

Files = dict[str, bytes]

pytestmark = pytest.mark.usefixtures("data")


def bundle(folder: Path, name: str) -> bytes:
    buffer = io.BytesIO()
    write_bundle(folder, name, buffer)
    return buffer.getvalue()


def test_a_download_brought_back_is_the_same_model_to_the_bit(tmp_path: Path, files: Files) -> None:
    brought = from_zip(bundle(tmp_path / "sound", "Sound"), "again")
    assert brought.name == "again" and models()["again"] == brought.folder
    for name, content in files.items():
        assert (brought.folder / name).read_bytes() == content, name
    before = explorer.load(tmp_path / "sound").state_dict()
    assert all(torch.equal(value, before[name]) for name, value in explorer.load("again").state_dict().items())
    without = {"source.json"}
    assert {path.name for path in brought.folder.iterdir()} == {*files} | without
    assert bundle(brought.folder, "Sound") == bundle(tmp_path / "sound", "Sound")


def test_the_bundle_is_the_same_bytes_at_any_time_and_holds_the_named_files_alone(tmp_path: Path, files: Files) -> None:
    folder = tmp_path / "sound"
    first = bundle(folder, "a")
    for path in folder.iterdir():
        os.utime(path, (1, 10**9))
    for name in ("training.safetensors", "secret.txt", "source.json", ".env", "model.bin"):
        (folder / name).write_bytes(b"no")
    (folder / "sub").mkdir()
    assert bundle(folder, "a") == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        methods = {info.filename: info.compress_type for info in archive.infolist()}
        assert archive.testzip() is None
    assert {name.removeprefix("a/") for name in methods} == {*files} <= {*SENT}
    assert methods["a/model.safetensors"] == methods["a/gallery.png"] == zipfile.ZIP_STORED
    assert methods["a/config.json"] == zipfile.ZIP_DEFLATED


@pytest.mark.parametrize("top", ["", "repo-0123abcd/", "ünï ☃/"])
def test_files_may_lie_at_the_top_or_inside_one_folder(files: Files, top: str) -> None:
    assert from_zip(packed(files, top), "new").notices == ()


def test_only_the_two_needed_files_are_needed(files: Files) -> None:
    needed = {name: files[name] for name in ("config.json", "model.safetensors")}
    assert {path.name for path in from_zip(packed(needed), "new").folder.iterdir()} == {*needed, "source.json"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_weights_in_other_precisions_are_taken(files: Files, dtype: torch.dtype) -> None:
    weights = save({name: value.to(dtype) for name, value in load(files["model.safetensors"]).items()})
    from_zip(packed({**files, "model.safetensors": weights}), "new")


def test_unknown_files_are_passed_over_and_said(files: Files) -> None:
    more = {f"{index}.txt": b"x" for index in range(5)}
    (said,) = from_zip(packed({**files, **more, "deep/er/config.json": b"{}"}), "new").notices
    assert "0.txt" in said and "3 more" in said
    assert not list(models()["new"].glob("*.txt")) and not (models()["new"] / "deep").exists()


def test_where_it_is_from_is_written_down_by_us_alone(files: Files) -> None:
    forged = {**files, "source.json": b'{"kind": "hub", "repository": "known/good"}'}
    source = source_of(from_zip(packed(forged), "new", file_name="mine.zip", by="word").folder)
    assert source["kind"] == "zip" and source["file"] == "mine.zip" and source["by"] == "word"
    assert len(source["sha256"]["model.safetensors"]) == 64 and "repository" not in source


def test_a_strangers_decoder_is_never_kept_though_it_bears_the_fingerprint(tmp_path: Path, files: Files) -> None:
    mark = fingerprint(explorer.load(tmp_path / "sound"), "decoder")
    brought = from_zip(packed({**files, "decoder.onnx": b"evil" + mark.encode()}), "new")
    assert "decoder.onnx" in brought.notices[0]
    assert not (brought.folder / "decoder.onnx").exists()


def test_a_decoder_is_made_anew_from_the_weights(tmp_path: Path, files: Files) -> None:
    from explorer.serving.space.space import SPACES

    export_decoder(open_model(tmp_path / "sound").model, tmp_path / "sound")
    honest = (tmp_path / "sound" / "decoder.onnx").read_bytes()
    forged = b"evil" + fingerprint(explorer.load(tmp_path / "sound"), "decoder").encode()
    brought = from_zip(packed({**files, "decoder.onnx": forged}), "new")
    assert SPACES.get(brought.name).decoder_bytes() == honest


# Names


def test_nothing_is_overwritten(files: Files) -> None:
    first = from_zip(packed(files), "mine")
    before = (first.folder / "model.safetensors").stat().st_mtime_ns
    with pytest.raises(TransferError, match="'mine-2' is free"):
        from_zip(packed(files), "mine")
    with pytest.raises(TransferError, match="'mnist-2d-2' is free"):
        from_zip(packed(files), "mnist-2d")
    assert (first.folder / "model.safetensors").stat().st_mtime_ns == before
    assert from_zip(packed(files), file_name="Mine.ZIP").name == "mine-2"


def test_of_two_who_want_one_name_at_once_the_second_is_told(files: Files, tmp_path: Path) -> None:
    with arriving() as one, arriving() as two:
        for arrival in (one, two):
            for name, content in files.items():
                arrival.write(name, content)
        one.keep("same", {})
        with pytest.raises(TransferError, match="already"):
            two.keep("same", {})
    assert kept_names() == {"same"}


@pytest.mark.parametrize("name", ["../evil", "a/b", "A", "x" * 49, "-a", "ü", "a b", "\0"])
def test_a_name_that_is_none_is_refused_with_one_that_is(files: Files, name: str) -> None:
    with pytest.raises(TransferError, match="cannot be a model's name"):
        from_zip(packed(files), name)


@pytest.mark.parametrize(
    ("text", "name"),
    [("My Model.zip", "my-model"), ("owner/Some_Repo", "some-repo"), ("C:\\x\\y.zip", "y"), ("☃", "model")],
)
def test_a_name_is_suggested(text: str, name: str) -> None:
    assert suggest_name(text) == name


def test_only_what_the_app_keeps_is_deleted(files: Files, data: Path) -> None:
    from_zip(packed(files), "mine")
    for name in ("mnist-2d", "../models/mine", "", ".", ".."):
        with pytest.raises(TransferError, match="nothing to delete"):
            delete_model(name, person="", local=True)
    for person in ("", "b" * 32, "a" * 31):
        with pytest.raises(TransferError, match="is not yours"):
            delete_model("mine", person=person, local=False)
    delete_model("mine", person="", local=True)
    assert kept_names() == set() and not list(incoming_folder().glob("*"))
    with pytest.raises(TransferError):
        delete_model("mine", person="", local=True)


def test_a_training_run_keeps_its_name_and_its_folder(files: Files, data: Path) -> None:
    from explorer.config import Config
    from explorer.jobs import Database, Jobs

    job = Jobs(Database(data)).submit(Config(), person="0" * 32, name="waiting", tensorboard=False, taken=())
    with pytest.raises(TransferError, match="already"):  # it has no folder yet, and would write into this one
        from_zip(packed(files), job.name)
    assert suggest_name("waiting") == "waiting-2"
    (data / "models" / job.name).mkdir(parents=True)
    with pytest.raises(TransferError, match="still being trained"):
        delete_model(job.name, person="", local=True)


def test_a_model_without_images_to_show_it_with_is_said_to_be_so(files: Files) -> None:
    body = json.loads(files["config.json"])
    body["training"]["dataset"] = "their-pictures"
    config = {**files, "config.json": json.dumps(body).encode()}
    assert from_zip(packed(config), "with").notices == ()
    bare = {name: config[name] for name in ("config.json", "model.safetensors")}
    assert "their-pictures" in from_zip(packed(bare), "without").notices[0]


# Folders


def test_a_folder_is_copied_with_the_same_checks(tmp_path: Path, files: Files) -> None:
    folder = tmp_path / "sound"
    (folder / "training.safetensors").write_bytes(b"x")
    brought = from_folder(folder)
    assert brought.name == "sound" and "training.safetensors" in brought.notices[0]
    assert (brought.folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert source_of(brought.folder)["kind"] == "folder"
    (folder / "old.ckpt").write_bytes(b"x")
    with pytest.raises(TransferError, match="pickle"):
        from_folder(folder)
    (folder / "old.ckpt").unlink()
    (folder / "model.safetensors").write_bytes(files["model.safetensors"][:-1])
    with pytest.raises(TransferError, match="truncated"):
        from_folder(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(TransferError, match=r"model\.safetensors is missing"):
        from_folder(folder)
    for nowhere in (tmp_path / "nowhere", "\0", "~nobody-of-that-name/x", folder / "config.json"):
        with pytest.raises(TransferError, match="not a folder"):
            from_folder(nowhere)


def test_a_huge_sparse_file_is_refused_unread(tmp_path: Path, files: Files) -> None:
    with (tmp_path / "sound" / "model.safetensors").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(TransferError, match="too large"):
        from_folder(tmp_path / "sound")


def test_the_room_for_weights_is_that_of_the_architecture() -> None:
    config = ModelConfig((1, 4, 4), 2, hidden=(8,))
    weights = sum(value.numel() for value in build(config).state_dict().values())
    assert most_weight_bytes(config) == 4 * weights + 8 + (1 << 22)


def test_the_command_imports_a_folder_and_a_zip(tmp_path: Path, files: Files, capsys) -> None:
    from explorer.__main__ import main

    (tmp_path / "b.zip").write_bytes(packed(files))
    assert main(["import", str(tmp_path / "sound"), "--name", "a"]) == 0
    assert main(["import", str(tmp_path / "b.zip")]) == 0
    assert kept_names() == {"a", "b"} and "Kept as b" in capsys.readouterr().out
    for wrong in (["import", str(tmp_path / "nothing")], ["import", "hub:owner/name@main"], ["import", "hub:x"]):
        assert main(wrong) == 2
        assert capsys.readouterr().err.startswith("explorer: ")


def test_a_list_groups_what_may_be_compared(files: Files, tmp_path: Path) -> None:
    from explorer.checkpoint.comparable import why_not
    from explorer.transfer.listing import list_models

    def variant(name: str, numbers: dict | None = None, **training: object) -> None:
        body = json.loads(files["config.json"])
        body["training"].update(training)
        facts = json.dumps({"n": 360, "elbo": -20.0, **(numbers or {})}).encode()
        from_zip(packed({**files, "config.json": json.dumps(body).encode(), "evaluation.json": facts}), name)

    variant("a"), variant("b", {"elbo": -10.0}, binarisation="fixed"), variant("c", binarisation="threshold")
    (
        variant("d", {"n": 10}),
        variant("e", {"elbo": None}),
        variant("f", {"elbo": 10**400}),
        variant("g", dataset="other"),
    )
    groups, broken = list_models({name: path for name, path in models().items() if name in kept_names()})
    names = sorted([model.name for model in group.models] for group in groups)
    assert names == [["b", "a", "e", "f"], ["c"], ["d"], ["g"]] and not broken
    for group in groups:
        first = group.models[0].config
        assert all(why_not(first, model.config) is None for model in group.models)
    assert "360 test images" in next(g.conditions for g in groups if g.models[0].name == "b")
    (models()["a"] / "config.json").write_text("{")
    assert [model.name for model in list_models({"a": models()["a"]})[1]] == ["a"]


def test_a_mark_at_the_start_of_json_does_no_harm(files: Files, tmp_path: Path) -> None:
    marked = {name: b"\xef\xbb\xbf" * name.endswith((".json", ".jsonl")) + content for name, content in files.items()}
    marked_, plain = from_zip(packed(marked), "marked"), from_zip(packed(files), "plain")
    assert marked_.notices == plain.notices and sorted(os.listdir(marked_.folder)) == sorted(os.listdir(plain.folder))
    assert open_model("marked").config == open_model("plain").config
    assert summarise("x", marked_.folder) == summarise("x", plain.folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_git_lfs_pointer_is_called_so(files: Files, name: str) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n"
    with pytest.raises(TransferError, match=rf"^{name} is a Git LFS pointer.*Run “git lfs pull”"):
        from_zip(packed({**files, name: pointer}))
