"""The maps of the latents' page, dragged with the real mouse, and what shades them."""

from __future__ import annotations

from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from explorer.projection import images_plane
from explorer.serving.space.space import SPACES
from tests.browser.harness import asked, centre, drag, settle
from tests.browser.latents_page import LOOKS, UMAP, agreeing, is_far

LAYERS = "() => document.querySelector('.lx-plot').layout.images?.map((image) => image.source) ?? []"


@pytest.mark.parametrize("shown", ["", "axes-3-7", "images-12-55-803", f"umap-{UMAP}", f"umap-{LOOKS}"])
def test_every_map_can_be_dragged_and_its_address_reproduces_it(open_latents, shown):
    page = open_latents(f"map={shown}" if shown else "")
    before = agreeing(page)
    drag(page, 50, -40)
    after = agreeing(page)
    assert abs(after["elbo"] - before["elbo"]) > 0.5
    assert asked(page).get("map", [""]) == [shown]
    exact = not shown.startswith("umap")
    expect(page.get_by_test_id("live-back")).to_have_text("exact" if exact else "≈ 30 neighbours")
    assert (float(page.get_by_test_id("live-trip").get_attribute("data-value")) == 0) == exact
    assert page.get_by_test_id("layer-prior").is_enabled() == exact
    assert page.get_by_test_id("latent-scale-0").is_visible() == exact
    if shown.startswith("axes") or UMAP in shown:  # another page takes seconds
        again = open_latents(urlsplit(page.url).query.replace("model=mnist-16d&image=3&", ""))
        assert agreeing(again) == pytest.approx(after, abs=1e-6)


def test_another_map_keeps_what_is_on_screen(open_latents):
    page = open_latents()
    drag(page, 60, 30)
    first = agreeing(page)
    for kind in ("axes", "umap", "pca"):
        page.get_by_test_id(f"projection-{kind}").click()
        page.wait_for_function(
            "(kind) => (new URL(location.href).searchParams.get('map') ?? 'pca').startsWith(kind)", arg=kind
        )
        page.wait_for_function("() => new URL(location.href).searchParams.has('z')")
        terms = agreeing(page)
        # z is the same one; q's own stretching belongs to the map on which it was stretched, and was not.
        assert terms["elbo"] == pytest.approx(first["elbo"], abs=1e-3), kind
    assert len(asked(page)["z"][0].split(",")) == 16


def test_a_map_waits_until_the_handle_is_let_go_and_is_as_close_as_the_one_before(open_latents):
    page = open_latents("zoom=q")
    width = "() => { const { range: [a, b] } = document.querySelector('.lx-plot')._fullLayout.xaxis; return b - a; }"
    x, y = centre(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y - 10, steps=4)
    page.get_by_test_id("projection-axes").evaluate("button => button.click()")
    page.wait_for_timeout(400)
    assert "map" not in asked(page)
    page.mouse.up()
    page.wait_for_function("() => new URL(location.href).searchParams.get('map')?.startsWith('axes-')")
    agreeing(page)
    expect(page.get_by_test_id("zoom")).to_have_attribute("aria-pressed", "true")
    close = page.evaluate(width)
    page.get_by_test_id("whole-map").click()
    page.wait_for_function(f"(close) => ({width})() > 1.5 * close", arg=close)


def test_a_plane_through_three_images_holds_all_three(open_latents):
    page = open_latents()
    page.get_by_test_id("projection-images").click()
    page.wait_for_function("() => new URL(location.href).searchParams.has('z')")
    codes = SPACES.get("mnist-16d").latents.loc.double()
    for image, mark in enumerate(("mark-0", "mark-1", "mark-2")):
        x, y = centre(page, mark)
        at = centre(page)
        drag(page, x - at[0], y - at[1])
        settle(page)
        page.wait_for_timeout(100)
        shown = torch.tensor([float(number) for number in asked(page)["z"][0].split(",")], dtype=torch.float64)
        u = torch.tensor([float(number) for number in asked(page)["at"][0].split(",")], dtype=torch.float64)
        plane = images_plane(codes.float(), codes[:3].float())
        # Within half a pixel of the map.
        assert (plane.lift(u, shown) - codes[image]).norm() < 0.03, mark
    # Another image lies beside it; the letters lead back.
    within = page.get_by_test_id("within")
    expect(within).to_contain_text("all three")
    page.get_by_test_id("image-number").fill("40")
    page.keyboard.press("Enter")
    expect(within).to_contain_text("beside the plane")
    page.get_by_test_id("enter-1").click()
    expect(within).to_contain_text("all three")
    shown = torch.tensor([float(number) for number in asked(page)["z"][0].split(",")], dtype=torch.float64)
    torch.testing.assert_close(shown, codes[1], rtol=0, atol=1e-6)


def test_a_map_that_is_not_there_is_a_sentence(open_latents):
    page = open_latents("map=umap-0123456789abcdef", refused=True)
    expect(page.get_by_test_id("notice")).to_contain_text("The map in the address cannot be shown")
    agreeing(page)
    page = open_latents("map=images-1-1-1")
    expect(page.get_by_test_id("notice")).to_contain_text("lie on one line")


def test_doubt_is_said_over_the_map_under_every_tab(open_latents):
    page = open_latents("tab=dimensions")
    over = page.get_by_test_id("map-doubt")
    for slider in ("slider-7", "slider-6", "slider-2"):
        page.get_by_test_id(slider).fill("3.9")
    expect(over).to_contain_text("99 of 100 images")
    z = np.array([float(page.get_by_test_id(f"slider-{i}").input_value()) for i in range(1, 17)])
    assert is_far(z[None])[0]
    for tab in ("paths", "neighbours", "selection", "map"):
        page.get_by_test_id(f"tab-{tab}").click()
        expect(over).to_be_visible()
    expect(page.get_by_test_id("live-doubt")).to_have_text(over.text_content())
    page.get_by_test_id("return-to-encoder").click()
    expect(over).to_be_hidden()
    expect(page.get_by_test_id("live-doubt")).to_contain_text("can be believed")


def test_a_curved_map_is_hatched_whichever_tab_is_open(open_latents):
    page = open_latents(f"map=umap-{UMAP}&tab=paths")
    page.wait_for_function(f"({LAYERS})().length === 1")


def test_a_shade_is_of_the_image_that_is_chosen(open_latents):
    page = open_latents("map=axes-1-2")
    page.get_by_test_id("shade-magnification").click()
    page.wait_for_function(f"({LAYERS})().length === 1")
    (before,) = page.evaluate(LAYERS)
    page.get_by_test_id("image-number").fill("1234")
    page.get_by_test_id("image-number").press("Enter")
    page.wait_for_function(f"(old) => ({LAYERS})().length === 1 && ({LAYERS})()[0] !== old", arg=before)


def test_what_is_in_view_stays_in_view_when_the_map_changes_its_size(open_latents):
    page = open_latents()
    view = """() => {
      const { xaxis, yaxis } = document.querySelector('.lx-plot')._fullLayout;
      return [...xaxis.range, ...yaxis.range];
    }"""
    before = page.evaluate(view)
    for height in (700, 800, 640, 800):
        page.set_viewport_size({"width": 1280, "height": height})
        page.wait_for_function(
            "() => { const plot = document.querySelector('.lx-plot');"
            " return Math.abs(plot._fullLayout.height - plot.parentNode.offsetHeight) < 1; }"
        )
    np.testing.assert_allclose(page.evaluate(view), before, atol=0.02)


@pytest.mark.slow  # umap-learn compiles itself for most of a minute
def test_a_map_is_fitted_in_the_background_while_another_is_dragged(open_latents):
    page = open_latents()
    page.get_by_test_id("projection-umap").click()
    page.get_by_test_id("umap-another").click()
    page.get_by_test_id("umap-neighbours").fill("8")
    page.get_by_test_id("umap-fit").click()
    expect(page.get_by_test_id("umap-progress")).to_be_visible(timeout=10_000)
    drag(page, 40, 30)
    page.wait_for_function("() => document.querySelector('[data-testid=umap-progress]').value > 0.1", timeout=120_000)
    page.wait_for_function(
        "(old) => ![null, old].includes(new URL(location.href).searchParams.get('map'))",
        arg=f"umap-{UMAP}",
        timeout=240_000,
    )
    agreeing(page)
    assert "8 neighbours" in page.get_by_test_id("umap-choice").evaluate("s => s.selectedOptions[0].textContent")
