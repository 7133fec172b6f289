"""An image drawn with the real mouse: its q, its posterior, its terms and neighbours follow."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch

import explorer
from explorer.inference import log_evidence
from explorer.serving.space.space import Spaces
from tests.browser.harness import READY, asked, centre, pixels, settle, term


def stroke(page, points: list[tuple[float, float]], *, lift: bool = True) -> None:
    """Along points in shares of the pad."""
    box = page.get_by_test_id("drawing-canvas").bounding_box()
    places = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    if lift:
        page.mouse.up()


SEVEN = [(0.3, 0.28), (0.68, 0.25), (0.52, 0.5), (0.42, 0.8)]


def drawn_of(url: str) -> torch.Tensor:
    """The binary image that an address holds, (1, 1, 28, 28)."""
    text = parse_qs(urlsplit(url).query)["drawn"][0]
    packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))[: 28 * 28]
    return torch.from_numpy(bits.astype("f4")).view(1, 1, 28, 28)


def start(visit, url: str):
    page = visit(url)
    page.wait_for_selector(READY, timeout=30_000)
    page.get_by_test_id("draw").click()
    page.wait_for_selector("[data-testid=drawing-canvas]", state="visible")
    return page


@pytest.mark.parametrize(
    "query", ["elbo?model=mnist-2d", pytest.param("?model=mnist-2d&engine=server", marks=pytest.mark.slow)]
)
def test_every_number_of_a_drawn_image_is_torchs_and_a_link_holds_it(visit, address, query):
    page = start(visit, f"{address}/{query}")
    before = pixels(page, "decoded-image")
    stroke(page, SEVEN, lift=False)
    page.wait_for_function("() => document.querySelector('[data-testid=image-label]').textContent === 'drawn'")
    live = term(page, "elbo")  # while the pen is still down
    page.mouse.up()
    page.wait_for_selector("[data-testid=term-log-evidence][data-method=quadrature]")
    page.wait_for_timeout(300)
    settle(page)
    assert pixels(page, "decoded-image") != before and np.isfinite(live)
    assert page.get_by_test_id("torch-check").get_attribute("data-kind") == "agrees"
    x, model = drawn_of(page.url), explorer.load("mnist-2d")
    assert 30 < x.sum() < 250
    exact = log_evidence(model, x, method="quadrature", tolerance=1e-4).value.item()
    assert term(page, "log-evidence") == pytest.approx(exact, abs=3e-3)
    q = model.posterior(x).base_dist
    at = [float(part) for part in asked(page)["at"][0].split(",")]
    np.testing.assert_allclose(at, q.loc[0].detach().numpy(), atol=1e-3)

    page.wait_for_selector("[data-testid=neighbour-0]:visible")
    codes = Spaces().get("mnist-2d").latents.loc
    distances = (codes - torch.tensor(at)).norm(dim=1)
    page.wait_for_function(
        "(rows) => rows.includes(Number(document.querySelector('[data-testid=neighbour-0]').dataset.index))",
        arg=(distances < distances.min() + 1e-3).nonzero().flatten().tolist(),  # the address rounds
    )
    label = page.get_by_test_id("neighbour-0").inner_text()

    again = visit(page.url)
    again.wait_for_selector(READY, timeout=30_000)
    again.wait_for_selector("[data-testid=term-log-evidence][data-value]")
    settle(again)
    assert pixels(again, "anchor-image") == pixels(page, "anchor-image")
    assert term(again, "log-evidence") == pytest.approx(term(page, "log-evidence"), abs=1e-6)
    assert term(again, "elbo") == pytest.approx(term(page, "elbo"), abs=1e-6)

    page.get_by_test_id("neighbour-0").click()  # and back to the data set
    page.wait_for_function(
        "(label) => document.querySelector('[data-testid=image-label]').textContent === label", arg=label
    )
    settle(page)
    assert "drawn" not in page.url and page.get_by_test_id("image-number").input_value() != ""


def test_undo_and_clear_and_an_empty_pad(visit, address):
    page = start(visit, f"{address}/?model=mnist-2d")
    before = pixels(page, "anchor-image")
    stroke(page, SEVEN)
    page.wait_for_timeout(500)
    settle(page)
    seven = pixels(page, "anchor-image")
    stroke(page, [(0.3, 0.55), (0.7, 0.55)])  # a bar through the seven
    page.wait_for_timeout(300)
    settle(page)
    assert pixels(page, "anchor-image") != seven
    page.get_by_test_id("drawing-undo").click()
    page.wait_for_timeout(300)
    settle(page)
    assert pixels(page, "anchor-image") == seven
    page.get_by_test_id("drawing-clear").click()
    page.wait_for_timeout(300)
    assert "is back" in page.get_by_test_id("notice").inner_text()
    page.wait_for_function("() => document.querySelector('[data-testid=image-number]').value === '0'")
    settle(page)
    assert pixels(page, "anchor-image") == before and "drawn" not in page.url
    assert not page.locator("[data-testid=neighbour-0]").is_visible()
    page.get_by_test_id("sketch-close").click()
    assert not page.get_by_test_id("sketch").is_visible()


# Every place that the pad's canvas has had, in each frame from now on.
WATCH = """() => {
  const canvas = document.querySelector('[data-testid=drawing-canvas]');
  window.places = new Set();
  const look = () => {
    const { x, y, width, height } = canvas.getBoundingClientRect();
    window.places.add([x, y, width, height].join());
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.mark.parametrize(
    ("path", "width", "height"),
    [
        ("elbo?model=mnist-2d", 1280, 800),
        pytest.param("?model=mnist-2d", 1920, 1080, marks=pytest.mark.slow),
        pytest.param("?model=mnist-2d", 390, 844, marks=pytest.mark.slow),
    ],
)
def test_nothing_that_arrives_moves_the_pad_and_no_drag_selects_text(visit, address, path, width, height):
    page = visit(f"{address}/{path}")
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_selector(READY, timeout=30_000)
    page.get_by_test_id("draw").click()
    page.wait_for_selector("[data-testid=drawing-canvas]", state="visible")
    page.get_by_test_id("drawing-canvas").scroll_into_view_if_needed()
    pad = page.get_by_test_id("sketch").bounding_box()
    page.evaluate(WATCH)
    stroke(page, SEVEN, lift=False)
    page.wait_for_selector("[data-testid=neighbour-0]:visible")  # while the pen is down
    page.mouse.up()
    page.wait_for_selector("[data-testid=term-log-evidence][data-value]")
    stroke(page, [(0.3, 0.55), (0.7, 0.55)])
    right, bottom = pad["x"] + pad["width"], pad["y"] + pad["height"]
    for x, y in ((pad["x"] + 3, pad["y"] + 150), (right - 3, pad["y"] + 150), (right + 4, pad["y"] + 150)):  # beside it
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(width - 20, min(bottom, height - 20), steps=4)
        page.mouse.up()
    assert page.evaluate("() => [window.places.size, getSelection().toString()]") == [1, ""]


def test_the_pad_opens_beside_the_handle_and_can_be_moved(visit, address):
    page = start(visit, f"{address}/?model=mnist-2d")
    pad, (x, y) = page.get_by_test_id("sketch"), centre(page)
    box = pad.bounding_box()
    assert not (box["x"] <= x <= box["x"] + box["width"] and box["y"] <= y <= box["y"] + box["height"])
    grip = page.locator(".lx-sketch-head strong").bounding_box()
    page.mouse.move(grip["x"] + 5, grip["y"] + 5)
    page.mouse.down()
    page.mouse.move(grip["x"] + 125, grip["y"] - 55, steps=4)
    page.mouse.up()
    moved = pad.bounding_box()
    assert moved["x"] - box["x"] == pytest.approx(120, abs=1) and moved["y"] - box["y"] == pytest.approx(-60, abs=1)


@pytest.mark.parametrize(
    "drawn", ["AAAA", *(pytest.param(text, marks=pytest.mark.slow) for text in ("x" * 3_000, "%2B%2F%2F"))]
)
def test_a_spoilt_drawing_in_an_address_is_said(visit, address, drawn):
    page = visit(f"{address}/?model=mnist-2d&drawn={drawn}")
    page.wait_for_selector(READY, timeout=30_000)
    assert "drawing in the address" in page.get_by_test_id("notice").inner_text()
    assert page.get_by_test_id("image-number").input_value() == "0"
