"""A curved map's way back: a regression of what is near, smooth, and the image's own where it lies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from explorer.projection import Local
from explorer.projection.local import NEIGHBOURS, RIDGE


def curved(n: int = 400, d: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Codes (n, d) that are a smooth function of their places (n, 2)."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(n, 2, generator=generator, dtype=torch.float64) * 4 - 2
    mixing = torch.randn(6, d, generator=generator, dtype=torch.float64)
    x, y = places.T
    return torch.stack([x, y, x * y, x.sin(), y.cos(), x**2], 1) @ mixing, places


def test_the_neighbours_and_the_regression_are_scikit_learns() -> None:
    codes, places = curved()
    local = Local(codes, places)
    u = torch.tensor([[0.3, -0.4], [1.2, 1.1]], dtype=torch.float64)
    lifted = local.lift(u)
    distance, index = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(places.numpy()).kneighbors(u.numpy())
    for i in range(len(u)):
        near, far = index[i, :-1], distance[i, -1]
        weight = (1 - (distance[i, :-1] / far) ** 3) ** 3
        weight /= weight.sum()
        y, z = places.numpy()[near], codes.numpy()[near]
        # Ridge regression as ordinary regression with made-up points, that pull the slopes to zero.
        centre, mean = weight @ y, weight @ z
        total = (weight[:, None] * (y - centre) ** 2).sum()
        rows = np.concatenate([(y - centre) * weight[:, None] ** 0.5, np.sqrt(RIDGE * total / 2) * np.eye(2)])
        aims = np.concatenate([(z - mean) * weight[:, None] ** 0.5, np.zeros((2, z.shape[1]))])
        fitted = LinearRegression(fit_intercept=False).fit(rows, aims)
        np.testing.assert_allclose(lifted.slopes[i].numpy(), fitted.coef_, rtol=1e-9, atol=1e-12)
        expected = mean + fitted.coef_ @ (u[i].numpy() - centre)
        np.testing.assert_allclose(lifted.z[i].numpy(), expected, rtol=1e-9, atol=1e-12)
        regressed = mean + (y - centre) @ fitted.coef_.T
        spread = np.sqrt(weight @ ((z - regressed) ** 2).sum(1))
        assert lifted.spread[i].item() == pytest.approx(spread, rel=1e-9)
    placed = local.place(codes[:3] + 0.01)
    distance, index = (
        NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(codes.numpy()).kneighbors(codes[:3].numpy() + 0.01)
    )
    weight = (1 - (distance[:, :-1] / distance[:, -1:]) ** 3) ** 3
    expected = (weight[..., None] * places.numpy()[index[:, :-1]]).sum(1) / weight.sum(1, keepdims=True)
    np.testing.assert_allclose(placed.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_what_a_map_knows_all_of_has_no_spread() -> None:
    places = torch.rand(2_000, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 4 - 2
    codes = places @ torch.tensor([[1.0, -2.0, 0.5], [0.3, 1.0, 2.0]], dtype=torch.float64)
    lifted = Local(codes, places).lift(torch.tensor([[0.2, -0.7], [1.0, 1.1]]))
    size = torch.cdist(places, torch.tensor([[0.2, -0.7]], dtype=torch.float64)).sort(0).values[NEIGHBOURS].item()
    # What is left is what the ridge takes off the slopes, of 2.2 and 2.3 code units a map unit.
    assert lifted.spread.max() < RIDGE * 2.3 * size


def test_codes_are_near_as_a_ruler_says() -> None:
    codes, places = curved()
    stretched = codes * torch.tensor([1.0, 1.0, 1.0, 1.0, 50.0])  # the last coordinate would drown all others
    ruler = torch.diag(torch.tensor([1.0, 1.0, 1.0, 1.0, 1 / 50], dtype=torch.float64))
    z = stretched[:5] + 0.02
    by_ruler = Local(stretched, places, ruler=ruler)
    torch.testing.assert_close(by_ruler.place(z), Local(codes, places).place(z @ ruler))
    assert (by_ruler.place(z) - Local(stretched, places).place(z)).abs().max() > 0.01
    torch.testing.assert_close(by_ruler.lift(places[:3]).z, Local(stretched, places).lift(places[:3]).z)


def test_more_points_lift_nearer_to_the_truth() -> None:
    errors = []
    for n in (200, 2_000, 20_000):
        codes, places = curved(n)
        # The last tenth is held out.
        held = n // 10
        codes, truth, places, u = codes[:-held], codes[-held:], places[:-held], places[-held:]
        inside = u.abs().amax(1) < 1.6  # not at the rim, where neighbours lie on one side
        truth, u = truth[inside], u[inside]
        errors.append((Local(codes, places).lift(u).z - truth).square().mean().sqrt().item())
    assert errors[1] < 0.4 * errors[0] and errors[2] < 0.4 * errors[1]


def test_a_drag_is_smooth_and_begins_at_the_image_itself() -> None:
    codes, places = curved()
    local = Local(codes, places)
    anchor = codes[7] + 0.5  # which the map does not know of
    torch.testing.assert_close(local.lift_from(places[7], anchor, places[7])[0], anchor)
    way = places[7] + torch.linspace(0, 1, 4_001, dtype=torch.float64)[:, None] * (places[99] - places[7])
    steps = local.lift_from(way, anchor, places[7]).diff(dim=0).norm(dim=1)
    assert steps.max() < 12 * steps.median()  # no jump where a neighbour comes or goes
    far = places[7] + torch.tensor([50.0, 0.0])
    torch.testing.assert_close(local.lift_from(far, anchor, places[7]), local.lift(far).z)


@pytest.mark.parametrize("n", [2, 3, 8])
def test_few_points_and_points_in_one_place(n: int) -> None:
    codes, places = curved(n)
    lifted = Local(codes, places).lift(torch.zeros(1, 2))
    assert lifted.z.isfinite().all() and lifted.slopes.isfinite().all()
    for place in ([0.0, 0.0], [0.1, 0.7]):
        heap = Local(codes.repeat(20, 1), torch.tensor([place]).repeat(20 * n, 1))
        lifted = heap.lift(torch.tensor([place, [3.0, 1.0]]))
        assert lifted.z.isfinite().all() and lifted.slopes.abs().max() < 1e-12
        assert (heap.place(codes) - torch.tensor(place)).abs().max() < 1e-6
