"""UMAP maps: settings, files, and a fit that is scikit-learn's judge's good map, the same again by the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness as theirs

from explorer.projection import Embedding, ProjectionError, UmapSettings, load_embedding, save_embedding
from explorer.projection.umap_fit import _start, fit_umap

LABELS = torch.arange(50) % 10


def made_up(n: int = 50) -> Embedding:
    generator = torch.Generator().manual_seed(0)
    parts = (
        torch.rand(n, 2, generator=generator),
        torch.rand(n, generator=generator),
        torch.rand(n, generator=generator),
    )
    return Embedding(*parts, settings=UmapSettings(seed=3), made="by hand", rows=torch.arange(n))


@pytest.mark.parametrize(("name", "value"), [
    ("neighbours", 1), ("neighbours", 201), ("neighbours", 3.0), ("neighbours", True), ("min_distance", -0.1),
    ("min_distance", 1.0), ("min_distance", float("nan")), ("min_distance", "0.1"), ("metric", "minkowski"),
    ("metric", None), ("seed", -1), ("seed", 2**32), ("supervised", 1),
])  # fmt: skip
def test_settings_that_make_no_map_are_said(name: str, value: object) -> None:
    with pytest.raises(ProjectionError, match=name):
        UmapSettings(**{name: value})


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"k": 3}', "[" * 100_000, '{"seed": 1e400}', '{"neighbours": "5"}']
)
def test_settings_from_a_request_that_are_none(text: str) -> None:
    with pytest.raises(ProjectionError):
        UmapSettings.from_json(text)


def test_settings_go_through_json() -> None:
    settings = UmapSettings(neighbours=40, min_distance=0.5, metric="cosine", seed=9, supervised=True)
    assert UmapSettings.from_json(settings.to_json()) == settings
    assert UmapSettings.from_json("{}") == UmapSettings()


def test_a_file_gives_the_same_map_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "map.safetensors"
    save_embedding(path, made_up(), "0123456789abcdef")
    again = load_embedding(path, "0123456789abcdef")
    assert torch.equal(again.places, made_up().places) and torch.equal(again.continuity, made_up().continuity)
    assert again.settings == UmapSettings(seed=3) and again.made == "by hand" and len(again) == 50
    assert [*path.parent.iterdir()] == [path]
    with pytest.raises(ProjectionError, match="other codes"):
        load_embedding(path, "f" * 16)


def test_a_file_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    with pytest.raises(ProjectionError, match="cannot be read"):
        load_embedding(path)
    good = {"places": torch.zeros(5, 2), "trustworthiness": torch.zeros(5), "continuity": torch.zeros(5)}
    head = {"version": "1", "key": "k", "settings": UmapSettings().to_json(), "made": "x"}
    spoilt = [
        ({**good, "places": torch.zeros(5, 3)}, head), ({**good, "continuity": torch.zeros(4)}, head),
        ({**good, "places": torch.full((5, 2), torch.nan)}, head), ({**good, "places": torch.full((5, 2), 1e9)}, head),
        ({**good, "trustworthiness": torch.full((5,), 1.5)}, head), ({**good, "places": torch.zeros(0, 2)}, head),
        ({**good, "places": torch.zeros(5, 2, dtype=torch.float64)}, head), ({"places": good["places"]}, head),
        (good, {**head, "version": "9"}), (good, {**head, "settings": "{"}), (good, {}),
    ]  # fmt: skip
    for parts, facts in spoilt:
        save_file(parts, path, facts)
        with pytest.raises(ProjectionError):
            load_embedding(path)
    for content in (b"", b"\xff" * 100, (8).to_bytes(8, "little") + b"[[[[[[[["):
        path.write_bytes(content)
        with pytest.raises(ProjectionError, match="cannot be read"):
            load_embedding(path)


@pytest.mark.parametrize(("codes", "words"), [
    (torch.randn(9, 3), "at least 10 points"), (torch.zeros(30, 3), "nothing to map"),
    (torch.full((30, 3), torch.nan), "not finite"),
])  # fmt: skip
def test_codes_without_a_map_are_said(codes: torch.Tensor, words: str) -> None:
    with pytest.raises(ProjectionError, match=words):
        fit_umap(codes, torch.zeros(len(codes), dtype=torch.long), UmapSettings())


@pytest.mark.slow
def test_a_map_of_the_digits_is_a_good_one_and_the_same_again() -> None:
    images, labels = load_digits(return_X_y=True)
    codes, labels = torch.from_numpy(images[:500]).float() / 16, torch.from_numpy(labels[:500])
    codes[:, 5] = 0.25  # a dimension that says nothing
    codes[100:110] = codes[100]
    shares: list[float] = []
    found, notices = fit_umap(codes, labels, UmapSettings(seed=4), shares.append)
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == pytest.approx(1) and len(shares) > 8
    assert any("same for all points" in notice for notice in notices)
    assert any("9 points have the same code" in notice for notice in notices)
    assert theirs(codes, found.places, n_neighbors=15) > 0.95
    assert found.trustworthiness.mean() > 0.9 and found.continuity.mean() > 0.9
    again, _ = fit_umap(codes, labels, UmapSettings(seed=4))
    assert torch.equal(found.places, again.places)
    line, _ = fit_umap(codes[:40, 20:21], labels[:40], UmapSettings(neighbours=5))
    assert line.places.isfinite().all()
    few, notices = fit_umap(codes[:20], labels[:20], UmapSettings(neighbours=50))
    assert few.places.isfinite().all() and any("19 neighbours instead of 50" in notice for notice in notices)

    def spread(embedding: Embedding) -> float:
        """Within classes, against all."""
        places = embedding.places.numpy()
        own = np.mean([places[labels == c].var(0).sum() for c in range(10)])
        return own / places.var(0).sum()

    taught, _ = fit_umap(codes, labels, UmapSettings(seed=4, supervised=True))
    assert spread(taught) < 0.6 * spread(found)


@pytest.mark.parametrize(("metric", "dimensions"), [("cosine", 1), ("correlation", 1), ("correlation", 2)])
def test_a_metric_that_tells_nothing_apart_is_refused(metric: str, dimensions: int) -> None:
    with pytest.raises(ProjectionError, match="take euclidean"):
        fit_umap(torch.randn(50, dimensions), LABELS, UmapSettings(metric=metric))


def test_whole_and_broken_numbers_make_the_same_settings() -> None:
    assert UmapSettings(min_distance=0).to_json() == UmapSettings(min_distance=0.0).to_json()


@pytest.mark.parametrize(
    ("n", "dimensions", "doubled", "start"), [(50, 2, 0, "spectral"), (49, 2, 0, "pca"), (60, 1, 40, "random")]
)
def test_few_or_doubled_points_begin_where_a_layout_can(n: int, dimensions: int, doubled: int, start: str) -> None:
    assert _start(torch.zeros(n, dimensions), doubled) == start
