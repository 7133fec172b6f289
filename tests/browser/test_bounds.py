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
from explorer.inference.evidence.ladder import KS, ladder
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


def drawn(page, draws: int = 40_000) -> None:
    page.wait_for_function(
        f"Number(document.querySelector('[data-testid=ladder]').dataset.draws) >= {draws}", timeout=60_000
    )


def across(page, count: int) -> list[int]:
    """The dimensions in the order in which they stand."""
    left = [page.get_by_test_id(f"unit-{i}").bounding_box()["x"] for i in range(count)]
    return np.argsort(left).tolist()


def test_the_ladder_climbs_from_the_elbo_to_log_p_as_torchs_does(tab):
    page = tab("model=mnist-2d&image=1&tab=ladder")
    settle(page)
    drawn(page)
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
    page.mouse.move(x0 + 140, y0 - 60, steps=6)
    assert page.get_by_test_id("ladder").get_attribute("data-stale") == "true"  # nothing is drawn for a q in motion
    assert "moving" in page.get_by_test_id("ladder-draws").inner_text()
    page.mouse.up()
    page.wait_for_function(
        "() => Number(document.querySelector('[data-testid=\"ladder-k-1\"]').dataset.groups) < 39000"
    )
    settle(page)
    drawn(page, 10_000)
    value, error, _ = rung(page, 1)
    assert abs(value - term(page, "elbo")) < 5 * error + 0.05
    assert page.get_by_test_id("ladder-remark").is_visible()  # the heavy tail, said in words
    assert float(page.get_by_test_id("ladder-effective").get_attribute("data-value")) < 50
    # While a point is dragged it is the encoder's q, as at first, and the same draws.
    page.get_by_test_id("mode-point").click()
    page.wait_for_selector("[data-testid=ladder][data-stale=false]")
    drawn(page)
    assert {k: rung(page, k) for k in KS} == {k: pytest.approx(row, rel=1e-6) for k, row in found.items()}
    assert "encoder" in page.get_by_test_id("ladder").inner_text()


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
        assert float(bar.get_attribute("data-own")) == pytest.approx(kl[1, i], abs=1e-4)  # q is the encoder's still
        assert (bar.get_attribute("data-active") is not None) == (loc[:, i].var() > 0.01)
    assert across(page, loc.shape[1]) == np.argsort(-kl.mean(0)).tolist()
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
    if loc.shape[1] > 2:
        page.get_by_test_id("units-by-index").click()
        assert across(page, loc.shape[1]) == [*range(loc.shape[1])]
        assert page.get_by_test_id("units-ceiling").count() == 1  # of 10,000 images none is taken for another
        return
    # Samples of the prior that fall into holes of q(z), by throwing dice where the page sums over bins.
    z = np.random.default_rng(0).standard_normal((2_000, 2))
    precision = 1 / scale**2
    log_each = z @ (loc * precision).T - 0.5 * (z**2) @ precision.T - 0.5 * (loc**2 * precision).sum(1)
    log_each -= np.log(scale).sum(1)
    log_ratio = np.logaddexp.reduce(log_each, 1) - math.log(len(loc)) + 0.5 * (z**2).sum(1)
    share = (log_ratio < -math.log(10)).mean()
    deviation = math.sqrt(share * (1 - share) / len(z))
    found = float(page.get_by_test_id("aggregate").get_attribute("data-holes"))
    assert abs(found - share) < 4 * deviation + 0.005  # standard errors, and the bins'
    page.get_by_test_id("mode-point").click()
    page.wait_for_function(
        "document.querySelector('[data-testid=units-image]').textContent.includes('drag a Gaussian')"
    )
