"""Nearest points against scikit-learn's; a graph's answers against all distances."""

from __future__ import annotations

import threading

import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from explorer.projection.nearest import EXACT_UP_TO, MOST_VALUES, Nearest
from explorer.serving.latents_page import near as served


def test_the_nearest_are_those_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (500, 1, 6, 5), generator=generator, dtype=torch.uint8)
    at = torch.rand(30, generator=generator)
    oracle = NearestNeighbors(n_neighbors=9, algorithm="brute").fit(images.flatten(1).double().numpy() / 255)
    distances, index = oracle.kneighbors(at.double()[None].numpy())
    found, distance = Nearest(images, 255.0).near(at, 9)
    assert found.tolist() == index[0].tolist()
    torch.testing.assert_close(distance, torch.from_numpy(distances[0]), rtol=1e-6, atol=1e-6)


def test_a_point_is_its_own_nearest_also_far_from_the_origin() -> None:
    points = 1e4 + torch.randn(50, 3, generator=torch.Generator().manual_seed(1))
    found, distance = Nearest(points).near(points[17], 60)
    assert found[0] == 17 and distance[0] == 0 and len(found) == 50


def alike(count: int, size: int) -> torch.Tensor:
    """So many points without their memory."""
    return torch.zeros(1, size, dtype=torch.uint8).expand(count, size)


@pytest.mark.parametrize(
    ("points", "many"),
    [
        (alike(EXACT_UP_TO, 2), False),
        (alike(EXACT_UP_TO + 1, 2), True),
        (alike(100_000, 3 * 32 * 32), True),  # as many pictures as a set may have
        (alike(100_000, MOST_VALUES // 100_000), True),
        (alike(100_000, MOST_VALUES // 100_000 + 1), False),
    ],
)
def test_a_graph_is_made_of_many_points_that_have_room(
    points: torch.Tensor, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = threading.Event()
    monkeypatch.setattr(Nearest, "prepare", lambda self: made.set())
    found = served._nearest(points, 255.0)
    assert found.many is many and made.wait(10 if many else 0.05) is many
    assert found.exact  # until it is there


@pytest.mark.slow  # pynndescent compiles itself for some twenty seconds
def test_above_the_stated_size_most_of_the_nearest_are_found() -> None:
    points = torch.randn(3_000, 8, generator=torch.Generator().manual_seed(2))
    exact, roughly = Nearest(points), Nearest(points)
    assert roughly.exact  # until its graph is there
    roughly.prepare()
    assert exact.exact and not roughly.exact
    shared = 0
    for row in range(0, 3_000, 150):
        at = points[row] + 0.1
        shared += len({*exact.near(at, 10)[0].tolist()} & {*roughly.near(at, 10)[0].tolist()})
    assert shared >= 190  # of 200
