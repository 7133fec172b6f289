"""The Explore page as people meet it: it fits, it can be read, it answers to hover and click."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.harness import READY, centre, pixels, settle, term


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_one_screen_and_has_no_accessibility_faults(open_page, scheme):
    page = open_page("model=mnist-2d", color_scheme=scheme)
    settle(page)
    box = page.locator(".lx").bounding_box()
    assert box["y"] + box["height"] <= 800
    assert page.evaluate("() => document.scrollingElement.scrollHeight <= innerHeight")
    faults = Axe().run(page, context=".lx").response["violations"]
    assert not faults, [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in faults]


@pytest.mark.parametrize("mode", ["gaussian", "point"])
def test_a_narrow_screen_shows_map_pictures_and_terms_together(open_page, mode):
    page = open_page(f"model=mnist-2d&mode={mode}", viewport={"width": 390, "height": 844})
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
    for name in ("latent-handle", "anchor-image", "decoded-image", "difference-image"):
        box = page.get_by_test_id(name).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
        assert box["y"] + box["height"] <= 844


def test_hover_shows_a_thumbnail_and_click_takes_the_image(open_page):
    page = open_page("model=mnist-2d&image=0")
    settle(page)
    anchor = pixels(page, "anchor-image")
    stage = page.locator(".lx-stage").bounding_box()
    card = page.get_by_test_id("hover-card")
    for i in range(60):
        page.mouse.move(stage["x"] + 150 + 7 * i, stage["y"] + 120 + 4 * i)
        page.wait_for_timeout(40)
        if card.is_visible():
            page.wait_for_timeout(250)  # the pointer may have left its point while the picture was fetched
            if card.is_visible():
                break
    label, number = card.inner_text().split(" · no. ")
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function(f"() => document.querySelector('[data-testid=image-number]').value === '{number}'")
    settle(page)
    assert page.get_by_test_id("image-label").inner_text() == label
    assert pixels(page, "anchor-image") != anchor
    # The handle went to the encoder's posterior for it.
    assert page.get_by_test_id("encoder-elbo").get_attribute("data-value") == str(term(page, "elbo"))
    assert f"image={number}" in page.url


def test_the_whole_map_is_one_press_away(open_page):
    page = open_page("model=mnist-2d")
    settle(page)
    view = "() => document.querySelector('.lx-plot')._fullLayout.xaxis.range"
    before, whole = page.evaluate(view), page.get_by_test_id("whole-map")
    assert not whole.is_visible()
    stage = page.locator(".lx-stage").bounding_box()
    page.mouse.move(stage["x"] + 100, stage["y"] + 100)
    page.mouse.down()
    page.mouse.move(stage["x"] + 500, stage["y"] + 150, steps=5)
    page.mouse.up()
    whole.click()
    page.wait_for_function(f"(before) => Math.abs(({view})()[0] - before[0]) < 1e-3", arg=before)
    whole.wait_for(state="hidden")
    page.get_by_test_id("zoom").click()
    whole.click()  # out of the zoom as well
    whole.wait_for(state="hidden")
    assert page.get_by_test_id("zoom").get_attribute("aria-pressed") == "false"


def test_what_is_shown_goes_along_to_another_page(open_page):
    page = open_page("model=mnist-16d&image=7&at=0.5,0.7&scale=0.2,0.3&mode=gaussian")
    settle(page)
    elbo = term(page, "elbo")
    assert page.title() == "Explore - Latent Explorer"
    # Another model than the first one, and a page opened by its name.
    page.get_by_role("link", name="ELBO", exact=True).first.click()
    page.wait_for_url("**/elbo?*image=7*")
    page.wait_for_selector(READY)
    settle(page)
    assert page.title() == "ELBO - Latent Explorer"
    assert "at=0.5%2C0.7" in page.url and "model=mnist-16d" in page.url
    assert term(page, "elbo") == pytest.approx(elbo, abs=1e-6)


def test_a_finger_and_the_keyboard_have_words_explained(open_page):
    page = open_page("model=mnist-2d", viewport={"width": 390, "height": 844}, has_touch=True)
    settle(page)
    explained = page.get_by_test_id("explained")
    word = page.locator(".lx-term.lx-kl").first
    word.tap()
    assert "price of q in nats" in explained.inner_text()
    box = explained.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    rows = page.locator(".lx-terms").bounding_box()  # which stay in view
    assert box["y"] + box["height"] <= rows["y"] or rows["y"] + rows["height"] <= box["y"]
    word.tap()
    explained.wait_for(state="hidden")
    word.focus()
    page.keyboard.press("Enter")
    explained.wait_for(state="visible")
    page.keyboard.press("Escape")
    explained.wait_for(state="hidden")
    page.set_viewport_size({"width": 1280, "height": 800})
    word.click()
    box, rows = explained.bounding_box(), page.locator(".lx-terms").bounding_box()
    assert box["x"] + box["width"] <= rows["x"]


def test_classes_can_be_hidden_and_layers_shown(open_page):
    page = open_page("model=mnist-2d")
    counts = "() => document.querySelector('.lx-plot').data.map((trace) => trace.visible)"
    page.get_by_test_id("class-4").click()
    assert page.evaluate(counts) == [label != 4 for label in range(10)]
    page.get_by_test_id("layer-prior").click()
    page.wait_for_function("() => document.querySelector('.lx-plot').layout.shapes.length === 3")
    page.get_by_test_id("layer-manifold").click()
    page.wait_for_function("() => document.querySelector('.lx-plot').layout.images.length === 1")
    assert "layers=prior%2Cmanifold" in page.url and "hide=4" in page.url


def test_a_layer_switched_off_before_it_was_decoded_stays_off(open_page):
    page = open_page("model=mnist-2d")
    settle(page)
    page.evaluate("() => { const n = document.querySelector('[data-testid=layer-manifold]'); n.click(); n.click(); }")
    page.wait_for_timeout(1_500)
    assert page.evaluate("() => document.querySelector('.lx-plot').layout.images.length") == 0


def test_nothing_can_be_pressed_before_there_is_something_to_work_on(open_page):
    page = open_page(ready=False)
    held = []
    page.route("**/points.bin", lambda route: held.append(route))
    page.reload()
    page.wait_for_selector(".lx-toolbar")
    page.get_by_test_id("mode-point").click(force=True)
    page.get_by_test_id("class-3").click(force=True)
    assert held
    held[0].continue_()
    page.wait_for_selector(READY)
    assert page.get_by_test_id("mode-point").get_attribute("aria-pressed") == "false"
    settle(page)


def test_focus_on_a_handle_out_of_view_does_not_move_the_overlay(open_page):
    page = open_page("model=mnist-2d")
    settle(page)
    stage = page.locator(".lx-stage").bounding_box()
    for _ in range(2):  # far enough for the handle to leave
        page.mouse.move(stage["x"] + 60, stage["y"] + 60)
        page.mouse.down()
        page.mouse.move(stage["x"] + 560, stage["y"] + 440, steps=4)
        page.mouse.up()
    page.get_by_test_id("latent-handle").focus()
    scrolled = "() => ['.lx-overlay', '.lx-stage'].map((s) => document.querySelector(s).scrollLeft)"
    assert page.evaluate(scrolled) == [0, 0]
    page.keyboard.press("ArrowLeft")  # brings it back into the frame
    x, y = centre(page)
    assert x <= stage["x"] + stage["width"] and y <= stage["y"] + stage["height"]


def test_another_model_keeps_image_and_mode(open_page):
    page = open_page("model=mnist-2d&image=17&mode=point")
    settle(page)
    label = page.get_by_test_id("image-label").inner_text()
    page.get_by_role("combobox").click()
    page.get_by_role("option", name=re.compile("^mnist-16d")).click()
    page.wait_for_function("() => location.search.includes('model=mnist-16d')")
    page.wait_for_selector(READY)
    settle(page)
    assert "image=17" in page.url and "mode=point" in page.url
    assert page.get_by_test_id("image-label").inner_text() == label


def test_all_points_can_be_shown_and_do_not_move(open_page):
    page = open_page("model=mnist-16d&image=17&at=0.5,0.25&scale=0.7,0.6")
    settle(page)
    before = page.url
    page.get_by_text("training images too").click()
    everything = "() => document.querySelector('[data-testid=image-number]')?.max === '69999'"
    page.wait_for_function(everything, timeout=60_000)
    page.wait_for_selector(READY)
    page.wait_for_function("() => location.search.includes('points=all')")
    where = lambda url: url.partition("at=")[2].removesuffix("&points=all")  # noqa: E731
    assert where(page.url) == where(before)  # what was dragged stays, too
    settle(page)


def test_nothing_of_ours_travels_twice(open_page):
    """A class that opens the page again loads nothing again: every file has its content's name."""
    page = open_page("model=mnist-2d")
    settle(page)
    again, fetched = page.context.new_page(), []
    again.on("response", lambda response: fetched.append((response.url, response.headers.get("cache-control", ""))))
    again.goto(page.url)
    again.wait_for_selector(READY)
    files = [entry for entry in fetched if "/explorer/" in entry[0] and "/terms/" not in entry[0]]
    assert files and all("immutable" in control for _, control in files)
    sizes = again.evaluate(
        "() => performance.getEntriesByType('resource').map((e) => [e.name, e.transferSize])"
        ".filter(([name]) => name.includes('/explorer/') && !name.includes('/terms/'))"
    )
    again.close()
    assert sizes and all(size == 0 for _, size in sizes), [entry for entry in sizes if entry[1]]


def test_the_handle_stays_under_the_pointer(open_page):
    page = open_page("model=mnist-2d")
    x, y = centre(page)
    page.mouse.move(x + 5, y - 3)
    page.mouse.down()
    page.mouse.move(x - 70, y + 31, steps=5)
    at = centre(page)
    page.mouse.up()
    assert abs(at[0] - (x - 75)) < 1 and abs(at[1] - (y + 34)) < 1
