"""A q dragged wide with the real mouse: right within what is said while it is held, and to the digits shown at rest."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

import explorer
from explorer.datasets import load_dataset
from explorer.datasets.binarise import repeatable
from tests.browser.harness import asked, centre, settle, term

HALF = 0.005  # a number on screen without an error stands for what is within half of its last digit


@torch.inference_mode()
def reconstruction(name: str, index: int, mean: list[float], scale: list[float]) -> float:
    """E_q[log p(x|z)] on a fine grid, by the rectangle rule; as good as digits go."""
    model = explorer.load(name)
    x = repeatable(load_dataset(name.removesuffix("-2d"), "test").images[: index + 1], "dynamic")[index:]
    axes, weights = [], []
    for s in scale:
        eps = torch.arange(-6.3, 6.3, min(0.4, 0.02 / s), dtype=torch.float64)
        axes.append(eps * s)
        weights.append(torch.softmax(-0.5 * eps.square(), 0))
    z = torch.tensor(mean) + torch.cartesian_prod(*axes)
    values = torch.cat([model.likelihood(part.float()).log_prob(x) for part in z.split(4_096)])
    weight: Tensor = weights[0][:, None] * weights[1]
    return (weight.flatten() * values.double()).sum().item()


def stated(page) -> float:
    """The error beside the reconstruction."""
    text = page.locator(".lx-term.lx-reconstruction .lx-error").inner_text()
    number = re.fullmatch(r"± ([0-9.]+)", text)
    assert number or not text, text
    return float(number[1]) if number else 0.0


@pytest.mark.parametrize(
    ("name", "image"), [("mnist-2d", 964), pytest.param("fashion-mnist-2d", 55, marks=pytest.mark.slow)]
)
def test_a_scale_dragged_wide_is_right_within_what_is_said(open_page, name, image):
    page = open_page(f"model={name}&image={image}")
    settle(page)
    x, y = centre(page, "latent-scale-0")
    page.mouse.move(x, y)
    page.mouse.down()
    fetched = "part => performance.getEntriesByType('resource').some(({ name }) => RegExp(part).test(name))"
    page.wait_for_function(fetched, arg=rf"/field/.*/{image}\.bin$")  # it may have come before
    for reach in (12, 80):
        page.mouse.move(x + reach, y, steps=6)
    before = None
    while before != (before := term(page, "kl")):  # until the last move is measured
        page.wait_for_timeout(60)
    held, error = term(page, "reconstruction"), stated(page)
    assert page.get_by_test_id("term-elbo").get_attribute("data-rule") == "live"
    page.mouse.up()
    settle(page)
    mean, scale = ([float(part) for part in asked(page)[key][0].split(",")] for key in ("at", "scale"))
    exact = reconstruction(name, image, mean, scale)
    assert scale[0] > 0.2
    assert abs(held - exact) <= error + HALF and error < 0.5
    assert stated(page) == 0 and abs(term(page, "reconstruction") - exact) <= HALF
    assert page.get_by_test_id("torch-check").get_attribute("data-kind") == "agrees"
