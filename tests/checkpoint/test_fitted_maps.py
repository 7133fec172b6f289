"""Fitted maps by content: names that say what they depend on, and the folders they are found in."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from explorer.checkpoint.maps import find_map, fitted_count, list_maps, map_file, map_key, row_sums, trim_maps
from explorer.latents import Latents
from explorer.models import build
from explorer.projection import Embedding, UmapSettings, save_embedding
from tests.helpers.spaces import odd_space


def embedding(latents: Latents, settings: UmapSettings) -> Embedding:
    count = len(latents)
    places = torch.randn(count, 2, generator=torch.Generator().manual_seed(count))
    return Embedding(places, torch.rand(count), torch.rand(count), settings, "by hand", row_sums(latents, count))


def test_a_map_has_the_name_of_all_it_depends_on(tmp_path: Path) -> None:
    space = odd_space(tmp_path)
    model, latents = space.checkpoint.model, space.latents
    key = map_key(model, latents, UmapSettings())
    assert len(key) == 16 and key == map_key(model, latents, UmapSettings())
    # The last digits of codes differ from machine to machine: they make no other map.
    assert key == map_key(model, replace(latents, loc=latents.loc + 1e-6), UmapSettings())
    other = build(space.checkpoint.config.model, seed=2).eval()
    others = [
        map_key(other, latents, UmapSettings()),
        map_key(model, replace(latents, x=latents.x[:].flip(0)), UmapSettings()),
        map_key(model, replace(latents, labels=latents.labels + 1), UmapSettings()),
        map_key(model, latents, UmapSettings(seed=1)),
        map_key(model, latents, UmapSettings(supervised=True)),
    ]
    assert len({key, *others}) == 6


def test_maps_are_found_beside_the_model_or_in_the_data_folder(tmp_path: Path) -> None:
    space = odd_space(tmp_path / "model")
    model, latents = space.checkpoint.model, space.latents
    folders = (tmp_path / "model", tmp_path / "data")
    beside, kept = UmapSettings(), UmapSettings(seed=5)
    for folder, settings in zip(folders, (beside, kept), strict=True):
        key = map_key(model, latents, settings)
        save_embedding(map_file(folder, key), embedding(latents, settings), key)
    # Of another model, and one that is no map at all: neither is listed, and neither does harm.
    save_embedding(map_file(folders[1], "0" * 16), embedding(latents, UmapSettings(seed=9)), "0" * 16)
    map_file(folders[1], "f" * 16).write_bytes(b"no map")
    found = dict(list_maps(folders, model, latents, 300))
    assert {key: map.settings for key, map in found.items()} == {
        map_key(model, latents, settings): settings for settings in (beside, kept)
    }
    assert find_map(folders, "f" * 16, latents, 300) is None and find_map(folders, "a" * 16, latents, 300) is None


def test_of_too_many_maps_the_newest_are_kept_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.checkpoint.maps.MOST_FILES", 3)
    space = odd_space(tmp_path / "model")
    model, latents = space.checkpoint.model, space.latents
    keys = []
    for seed in range(5):
        settings = UmapSettings(seed=seed)
        keys.append(map_key(model, latents, settings))
        save_embedding(map_file(tmp_path, keys[-1]), embedding(latents, settings), keys[-1])
        os.utime(map_file(tmp_path, keys[-1]), ns=(seed, seed))
    assert {key for key, _ in list_maps((tmp_path,), model, latents, 300)} == {*keys[2:]}
    trim_maps(tmp_path)
    assert {path.stem for path in (tmp_path / "projections").iterdir()} == {*keys[2:]}


def first(latents: Latents, count: int) -> Latents:
    rows = {name: getattr(latents, name)[:count] for name in ("images", "x", "labels", "loc", "scale")}
    return replace(latents, **rows)


def test_a_map_of_a_gallery_does_not_stand_for_one_of_all_images(tmp_path: Path) -> None:
    latents = odd_space(tmp_path / "model").latents
    key = "0123456789abcdef"
    save_embedding(map_file(tmp_path, key), embedding(first(latents, 100), UmapSettings()), key)
    assert find_map((tmp_path,), key, latents, 101) is None
    for count in (100, 60):
        assert find_map((tmp_path,), key, first(latents, count), count) is not None


def test_a_map_of_other_images_behind_the_same_first_ones_is_none(tmp_path: Path) -> None:
    latents = odd_space(tmp_path / "model").latents
    key = "0123456789abcdef"
    save_embedding(map_file(tmp_path, key), embedding(latents, UmapSettings()), key)
    assert find_map((tmp_path,), key, latents, 300) is not None
    images, labels = latents.images.clone(), latents.labels.clone()
    images[200, 0, 0, 0] ^= 1
    labels[299] += 1
    assert find_map((tmp_path,), key, replace(latents, images=images), 300) is None
    assert find_map((tmp_path,), key, replace(latents, labels=labels), 300) is None


@pytest.mark.parametrize(("count", "fitted"), [(1_000, 1_000), (20_000, 20_000), (70_000, 20_000)])
def test_large_sets_are_fitted_in_part(count: int, fitted: int) -> None:
    assert fitted_count(count) == fitted
