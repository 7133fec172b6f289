"""Dragging with the real mouse, by touch and by keyboard: pixels and terms follow, and torch agrees."""

from __future__ import annotations

import math
from urllib.parse import urlsplit

import pytest
import torch

import explorer
from explorer.datasets import load_dataset
from explorer.datasets.binarise import fixed
from explorer.inference import elbo
from tests.browser.harness import asked, centre, drag, pixels, settle, term

GAUSSIAN = ("reconstruction", "kl", "elbo")
POINT = ("log-likelihood", "log-prior", "log-posterior", "log-weight")


def assert_agrees(page, names) -> dict[str, float]:
    torch_terms = settle(page)
    for name in names:
        assert abs(term(page, name) - torch_terms[name.replace("-", "_")]) < 1e-3, name
    assert page.get_by_test_id("torch-check").get_attribute("data-kind") == "agrees"
    return torch_terms


@pytest.mark.parametrize(
    "model",
    # mnist-16d is dragged on each of its maps in test_latents_maps.
    [
        "mnist-2d",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("mnist-16d", "fashion-mnist-2d", "fashion-mnist-16d")
        ),
    ],
)
@pytest.mark.parametrize(("mode", "names"), [("gaussian", GAUSSIAN), ("point", POINT)])
def test_mouse_drag_changes_pixels_and_terms_and_torch_agrees(open_page, model, mode, names):
    page = open_page(f"model={model}&mode={mode}&image=3")
    before, image = {name: term(page, name) for name in names}, pixels(page, "decoded-image")
    assert_agrees(page, names)
    drag(page, 60, -45)
    assert_agrees(page, names)
    after = {name: term(page, name) for name in names}
    assert pixels(page, "decoded-image") != image
    assert all(abs(before[name] - after[name]) > 1e-2 for name in names)
    if mode == "gaussian":
        assert after["elbo"] == pytest.approx(after["reconstruction"] - after["kl"], abs=1e-9)
        assert after["kl"] > 0


@pytest.mark.parametrize("axis", [0, 1])
def test_the_scale_handles_change_the_scale(open_page, axis):
    page = open_page("model=mnist-2d&image=5")
    kl = term(page, "kl")
    drag(page, *((40, 0) if axis == 0 else (0, -40)), name=f"latent-scale-{axis}")
    terms = assert_agrees(page, GAUSSIAN)
    assert terms["kl"] < kl  # a wider q is nearer to the prior
    scale = [float(s) for s in asked(page)["scale"][0].split(",")]
    posterior = explorer.load("mnist-2d").posterior(fixed(load_dataset("mnist", "test").images[:6])[5:]).base_dist
    assert scale[axis] > 2 * posterior.scale[0, axis].item()
    assert scale[1 - axis] == pytest.approx(posterior.scale[0, 1 - axis].item(), rel=1e-5)


def test_at_the_encoders_q_the_terms_are_the_objectives(open_page):
    """The number on screen is the ELBO that training maximises, not one computed another way."""
    page = open_page("model=mnist-2d&image=11")
    settle(page)
    model = explorer.load("mnist-2d")
    x = fixed(load_dataset("mnist", "test").images[:12])[11:]
    samples = 4_000
    draws = torch.cat(
        [
            elbo(model, x.expand(100, -1, -1, -1), generator=torch.Generator().manual_seed(i)).value
            for i in range(samples // 100)
        ]
    )
    error = draws.std().item() / samples**0.5
    assert abs(term(page, "elbo") - draws.mean().item()) < 5 * error
    assert page.get_by_test_id("encoder-elbo").get_attribute("data-value") == str(term(page, "elbo"))


def test_touch_drags(open_page):
    page = open_page("model=mnist-2d&image=2", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    before, image = term(page, "elbo"), pixels(page, "decoded-image")
    x, y = centre(page)
    touch = page.context.new_cdp_session(page)
    send = lambda kind, points: touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})  # noqa: E731

    def swipe(x: float, y: float, dx: float, dy: float) -> None:
        send("touchStart", [{"x": x, "y": y}])
        for i in range(1, 9):
            send("touchMove", [{"x": x + dx * i, "y": y + dy * i}])
        send("touchEnd", [])

    swipe(x, y, 5, 4)
    assert_agrees(page, GAUSSIAN)
    assert term(page, "elbo") != before
    assert pixels(page, "decoded-image") != image
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
    before, place = [float(s) for s in asked(page)["scale"][0].split(",")], centre(page)
    handle = centre(page, "latent-scale-0")
    swipe(*handle, math.copysign(6, handle[0] - place[0]), 0)  # outward
    assert_agrees(page, GAUSSIAN)
    after = [float(s) for s in asked(page)["scale"][0].split(",")]
    assert after[0] > 1.2 * before[0] and after[1] == before[1] and centre(page) == pytest.approx(place, abs=0.5)


def test_keyboard_alone_drags_scales_and_returns(open_page):
    page = open_page("model=mnist-2d&image=2")
    settle(page)
    own = term(page, "elbo")
    page.get_by_test_id("latent-handle").focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(300)
    assert_agrees(page, GAUSSIAN)
    moved = term(page, "elbo")
    assert moved < own - 1
    page.keyboard.press("Shift+Tab")  # to a scale's handle
    kl = term(page, "kl")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowUp")
    page.wait_for_timeout(300)
    assert_agrees(page, GAUSSIAN)
    assert term(page, "kl") != kl
    page.get_by_test_id("return-to-encoder").press("Enter")
    page.wait_for_timeout(100)
    assert_agrees(page, GAUSSIAN)
    assert term(page, "elbo") == pytest.approx(own, abs=1e-6)


def test_a_link_reproduces_the_screen(open_page):
    page = open_page("model=mnist-2d&image=42&layers=prior")
    drag(page, 35, 50)
    drag(page, 25, 0, name="latent-scale-0")
    page.get_by_test_id("class-3").click()
    settle(page)
    again = open_page(urlsplit(page.url).query, stranger=True)
    settle(again)
    for name in GAUSSIAN:
        assert term(again, name) == pytest.approx(term(page, name), abs=1e-9)
    assert pixels(again, "decoded-image") == pixels(page, "decoded-image")
    assert pixels(again, "anchor-image") == pixels(page, "anchor-image")
    assert again.get_by_test_id("class-3").get_attribute("aria-pressed") == "false"
    assert again.get_by_test_id("layer-prior").get_attribute("aria-pressed") == "true"


def test_both_engines_give_the_same_numbers(open_page):
    query = "model=mnist-2d&image=9&at=0.3,-0.4&scale=0.2,0.3"
    page, other = open_page(query), open_page(f"{query}&engine=server")
    assert page.get_by_test_id("latent-map").get_attribute("data-engine") == "browser"
    assert other.get_by_test_id("latent-map").get_attribute("data-engine") == "server"
    settle(page), settle(other)
    for name in GAUSSIAN:
        assert abs(term(page, name) - term(other, name)) < 1e-3
    worst = max(abs(a - b) for a, b in zip(pixels(page, "decoded-image"), pixels(other, "decoded-image"), strict=True))
    assert worst <= 1
    before = term(other, "elbo")
    drag(other, -50, 20)
    assert_agrees(other, GAUSSIAN)
    assert term(other, "elbo") != before
