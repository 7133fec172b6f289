"""Models opened for exploring: shared, named by their content, and closed when others are used."""

from __future__ import annotations

import gc
import json
import math
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from explorer.checkpoint import catalogue as registry
from explorer.checkpoint.catalogue import summarise
from explorer.checkpoint.gallery import INDEX_FILE, SHEET_FILE, save_gallery
from explorer.checkpoint.weights import CheckpointError, load_checkpoint
from explorer.datasets import DatasetError
from explorer.serving.http.kept import Kept
from explorer.serving.space import space as module
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import COSTLY_NODES, NODES, Spaces, open_space
from explorer.serving.space.terms import evaluate_state
from explorer.serving.warm import warm_up
from tests.helpers.spaces import digits_gallery, save_digits, save_pictures


def key(folder: Path, points: str = "test") -> str:
    return open_space(load_checkpoint(folder), "any", points).key


def test_a_key_names_weights_architecture_and_images(tmp_path: Path) -> None:
    folder = save_digits(tmp_path / "a")
    assert key(folder) == key(save_digits(tmp_path / "same")) == key(Path(shutil.copytree(folder, tmp_path / "copy")))
    others = [
        key(save_digits(tmp_path / "weights", seed=1)),
        key(save_digits(tmp_path / "architecture", activation="relu")),  # the same weights
        key(folder, "all"),
    ]
    assert len({key(folder), *others}) == 4
    state = load_file(folder / "model.safetensors")
    name = next(name for name in state if name.startswith("encoder"))
    state[name].flatten()[0].add_(0.01)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    assert key(folder) != key(tmp_path / "same")


def test_all_points_are_the_test_set_then_the_training_set_in_the_same_places(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(save_digits(tmp_path / "a", latent=5))
    test, both = open_space(checkpoint, "a"), open_space(checkpoint, "a", "all")
    n = len(test.latents)
    assert len(both.latents) > n and (both.latents.images[:n] == test.latents.images).all()
    assert (both.codes[:n] - test.codes).abs().max() < 1e-5


@pytest.mark.parametrize("latent", [1, 2, 3])
def test_every_latent_size_has_rules_that_torch_can_use(tmp_path: Path, latent: int) -> None:
    space = open_space(load_checkpoint(save_digits(tmp_path / "a", latent=latent)), "a")
    assert set(space.rules) == set(NODES.get(latent, NODES[0]))
    assert all(rule.weights.isfinite().all() for rule in space.rules.values())
    terms = evaluate_state(space, {"image": 0, "mode": "gaussian", "u": space.codes[0].tolist(), "sigma": [0.5, 1.0]})
    assert all(math.isfinite(value) for value in terms.values())


@pytest.mark.parametrize("latent", [1, 2, 3])
def test_a_costly_decoder_runs_on_the_server_with_fewer_nodes(tmp_path: Path, latent: int) -> None:
    folder = save_pictures(
        tmp_path / "a", (3, 32, 32), "gaussian", network="conv", hidden=(32, 64, 128, 64), latent=latent, count=10
    )
    space = open_space(load_checkpoint(folder), "a")
    assert space.engine == "server" and set(space.rules) == set(COSTLY_NODES.get(latent, COSTLY_NODES[0]))
    full = NODES.get(latent, NODES[0])
    assert all(0 < len(rule) < full[name] for name, rule in space.rules.items())
    terms = evaluate_state(space, {"image": 0, "mode": "gaussian", "u": space.codes[0].tolist(), "sigma": [0.5, 1.0]})
    assert all(math.isfinite(value) for value in terms.values())


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    spaces, folders = Spaces(limit=2), [str(save_digits(tmp_path / str(i), seed=i)) for i in range(3)]
    first, second = spaces.get(folders[0]), spaces.get(folders[1])
    assert spaces.get(folders[0]) is first
    third = spaces.get(folders[2])
    assert spaces.by_key(second.key) is None
    assert spaces.by_key(first.key) is first  # which counts as a use
    assert spaces.get(folders[1]).key == second.key
    assert spaces.by_key(third.key) is None and spaces.by_key(first.key) is first
    assert spaces.by_data_key(first.data_key) is not None and spaces.by_data_key("nothing") is None


def test_a_copy_that_goes_does_not_take_the_other_with_it(tmp_path: Path) -> None:
    spaces, folder = Spaces(limit=2), save_digits(tmp_path / "a")
    copy, other = shutil.copytree(folder, tmp_path / "copy"), save_digits(tmp_path / "other", seed=1)
    spaces.get(str(folder)), spaces.get(str(copy)), spaces.get(str(other))
    assert spaces.by_key(key(folder)) is not None


def test_two_visitors_wait_for_one_opening_and_others_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = str(save_digits(tmp_path / "slow")), str(save_digits(tmp_path / "quick", seed=1))
    spaces, opened, go = Spaces(), [], threading.Event()

    def opening(checkpoint, name, points):
        opened.append(name)
        assert name == quick or go.wait(20)
        return open_space(checkpoint, name, points)

    monkeypatch.setattr(module, "open_space", opening)
    with ThreadPoolExecutor(9) as pool:
        waiting = [pool.submit(spaces.get, slow) for _ in range(8)]
        assert pool.submit(spaces.get, quick).result(20).name == quick
        assert not any(future.done() for future in waiting)
        go.set()
        assert len({id(future.result()) for future in waiting}) == 1
    assert opened.count(slow) == 1


def test_weights_written_anew_are_opened_anew_and_the_old_stay_for_those_who_look(tmp_path: Path) -> None:
    spaces, folder = Spaces(), save_digits(tmp_path / "a")
    before = spaces.get(str(folder))
    save_digits(tmp_path / "a", seed=1)
    after = spaces.get(str(folder))
    assert after.key != before.key and spaces.by_key(before.key) is before
    shutil.rmtree(folder)
    with pytest.raises(CheckpointError):
        spaces.get(str(folder))
    assert spaces.by_key(after.key) is after


def test_without_the_data_the_gallery_is_shown(tmp_path: Path) -> None:
    folder = save_digits(tmp_path / "a", dataset="nowhere")
    with pytest.raises(DatasetError):
        open_space(load_checkpoint(folder), "a")
    save_gallery(folder, digits_gallery(50))
    for points in ("test", "all"):
        space = open_space(load_checkpoint(folder), "a", points)
        assert not space.complete and space.points == "test" and len(space.latents) == 50


def spoil(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)


@pytest.mark.parametrize("damage", [
    lambda folder: spoil(folder, "model.safetensors", b""),
    lambda folder: spoil(folder, "model.safetensors", b"\xff" * 1_000),
    lambda folder: (folder / "model.safetensors").unlink(),
    lambda folder: spoil(folder, "config.json", b"{"),
    lambda folder: spoil(folder, INDEX_FILE, b"[" * 100_000),
    lambda folder: spoil(folder, SHEET_FILE, b"\x89PNG\r\n\x1a\n"),
    lambda folder: (folder / SHEET_FILE).unlink(),
])  # fmt: skip
def test_a_damaged_model_is_said_to_be_so(tmp_path: Path, damage) -> None:
    folder = save_digits(tmp_path / "a", dataset="nowhere")
    save_gallery(folder, digits_gallery())
    damage(folder)
    with pytest.raises(CheckpointError):
        Spaces().get(str(folder))


def test_images_of_another_shape_and_codes_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    folder = save_digits(tmp_path / "shape", dataset="mnist")
    with pytest.raises(CheckpointError, match="28"):
        open_space(load_checkpoint(folder), "shape")
    for latent in (2, 5):
        checkpoint = load_checkpoint(save_digits(tmp_path / str(latent), latent=latent))
        for parameter in checkpoint.model.encoder.parameters():
            parameter.fill_(3e38)
        with pytest.raises((CheckpointError, ValueError)):
            open_space(checkpoint, "codes")


@pytest.mark.parametrize("text", ["[]", "{", '{"elbo": NaN}', '{"elbo": 1e999}', '{"elbo": "x"}', '{"elbo": true}',
                                  '{"elbo": ' + "9" * 400 + "}", "[" * 100_000])  # fmt: skip
def test_a_spoilt_evaluation_leaves_the_number_out(tmp_path: Path, text: str) -> None:
    folder = save_digits(tmp_path / "a")
    (folder / "evaluation.json").write_text(text)
    assert summarise("a", folder).elbo is None
    json.dumps(describe(Spaces().get(str(folder))), allow_nan=False)


def test_what_is_kept_is_made_once_and_nothing_is_kept_of_none_or_of_a_fault() -> None:
    kept, made = Kept(2), []
    assert kept.get("none", lambda: made.append(1)) is None
    assert kept.get("none", lambda: "now") == "now"
    with pytest.raises(ZeroDivisionError):
        kept.get("fault", lambda: 1 / 0)
    assert kept.get("fault", lambda: "mended") == "mended"
    assert kept.get("third", lambda: "third") == "third" and len(kept) == 2
    assert kept.get("none", lambda: "again") == "again"
    assert not kept._making


def test_a_damaged_model_of_the_projects_own_does_not_keep_the_server_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(registry, "PRETRAINED", tmp_path)
    save_digits(tmp_path / "bad")
    spoil(tmp_path / "bad", "model.safetensors", b"")
    save_digits(tmp_path / "other", dataset="mnist"), save_digits(tmp_path / "none", dataset="nowhere")
    warm_up()
    gc.unfreeze()
    assert all(f"{name} is left out" in caplog.text for name in ("bad", "other", "none"))
