"""Variational inference by hand: the contestants' gaps, the gradient, and the climb."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch

import explorer
from explorer.datasets import load_dataset
from explorer.datasets.binarise import repeatable
from tests.browser.harness import READY, centre, settle, term


@pytest.fixture
def game(visit, address):
    def open_(query: str):
        page = visit(f"{address}/elbo?{query}")
        page.wait_for_selector(READY, timeout=30_000)
        page.wait_for_selector("[data-testid=gap-diagonal][data-value]")
        return page

    return open_


def gap(page, name: str) -> float:
    return float(page.get_by_test_id(f"gap-{name}").get_attribute("data-value"))


def test_climbing_ends_at_the_best_diagonal_gaussian_and_never_falls(game):
    page = game("model=mnist-2d&image=4")
    start, best = gap(page, "encoder"), gap(page, "diagonal")
    assert start > best + 1 and gap(page, "full") <= best + 0.01
    page.get_by_test_id("step-uphill").click()
    page.wait_for_function(f"() => document.querySelector('[data-testid=term-gap]').dataset.value < {start - 0.1}")
    settle(page)
    page.get_by_test_id("climb").click()
    seen = []
    while "top" not in page.get_by_test_id("climb-status").inner_text():
        seen.append(term(page, "gap"))
        page.wait_for_timeout(40)
        assert len(seen) < 500
    settle(page)
    assert term(page, "gap") == pytest.approx(best, abs=0.03)
    assert all(b < a + 0.3 for a, b in itertools.pairwise(seen))  # the few nodes of a drag are about right
    assert "best" in page.get_by_test_id("game-verdict").inner_text()
    # The others' places are one press away.
    page.get_by_test_id("put-encoder").click()
    page.wait_for_timeout(200)
    settle(page)
    assert term(page, "gap") == pytest.approx(start, abs=0.02)
    page.get_by_test_id("put-diagonal").click()
    page.wait_for_timeout(200)
    settle(page)
    assert term(page, "gap") == pytest.approx(best, abs=0.02)


def test_the_gradient_is_autograds_and_its_arrow_follows_the_drag(game):
    page = game("model=mnist-2d&image=4&at=-0.2,0.7&scale=0.05,0.08")
    page.wait_for_selector("[data-testid=gradient][data-value]")
    found = np.array(json.loads(page.get_by_test_id("gradient").get_attribute("data-value")))
    model = explorer.load("mnist-2d")
    x = repeatable(load_dataset("mnist", "test").images[:5], "dynamic")[4:]
    m = torch.tensor([-0.2, 0.7], dtype=torch.float64, requires_grad=True)
    s = torch.tensor([0.05, 0.08], dtype=torch.float64, requires_grad=True)
    points, weights = np.polynomial.hermite_e.hermegauss(30)
    eps = torch.from_numpy(np.stack(np.meshgrid(points, points), -1).reshape(-1, 2))
    weight = torch.from_numpy(np.outer(weights, weights).ravel() / weights.sum() ** 2)
    log_likelihood = model.likelihood((m + s * eps).float()).log_prob(x).double()
    kl = (0.5 * (s.square() + m.square() - 1) - s.log()).sum()
    expected = torch.cat(torch.autograd.grad((weight * log_likelihood).sum() - kl, (m, s))).numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=0.05)

    tip = page.get_by_test_id("arrow-mean").get_attribute("d")
    assert tip
    x0, y0 = centre(page)
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x0 + 50, y0 + 30, steps=6)
    page.wait_for_timeout(120)
    moved = page.get_by_test_id("arrow-mean").get_attribute("d")
    page.mouse.up()
    assert moved and moved != tip
    page.get_by_test_id("arrow").click()
    assert page.get_by_test_id("arrow-mean").get_attribute("d") == ""


def test_a_single_point_has_no_elbo_to_play_with(game):
    page = game("model=mnist-2d&image=4")
    page.get_by_test_id("mode-point").click()
    assert "Gaussian q" in page.get_by_test_id("game-verdict").inner_text()
    assert page.get_by_test_id("step-uphill").is_disabled()
    assert term(page, "log-evidence") < 0  # still there: it belongs to the image
    page.get_by_test_id("tab-derivation").click()
    assert "whole q" in page.get_by_test_id("identity-check").inner_text()
