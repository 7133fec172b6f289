"""The routes of the page of the latents: their numbers against other ways to them, and a sentence for bad requests."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from starlette.testclient import TestClient
from torch.distributions import kl_divergence

from explorer.checkpoint import maps as fitted_maps
from explorer.checkpoint.maps import map_file
from explorer.geometry import length, mean_decoder, straight
from explorer.inference import elbo
from explorer.jobs import Database, JobError
from explorer.jobs.maps.table import Fits
from explorer.projection import Local, UmapSettings, load_embedding, save_embedding
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import SPACES, Space
from tests.helpers.people import come_as
from tests.serving.latents.asking import keep_map, packed, post

# Maps


def test_maps_are_listed_and_their_points_served(client: TestClient, space: Space, data: Path) -> None:
    manifest = describe(space)
    assert client.get(manifest["maps"]).json() == {"maps": [], "fits": [], "known": True}
    key, made = keep_map(space, data, UmapSettings(seed=11))
    (listed,) = client.get(manifest["maps"]).json()["maps"]
    assert listed["id"] == key and listed["settings"]["seed"] == 11
    assert listed["trustworthiness"] == pytest.approx(made.trustworthiness.mean().item(), abs=1e-6)
    answer = client.get(manifest["map"].format(name=key))
    assert answer.headers["Cache-Control"] == "no-cache"
    facts, values = packed(answer.content)
    n = len(space.latents)
    assert facts["count"] == facts["fitted"] == n and len(values) == 4 * n
    assert np.array_equal(values[: 2 * n].reshape(n, 2), made.places.numpy())
    for name in ("0" * 16, "../config", "nothing"):
        assert client.get(manifest["map"].format(name=name)).status_code == 404
    again = replace(made, places=made.places + 1)  # fitted elsewhere: the name is the same
    save_embedding(map_file(data, key), again, key)
    assert np.array_equal(packed(client.get(manifest["map"].format(name=key)).content)[1][: 2 * n], values[: 2 * n] + 1)


def test_fits_are_not_taken_for_gone_while_the_folder_is_away(
    client: TestClient, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Fits:
        raise JobError("The data folder cannot be read.")

    monkeypatch.setattr("explorer.serving.latents_page.fitted_maps.open_fits", away)
    assert client.get(describe(space)["maps"]).json() == {"maps": [], "fits": [], "known": False}


@pytest.mark.parametrize("limit", ["MOST_SLOPES", "MOST_SOLVED", "MOST_WORK"])
def test_a_geodesic_that_would_take_too_much_is_refused(
    client: TestClient, space: Space, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    state = {"places": space.latents.loc[:2].tolist(), "steps": 16, "ways": ["geodesic"]}
    assert post(client, space, "ways", state)["geodesic"]["z"]
    monkeypatch.setattr(f"explorer.serving.latents_page.ways.{limit}", 100)
    state["steps"] = 17  # the answer to the first question is kept
    assert "would take minutes" in post(client, space, "ways", state, 400)
    assert post(client, space, "ways", {**state, "ways": ["straight"]})["straight"]["z"]


def test_a_plane_is_judged_as_scikit_learn_judges_it(client: TestClient, space: Space) -> None:
    url, codes = describe(space)["trust"], space.latents.loc.numpy()
    n = len(codes)
    corners = codes[[4, 9, 30]]
    across, _ = np.linalg.qr((corners[1:] - corners[0]).T)
    places = {"pca": PCA(2).fit_transform(codes), "axes-3-1": codes[:, [2, 0]], "images-4-9-30": codes @ across}
    for name, u in places.items():
        facts, values = packed(client.get(url.format(name=name)).content)
        assert facts == {"fitted": n, "judged_by": 30} and len(values) == 2 * n
        assert values[:n].mean() == pytest.approx(trustworthiness(codes, u, n_neighbors=30), abs=1e-6)
        assert values[n:].mean() == pytest.approx(trustworthiness(u, codes, n_neighbors=30), abs=1e-6)


@pytest.mark.parametrize("name", ["identity", "axes-1-4", "axes-2-2", "axes-0-1", f"images-1-2-{10**9 - 1}",
                                  "images-3-3-5", "axes-1", "umap-0123456789abcdef", "..%2fconfig"])  # fmt: skip
def test_a_plane_that_is_none_is_not_judged(client: TestClient, space: Space, name: str) -> None:
    assert client.get(describe(space)["trust"].format(name=name)).status_code == 404


def test_copies_of_a_model_have_their_own_maps(client: TestClient, space: Space, folder: Path, tmp_path: Path) -> None:
    twin_folder = Path(shutil.copytree(folder, tmp_path / "twin"))
    key, _ = keep_map(space, twin_folder, UmapSettings(seed=31))
    twin = SPACES.get(str(twin_folder))
    assert twin.key == space.key
    for _ in range(2):
        assert client.get(describe(twin)["map"].format(name=key)).status_code == 200
        assert client.get(describe(space)["map"].format(name=key)).status_code == 404


def test_whoever_cannot_be_told_apart_stops_nobodys_fit(client: TestClient, space: Space) -> None:
    client.cookies.clear()
    asked = post(client, space, "maps", {"action": "fit", "settings": {"neighbours": 8}})
    assert not asked["own"]
    assert "no cookie" in post(client, space, "maps", {"action": "stop", "id": asked["id"]}, 400)


def test_a_list_of_maps_is_read_again_only_when_a_file_changed(
    client: TestClient, space: Space, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    monkeypatch.setattr(
        "explorer.checkpoint.maps.load_embedding", lambda *args: reads.append(args) or load_embedding(*args)
    )

    def listed() -> set[str]:
        return {entry["id"] for entry in client.get(describe(space)["maps"]).json()["maps"]}

    first, _ = keep_map(space, data, UmapSettings(seed=21))
    assert listed() == listed() == {first} and len(reads) == 1
    second, _ = keep_map(space, data, UmapSettings(seed=22))
    assert listed() == {first, second}
    map_file(data, first).write_bytes(b"spoilt")
    assert listed() == {second}
    map_file(data, second).unlink()
    assert listed() == set()


def test_points_that_are_added_are_placed_and_move_none(
    folder: Path, client: TestClient, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitted_maps, "FEW_TEST", 100)
    few, all_points = SPACES.get(str(folder)), SPACES.get(str(folder), "all")
    key, made = keep_map(few, data, UmapSettings(seed=12))
    facts, values = packed(client.get(describe(all_points)["map"].format(name=key)).content)
    n, fitted = len(all_points.latents), len(few.latents)
    u = values[: 2 * n].reshape(n, 2)
    assert facts["fitted"] == fitted < n and np.array_equal(u[:fitted], made.places.numpy())
    placed = Local(few.latents.loc, made.places).place(all_points.latents.loc[fitted:]).float()
    assert np.array_equal(u[fitted:], placed.numpy())


def test_a_fit_is_asked_for_once_and_can_be_stopped(client: TestClient, space: Space, data: Path) -> None:
    come_as(client, "ab")
    asked = post(client, space, "maps", {"action": "fit", "settings": {"neighbours": 7}})
    assert asked["state"] == "waiting" and asked["settings"]["neighbours"] == 7
    assert post(client, space, "maps", {"action": "fit", "settings": {"neighbours": 7}})["id"] == asked["id"]
    (under_way,) = client.get(describe(space)["maps"]).json()["fits"]
    assert under_way["id"] == asked["id"] and under_way["own"]
    fits = Fits(Database(data))
    codes, labels, *_ = fits.read_input(asked["id"])
    assert torch.equal(codes, space.latents.loc) and torch.equal(labels, space.latents.labels)
    fits.claim()
    stopped = post(client, space, "maps", {"action": "stop", "id": asked["id"]})
    (seen,) = client.get(describe(space)["maps"]).json()["fits"]
    assert under_way["stopping"] is False
    assert stopped["state"] == seen["state"] == "running" and stopped["stopping"] is seen["stopping"] is True
    fits.end(asked["id"], "stopped")
    (seen,) = client.get(describe(space)["maps"]).json()["fits"]
    assert (seen["state"], seen["stopping"]) == ("stopped", False)
    key, _ = keep_map(space, data, UmapSettings(seed=13))
    there = post(client, space, "maps", {"action": "fit", "settings": {"seed": 13}})
    assert (there["id"], there["state"]) == (key, "done")  # never refitted


def test_a_fit_of_another_version_does_not_hide_the_others(client: TestClient, space: Space, data: Path) -> None:
    old, new = (post(client, space, "maps", {"action": "fit", "settings": {"seed": seed}})["id"] for seed in (51, 52))
    with Database(data).open(write=True) as table:
        table.execute("UPDATE fits SET settings = '{}x' WHERE id = ?", (old,))
    assert [fit["id"] for fit in client.get(describe(space)["maps"]).json()["fits"]] == [new]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ([], "fit a map or to stop it"),
        ({"action": "go"}, "fit a map or to stop it"),
        ({"action": "fit", "settings": {"neighbours": 1}}, "neighbours must be a whole number"),
        ({"action": "fit", "settings": {"min_distance": 2}}, "min_distance must lie"),
        ({"action": "fit", "settings": {"metric": "taxi"}}, "metric is"),
        ({"action": "fit", "settings": {"speed": 1}}, "settings of a map"),
        ({"action": "fit", "settings": None}, "settings of a map"),
        ({"action": "stop", "id": "nothing"}, "no such fit"),
    ],
)
def test_bad_orders_are_sentences(client: TestClient, space: Space, order: Any, said: str) -> None:
    assert said in post(client, space, "maps", order, 400)


# Paths


def test_ways_go_from_end_to_end_and_have_their_lengths(client: TestClient, space: Space) -> None:
    a, b = space.latents.loc[3].double(), space.latents.loc[8].double()
    found = post(client, space, "ways", {"places": [a.tolist(), b.tolist()], "steps": 20})
    decode = mean_decoder(space.checkpoint.model)
    for way in found.values():
        z = torch.tensor(way["z"], dtype=torch.float64)
        assert torch.equal(z[0], a) and torch.equal(z[-1], b) and len(z) == 20
        assert way["latent"] == pytest.approx(length(z)) and way["image"] == pytest.approx(length(z, decode))
    assert found["straight"]["latent"] == pytest.approx((b - a).norm().item())
    assert found["geodesic"]["image"] <= length(straight(a, b, 20), decode) + 1e-9
    assert found["straight"]["latent"] <= found["spherical"]["latent"] + 1e-9


def test_a_drawn_line_is_followed_evenly(client: TestClient, space: Space) -> None:
    line = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 3.0, 0.0]]
    way = post(client, space, "ways", {"line": line, "steps": 9})["drawn"]
    steps = torch.tensor(way["z"]).diff(dim=0).norm(dim=1)
    assert way["latent"] == pytest.approx(4, rel=1e-6) and torch.allclose(steps, torch.full((8,), 0.5), atol=1e-6)


def test_a_path_is_as_long_as_its_legs_together(client: TestClient, space: Space) -> None:
    places = space.latents.loc[[0, 5, 10, 20, 21, 22, 23, 24]].tolist()
    together = post(client, space, "ways", {"places": places})
    assert len(together["straight"]["z"]) == 7 * 31 + 1
    for name in ("straight", "spherical"):
        parts = [post(client, space, "ways", {"places": [a, b], "ways": [name]})[name] for a, b in pairwise(places)]
        for length_in in ("latent", "image"):
            assert together[name][length_in] == pytest.approx(sum(part[length_in] for part in parts), rel=2e-3)
    assert together["geodesic"]["image"] <= together["straight"]["image"] + 1e-9


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"places": [[0, 0, 0]]}, "2 to 8 places"),
        ({"places": [[0, 0, 0]] * 9}, "2 to 8 places"),
        ({"places": [[0, 0, 0], [0, 0]]}, "each place must be 3 numbers"),
        ({"places": [[0, 0, 0], [0, 0, float("nan")]]}, "each place must lie"),
        ({"places": [[1, 1, 1], [1, 1, 1]]}, "the same one"),
        ({"places": [[0, 0, 0], [1, 0, 0]], "steps": 1}, "steps"),
        ({"places": [[0, 0, 0], [1, 0, 0]], "ways": ["up"]}, "ways must be"),
        ({"line": [[0, 0, 0], [0, 0, 0]]}, "stays in one place"),
    ],
)
def test_bad_paths_are_sentences(client: TestClient, space: Space, state: Any, said: str) -> None:
    import json

    answer = client.post(describe(space)["ways"], content=json.dumps(state))
    assert answer.status_code == 400 and said in answer.json()["error"]


@pytest.mark.parametrize(("format", "frames"), [("gif", 8), ("webp", 8), ("png", 1)])
def test_strips_are_files_of_the_decoded_images(client: TestClient, space: Space, format: str, frames: int) -> None:
    z = straight(space.latents.loc[0].double(), space.latents.loc[1].double(), 5)
    picture = Image.open(io.BytesIO(post(client, space, "strip", {"z": z.tolist(), "format": format})))
    assert picture.format == format.upper() and getattr(picture, "n_frames", 1) == frames
    side = 8 * (112 // 8)
    assert picture.size == ((5 * side, side) if format == "png" else (side, side))
    expected = mean_decoder(space.checkpoint.model)(z[:1])[0].reshape(8, 8)
    shown = np.asarray(picture.convert("L"), float)[:side:14, :side:14] / 255
    assert np.abs(shown - expected.detach().numpy()).max() < 1 / 255
    assert "format must be" in post(client, space, "strip", {"z": z.tolist(), "format": "mp4"}, 400)


# Neighbours


def test_neighbours_in_latent_space_and_in_pixels(client: TestClient, space: Space) -> None:
    z = [0.3, -0.2, 0.5]
    state = {"image": 5, "mode": "point", "z": z, "space": "latent", "of": "place", "count": 6}
    found = post(client, space, "near", state)
    distances = (space.latents.loc.double() - torch.tensor(z)).norm(dim=1)
    assert found["index"] == distances.argsort()[:6].tolist() and found["exact"]
    assert post(client, space, "near", {**state, "of": "image"})["index"][0] == 5
    grey = space.latents.images.flatten(1).double() / 255
    own = post(client, space, "near", {**state, "of": "image", "space": "pixels"})
    assert own["index"][0] == 5 and own["distance"][0] == 0
    decoded = mean_decoder(space.checkpoint.model)(torch.tensor([z], dtype=torch.float64))
    far = (grey - decoded).norm(dim=1)
    pixels = post(client, space, "near", {**state, "space": "pixels"})
    assert pixels["index"] == far.argsort()[:6].tolist()
    assert pixels["distance"] == pytest.approx(far.sort().values[:6].tolist(), abs=1e-5)
    for bad in ({"space": "sound"}, {"of": "all"}, {"count": 0}, {"z": [1, 2]}):
        assert post(client, space, "near", {**state, **bad}, 400)


# Columns


def test_columns_are_the_terms_of_every_image(client: TestClient, space: Space) -> None:
    columns = {}
    for name in ("kl", "reconstruction", "elbo"):
        answer = client.get(describe(space)["column"].format(name=name))
        facts, columns[name] = packed(answer.content)
        assert facts["name"] == name and len(columns[name]) == len(space.latents)
    model = space.checkpoint.model
    x = space.latents.observed(slice(0, 40))
    expected = kl_divergence(model.posterior(x).base_dist, model.prior().base_dist).sum(1)
    np.testing.assert_allclose(columns["kl"][:40], expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(columns["elbo"], columns["reconstruction"] - columns["kl"], atol=2e-4)
    with torch.inference_mode():
        draws = torch.stack([elbo(model, x).log_likelihood for _ in range(400)]).double()
    # The column is a mean of 8 draws: within five of its standard errors.
    error = draws.std(0) * (1 / 8 + 1 / 400) ** 0.5
    assert (np.abs(columns["reconstruction"][:40] - draws.mean(0).numpy()) < 5 * error.numpy()).all()
    facts, values = packed(client.get(describe(space)["column"].format(name="gap")).content)
    assert facts["known"] == 0 and np.isnan(values).all()
    assert client.get(describe(space)["column"].format(name="secret")).status_code == 404
