"""Sums over a field of log p(x|z) in the browser, against closed forms and against numpy; no server, no model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page

from explorer.inference.expectation.uniform import uniform_rule
from explorer.inference.expectation.wide import field_mean
from explorer.inference.quadrature.field import Grid

STEP = 0.05
ORIGIN = (-4.03, -3.71)
SIDES = (159, 150)
RATES = np.array([[7.0, -3.0], [14.0, 18.0]])  # of the cosines
SIZES = np.array([3.0, 0.4])


def f(z: np.ndarray) -> np.ndarray:
    """A parabola, as of a likelihood far away, and ripples on it; z (..., d)."""
    d = z.shape[-1]
    return -200 - 8 * (z**2).sum(-1) + 5 * z.sum(-1) + (SIZES * np.cos(z @ RATES[:, :d].T)).sum(-1)


def exact(mean: list[float], scale: list[float]) -> tuple[float, list[float]]:
    """E[f] under N(mean, diag(scale²)), and its derivatives in mean and scale, in closed form."""
    m, s = np.array(mean), np.array(scale)
    rates = RATES[:, : len(m)]
    damped = SIZES * np.exp(-0.5 * (rates * s) ** 2 @ np.ones(len(m)))
    value = -200 - 8 * (m**2 + s**2).sum() + 5 * m.sum() + (damped * np.cos(rates @ m)).sum()
    slopes = -16 * m + 5 - (damped * np.sin(rates @ m)) @ rates
    return value, [*slopes, *(-16 * s - (damped * np.cos(rates @ m)) @ (rates**2 * s))]


def made(d: int) -> tuple[dict[str, Any], np.ndarray]:
    """A field of f: facts and values, as the server sends them."""
    grids = [Grid(torch.tensor(ORIGIN[:d], dtype=torch.float64), STEP, SIDES[:d])]
    for _ in range(2):
        grids.append(grids[-1].around())
    levels, parts = [], []
    for grid in grids:
        values = f(np.stack(np.meshgrid(*(at.numpy() for at in grid.axes), indexing="ij"), -1)).astype(np.float32)
        facts = {"origin": grid.origin.tolist(), "step": grid.step, "sides": list(grid.sides)}
        levels.append({**facts, "hole": [list(part) for part in grid.hole] or None})
        parts.append(values.flatten())
    return {"levels": levels, "error": 0.0}, np.concatenate(parts)


SUM = """async ({ facts, values, places }) => {
  const { Field } = await import('/static/maths/field.mjs');
  const field = new Field(facts, Float32Array.from(values));
  return places.map(([mean, scale]) => field.expectation(mean, scale));
}"""


def summed(page: Page, d: int, places: list[tuple[list[float], list[float]]]) -> list[dict[str, Any] | None]:
    facts, values = made(d)
    return page.evaluate(SUM, {"facts": facts, "values": values.tolist(), "places": places})


WIDE = [([0.3, -0.4], [0.05, 0.06]), ([0.3, -0.4], [0.2, 0.5]), ([3.5, 3.4], [0.5, 0.6]), ([-1.0, 2.0], [3.0, 3.0])]


def test_sums_are_right(page: Page) -> None:
    places = [*WIDE, *(([m[0]], [s[0]]) for m, s in WIDE)]
    for d in (1, 2):
        some = [place for place in places if len(place[0]) == d]
        for (mean, scale), found in zip(some, summed(page, d, some), strict=True):
            assert found is not None
            value, slopes = exact(mean, scale)
            assert abs(found["value"] - value) <= min(found["error"], 1e-4 * abs(value))
            np.testing.assert_allclose(found["slopes"], slopes, rtol=1e-2, atol=0.05 + 3 * found["error"] / min(scale))


@pytest.mark.parametrize("narrow", [1e-4, 0.01, 0.03])
def test_between_nodes_along_one_axis_they_are_interpolated(page: Page, narrow: float) -> None:
    places = [([0.31, -0.47], [narrow, 0.3]), ([0.333, 1.2], [0.8, narrow]), ([0.01, 1.6], [narrow, 0.7])]
    for (mean, scale), found in zip(places, summed(page, 2, places), strict=True):
        assert found is not None
        value, slopes = exact(mean, scale)
        assert abs(found["value"] - value) <= min(found["error"], 0.05) and found["error"] < 0.3
        np.testing.assert_allclose(found["slopes"][:2], slopes[:2], atol=1)


def test_a_q_that_lies_between_the_nodes_or_beyond_them_is_not_summed(page: Page) -> None:
    nan, inf = float("nan"), float("inf")
    places = [([0.0, 0.0], scale) for scale in ([0.01, 0.03], [0.0, 0.0], [nan, 1.0], [0.0, inf], [-1.0, 1.0])]
    beyond = [([40.0, 0.0], [0.3, 0.3]), ([17.0, 0.0], [3.0, 3.0]), ([nan, 0.0], [1.0, 1.0])]
    assert summed(page, 2, [*places, *beyond, ([-4.5, 0.0], [0.06, 0.06])]) == [None] * 9


def test_torch_sums_the_same(page: Page) -> None:
    facts, values = made(2)
    grids, parts = [], []
    for level in facts["levels"]:
        hole = tuple(map(tuple, level["hole"] or ()))
        origin = torch.tensor(level["origin"], dtype=torch.float64)
        grids.append(Grid(origin, level["step"], tuple(level["sides"]), hole))
        count = math.prod(level["sides"])
        part, values = values[:count], values[count:]
        parts.append(torch.from_numpy(part.reshape(level["sides"])).double())
    for (mean, scale), found in zip(WIDE, summed(page, 2, WIDE), strict=True):
        factor = torch.tensor(scale, dtype=torch.float64).diag()
        mine = field_mean(tuple(grids), parts, torch.tensor(mean, dtype=torch.float64), factor)
        assert found is not None and mine is not None and found["sure"]
        assert found["value"] == pytest.approx(mine.value.item(), rel=1e-9)
        np.testing.assert_allclose(found["slopes"], [*mine.slope, *mine.spread.diag()], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [[0.04], [1.7], [0.03, 0.05], [0.2, 0.11], [3.0, 0.01]])
@pytest.mark.parametrize("most", [8_000, 500])
def test_torch_has_the_same_nodes(page: Page, scale: list[float], most: int) -> None:
    found = page.evaluate(
        """async ([scale, most]) => {
          const { uniformRule } = await import('/static/maths/gaussian.mjs');
          const { nodes, weights, ...facts } = uniformRule(scale, most, { coarser: true });
          return { ...facts, none: uniformRule(scale, most) === null, nodes: [...nodes], weights: [...weights] };
        }""",
        [scale, most],
    )
    own = torch.tensor(scale, dtype=torch.float64)
    rule = uniform_rule(own, most, coarser=True)
    assert rule is not None and len(rule) <= 1.1 * most and found["none"] == (uniform_rule(own, most) is None)
    assert found["count"] == len(rule) and found["finer"] == pytest.approx(rule.finer, rel=1e-12)
    np.testing.assert_allclose(found["nodes"], rule.nodes.flatten(), atol=1e-12)
    np.testing.assert_allclose(found["weights"], rule.weights, rtol=1e-11)
