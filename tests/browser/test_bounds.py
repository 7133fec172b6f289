"""The ladder of bounds and what the dimensions carry, on the page, against torch and numpy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

import explorer
from explorer.datasets import load_dataset
from explorer.datasets.binarise import repeatable
from explorer.inference.ladder import KS, ladder
from tests.browser.harness import READY, centre, settle, term


@pytest.fixture
def tab(visit, address):
    def open_(query: str):
        page = visit(f"{address}/elbo?{query}")
        page.wait_for_selector(READY, timeout=30_000)
        page.wait_for_selector("[data-testid=term-log-evidence][data-value]")
        return page

    return open_


def rung(page, k: int) -> tuple[float, float, int]:
    row = page.get_by_test_id(f"ladder-k-{k}")
    error = row.get_attribute("data-error")
    return float(row.get_attribute("data-value")), float(error or math.inf), int(row.get_attribute("data-groups"))


def all_drawn(page) -> None:
    page.wait_for_function(
        "() => Number(document.querySelector('[data-testid=\"ladder-k-5000\"]').dataset.groups) >= 8", timeout=60_000
    )


def test_the_ladder_climbs_from_the_elbo_to_log_p_as_torchs_does(tab):
    page = tab("model=mnist-2d&image=1&tab=ladder")
    settle(page)
    all_drawn(page)
    found = {k: rung(page, k) for k in KS}
    values = [found[k][0] for k in KS]
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(values))  # one pool: never down
    value, error, groups = found[1]
    assert groups == 40_000 and abs(value - term(page, "elbo")) < 4 * error  # standard errors
    assert values[-1] < term(page, "log-evidence") + 4 * found[5_000][1]
    model = explorer.load("mnist-2d")
    x = repeatable(load_dataset("mnist", "test").images[:2], "dynamic")[1:]
    for other in ladder(model, x, generator=torch.Generator().manual_seed(5)):
        mine, spread, _ = found[other.k]
        assert abs(mine - other.value) < 5 * math.hypot(spread, other.error) + 1e-3, other.k  # standard errors
    # Dragged away it begins anew, for the q that is there now.
    x0, y0 = centre(page)
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x0 + 90, y0 - 40, steps=6)
    page.mouse.up()
    page.wait_for_function(
        "() => Number(document.querySelector('[data-testid=\"ladder-k-1\"]').dataset.groups) < 39000"
    )
    settle(page)
    all_drawn(page)
    value, error, _ = rung(page, 1)
    assert abs(value - term(page, "elbo")) < 5 * error + 0.05
    assert page.get_by_test_id("ladder-remark").is_visible()  # the heavy tail, said in words


@pytest.mark.parametrize("name", ["mnist-2d", "mnist-16d"])
def test_units_rate_and_information(tab, name):
    page = tab(f"model={name}&image=1&tab=units")
    page.wait_for_selector("[data-testid=unit-0]", state="attached")
    model = explorer.load(name)
    x = repeatable(load_dataset("mnist", "test").images, "dynamic")
    with torch.inference_mode():
        q = [model.posterior(part).base_dist for part in x.split(2_000)]
    loc, scale = (torch.cat([getattr(part, key) for part in q]).double().numpy() for key in ("loc", "scale"))
    kl = 0.5 * (scale**2 + loc**2 - 1) - np.log(scale)
    for i in range(loc.shape[1]):
        bar = page.get_by_test_id(f"unit-{i}")
        assert float(bar.get_attribute("data-mean")) == pytest.approx(kl[:, i].mean(), abs=1e-4)
        assert (bar.get_attribute("data-active") is not None) == (loc[:, i].var() > 0.01)
    active = int((loc.var(0) > 0.01).sum())
    assert f"{active} of {loc.shape[1]} dimensions are active" in page.get_by_test_id("units-active").inner_text()
    assert ("collapsed" in page.get_by_test_id("units-active").inner_text()) == (active < loc.shape[1])
    rate = float(page.get_by_test_id("units-rate").get_attribute("data-value"))
    parts = [
        float(page.get_by_test_id(f"units-{part}").get_attribute("data-value")) for part in ("information", "marginal")
    ]
    assert rate == pytest.approx(kl.sum(1).mean(), abs=1e-3) and sum(parts) == pytest.approx(rate, abs=1e-6)
    assert parts[0] < math.log(len(x)) + 0.05
    assert ("plane alone" in page.get_by_test_id("aggregate").locator("xpath=..").inner_text()) == (loc.shape[1] > 2)
