"""UMAP maps: settings, files, and a fit that is scikit-learn's judge's good map, the same again by the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness as theirs

from explorer.projection import Embedding, ProjectionError, UmapSettings, load_embedding, save_embedding
from explorer.projection.embedding import VERSION
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


def file_of(embedding: Embedding) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Parts and facts, as `save_embedding` writes them."""
    parts = {name: getattr(embedding, name).clone() for name in ("places", "trustworthiness", "continuity", "rows")}
    if embedding.ruler is not None:
        parts["ruler"] = embedding.ruler.clone()
    return parts, {"version": VERSION, "key": "k", "settings": embedding.settings.to_json(), "made": "x"}


GOOD, HEAD = file_of(made_up(5))
SEEN = {**HEAD, "settings": UmapSettings(metric="decoded").to_json()}


@pytest.mark.parametrize(("parts", "facts", "words"), [
    ({"places": torch.zeros(5, 3)}, {}, "two coordinates and two columns"),
    ({"places": torch.zeros(0, 2)}, {}, "two coordinates and two columns"),
    ({"continuity": torch.zeros(4)}, {}, "two coordinates and two columns"),
    ({"places": torch.full((5, 2), torch.nan)}, {}, "numbers that no map has"),
    ({"places": torch.full((5, 2), 1e9)}, {}, "numbers that no map has"),
    ({"trustworthiness": torch.full((5,), 1.5)}, {}, "numbers that no map has"),
    ({"continuity": torch.full((5,), torch.nan)}, {}, "numbers that no map has"),
    ({"places": torch.zeros(5, 2, dtype=torch.float64)}, {}, "float32"),
    ({"rows": torch.arange(4)}, {}, "which images"),
    ({"rows": torch.zeros(5)}, {}, "which images"),
    ({"rows": None}, {}, "this version"),
    ({"more": torch.zeros(1)}, {}, "this version"),
    ({}, {"version": "1"}, "this version"),
    ({}, {"version": None}, "this version"),
    ({}, {"settings": "{"}, "not JSON"),
    ({}, {"settings": None}, "not JSON"),
    ({"ruler": torch.eye(3)}, {}, "how far"),
    ({}, SEEN, "how far"),
    ({"ruler": torch.zeros(3, 2)}, SEEN, "how far"),
    ({"ruler": torch.full((3, 3), torch.inf)}, SEEN, "how far"),
    ({"ruler": torch.eye(3, dtype=torch.float64)}, SEEN, "how far"),
])  # fmt: skip
def test_a_file_that_is_none_is_a_sentence(tmp_path: Path, parts: dict, facts: dict, words: str) -> None:
    path = tmp_path / "map.safetensors"
    save_file(GOOD, path, HEAD)
    assert len(load_embedding(path)) == 5
    parts, facts = ({key: value for key, value in one.items() if value is not None} for one in (
        {**GOOD, **parts}, {**HEAD, **facts}
    ))  # fmt: skip
    save_file(parts, path, facts)
    with pytest.raises(ProjectionError, match=words):
        load_embedding(path)


@pytest.mark.parametrize("content", [None, b"", b"\xff" * 100, (8).to_bytes(8, "little") + b"[[[[[[[["])
def test_what_is_no_file_of_tensors_is_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "map.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProjectionError, match="cannot be read"):
        load_embedding(path)


def test_a_map_by_decoded_images_keeps_its_ruler(tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    made = replace(made_up(), settings=UmapSettings(metric="decoded"), ruler=torch.rand(3, 3))
    save_embedding(path, made, "k")
    assert torch.equal(load_embedding(path, "k").ruler, made.ruler)


def test_a_folder_that_cannot_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    path.mkdir()  # in the file's place
    with pytest.raises(OSError):
        save_embedding(path, made_up(), "k")
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(("codes", "words"), [
    (torch.randn(9, 3), "at least 10 points"), (torch.zeros(30, 3), "nothing to map"),
    (torch.full((30, 3), torch.nan), "not finite"), (torch.full((30, 3), 0.1), "nothing to map"),
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
    assert any("10 points have the same code" in notice for notice in notices)
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
    codes = torch.randn(50, dimensions)
    # Dimensions that are the same for all tell nothing apart either.
    for more in (codes, torch.cat([codes, torch.full((50, 3), 0.3)], 1)):
        with pytest.raises(ProjectionError, match="take euclidean"):
            fit_umap(more, LABELS, UmapSettings(metric=metric))


def test_codes_that_all_look_alike_are_said() -> None:
    with pytest.raises(ProjectionError, match="the same image"):
        fit_umap(torch.randn(50, 2), LABELS, UmapSettings(metric="decoded"), seen=torch.ones(50, 4))


def test_whole_and_broken_numbers_make_the_same_settings() -> None:
    assert UmapSettings(min_distance=0).to_json() == UmapSettings(min_distance=0.0).to_json()


@pytest.mark.parametrize(
    ("n", "dimensions", "doubled", "start"), [(50, 2, 0, "spectral"), (49, 2, 0, "pca"), (60, 1, 40, "random")]
)
def test_few_or_doubled_points_begin_where_a_layout_can(n: int, dimensions: int, doubled: int, start: str) -> None:
    assert _start(torch.zeros(n, dimensions), doubled) == start
