"""What the tabs of the latents' page do: dimensions, paths, neighbours, selections and colours."""

from __future__ import annotations

import base64
import dataclasses
import re
from itertools import pairwise
from urllib.parse import urlsplit

import numpy as np
import pandas
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from explorer.checkpoint.catalogue import open_model
from explorer.checkpoint.gallery import Gallery, save_gallery
from explorer.checkpoint.weights import save_checkpoint
from explorer.datasets import load_dataset
from tests.browser.harness import asked, drag
from tests.browser.latents_page import UMAP, agreeing, is_far


def test_a_link_brings_back_what_was_zoomed_to_and_selected(open_latents):
    page = open_latents("tab=selection")
    page.get_by_test_id("select-class").select_option("4")
    page.evaluate(
        "() => { const put = history.replaceState; window.changes = 0;"
        " history.replaceState = function (...all) { window.changes += 1; return put.apply(this, all); }; }"
    )
    box = page.locator(".lx-stage").bounding_box()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    for _ in range(40):
        page.mouse.wheel(0, -20)
    page.wait_for_url("**look=*")
    assert page.evaluate("window.changes") < 30  # of forty turns
    view = [float(end) for end in asked(page)["look"][0].split(",")]
    again = open_latents(urlsplit(page.url).query.replace("model=mnist-16d&image=3&", ""))
    counts = [each.get_by_test_id("select-count").get_attribute("data-value") for each in (page, again)]
    assert counts[0] == counts[1] and asked(page)["select"] == ["c4"] == asked(again)["select"]
    assert [float(end) for end in asked(again)["look"][0].split(",")] == view
    ends = "() => [...document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range]"
    if again.evaluate("() => Boolean(document.querySelector('.js-plotly-plot'))"):
        assert again.evaluate(ends) == pytest.approx(view[:2], abs=1e-6)
    again.get_by_test_id("whole-map").click()
    again.wait_for_function("() => !location.search.includes('look=')")


def test_a_slider_moves_its_own_dimension_alone(open_latents):
    page = open_latents("tab=dimensions")
    values = {f"slider-{i}": float(page.get_by_test_id(f"slider-{i}").input_value()) for i in range(1, 17)}
    slider = page.get_by_test_id("slider-7")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowRight")
    terms = agreeing(page)
    moved = {name: float(page.get_by_test_id(name).input_value()) for name in values}
    assert moved["slider-7"] == pytest.approx(values["slider-7"] + 0.2, abs=0.02)
    assert all(moved[name] == pytest.approx(values[name], abs=0.011) for name in values if name != "slider-7")
    again = open_latents(urlsplit(page.url).query.replace("model=mnist-16d&image=3&", ""))
    assert agreeing(again)["elbo"] == pytest.approx(terms["elbo"], abs=1e-3)
    page.get_by_test_id("return-to-encoder").click()
    assert "z" not in asked(page)
    page.get_by_test_id("dimensions-grid").click()
    expect(page.get_by_test_id("traversals")).to_have_attribute("data-rows", "16")
    page.get_by_test_id("traversals").click(position={"x": 200, "y": 50})
    page.wait_for_function("() => new URL(location.href).searchParams.has('z')")
    agreeing(page)
    page.get_by_test_id("plane-show").click()
    page.wait_for_function("() => new URL(location.href).searchParams.get('map')?.startsWith('axes-')")
    expect(page.get_by_test_id("layer-manifold")).to_have_attribute("aria-pressed", "true")


def test_paths_have_their_lengths_and_are_taken_away(open_latents):
    page = open_latents("tab=paths")
    expect(page.get_by_test_id("path-note")).to_contain_text("two places")
    page.get_by_test_id("path-add").click()
    expect(page.get_by_test_id("path-note")).to_contain_text("One place")
    expect(page.get_by_test_id("mark-stop-0")).to_be_visible()
    drag(page, 70, -50)
    page.get_by_test_id("path-add").click()
    page.get_by_test_id("image-geodesic").wait_for(timeout=20_000)
    length = {
        (space, way): float(page.get_by_test_id(f"{space}-{way}").get_attribute("data-value"))
        for space in ("latent", "image")
        for way in ("straight", "spherical", "geodesic")
    }
    assert length["image", "geodesic"] <= length["image", "straight"]
    assert length["latent", "straight"] <= min(length["latent", "spherical"], length["latent", "geodesic"])
    assert page.get_by_test_id("way-geodesic").is_visible()
    page.get_by_test_id("choose-straight").click()
    page.get_by_test_id("path-scrub").fill("63")
    page.get_by_test_id("path-go").click()
    agreeing(page)
    with page.expect_download() as download:
        page.get_by_test_id("path-webp").click()
    with Image.open(download.value.path()) as animation:
        assert (animation.format, animation.n_frames) == ("WEBP", 126)
    # Along a drawn line, with the real mouse.
    page.get_by_test_id("path-draw").click()
    box = page.get_by_test_id("line-sheet").bounding_box()
    x, y = box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    for k in range(1, 30):
        page.mouse.move(x + 5 * k, y + 60 * np.sin(k / 5))
    page.mouse.up()
    page.get_by_test_id("latent-drawn").wait_for()
    assert float(page.get_by_test_id("latent-drawn").get_attribute("data-value")) > 1
    assert not page.get_by_test_id("line-sheet").is_visible()


def test_an_address_holds_a_path_and_what_the_tabs_show(open_latents):
    stops = np.eye(3, 16, dtype="<f4")
    stops[0, 5:7] = -4, 4  # far from all data
    text = base64.urlsafe_b64encode(stops.tobytes()).decode().rstrip("=")
    page = open_latents(f"tab=paths&stops={text}&way=straight&near=image&view=grid")
    page.get_by_test_id("choose-straight").wait_for()
    expect(page.get_by_test_id("choose-straight")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("stop-2")).to_be_visible()
    lengths = np.linalg.norm(np.diff(stops, axis=0), axis=1)
    assert float(page.get_by_test_id("latent-straight").get_attribute("data-value")) == pytest.approx(lengths.sum())
    # Which of its steps are not to be believed: 33 for each of the two parts, the middle stop in both.
    share = np.linspace(0, 1, 33)[:, None]
    steps = np.vstack([a + share * (b - a) for a, b in pairwise(stops)])
    far = int(is_far(np.delete(steps, 33, axis=0)).sum())
    expect(page.get_by_test_id("path-doubt")).to_contain_text(f"{far} of 65 steps lie far from all data")
    page.get_by_test_id("choose-spherical").click()
    page.get_by_test_id("stop-out-1").click()
    expect(page.get_by_test_id("stop-2")).to_be_hidden()
    page.get_by_test_id("tab-neighbours").click()
    expect(page.get_by_test_id("near-image")).to_have_attribute("aria-pressed", "true")
    page.get_by_test_id("near-place").click()
    page.get_by_test_id("tab-dimensions").click()
    expect(page.get_by_test_id("traversals")).to_have_attribute("data-rows", "16")
    held = asked(page)
    assert (held["way"], held["view"], held.get("near")) == (["spherical"], ["grid"], None)
    left = base64.urlsafe_b64decode(held["stops"][0] + "=" * (-len(held["stops"][0]) % 4))
    np.testing.assert_array_equal(np.frombuffer(left, "<f4").reshape(-1, 16), stops[::2])
    page.get_by_test_id("dimensions-sliders").click()
    page.get_by_test_id("tab-paths").click()
    page.get_by_test_id("path-clear").click()
    assert not {"stops", "view", "near"} & set(asked(page))


def test_the_nearest_image_to_an_images_own_place_is_itself(open_latents):
    page = open_latents("tab=neighbours")
    first = page.get_by_test_id("near-latent-0")
    expect(first).to_have_attribute("data-index", "3")
    assert "0.000 away" in first.get_attribute("title")
    page.get_by_test_id("near-image").click()
    expect(page.get_by_test_id("near-pixels-0")).to_have_attribute("data-index", "3")
    expect(page.get_by_test_id("near-pixels-note")).to_contain_text("exact")
    page.get_by_test_id("near-place").click()
    drag(page, 80, -60)
    expect(first).not_to_have_attribute("title", re.compile(r" 0\.000 away"))


def test_points_are_selected_compared_taken_away_and_coloured(open_latents, tmp_path):
    page = open_latents("tab=selection", refused=True)
    count = page.get_by_test_id("select-count")
    page.get_by_test_id("take-csv").click()
    fault = page.get_by_test_id("select-fault")
    expect(fault).to_contain_text("Nothing is selected")
    page.get_by_test_id("tool-lasso").click()
    box = page.locator(".lx-plot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    for dx, dy in ((60, -60), (60, 60), (-60, 60), (-60, -60)):
        page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()
    page.wait_for_function("() => Number(document.querySelector('[data-testid=select-count]').dataset.value) > 100")
    lassoed = int(count.get_attribute("data-value"))
    expect(fault).to_be_hidden()  # it is not so any more
    expect(page.get_by_test_id("statistics")).to_contain_text("σ")
    # Beside them, those of a class; and what is drawn around nothing leaves nothing behind.
    page.get_by_test_id("select-add").click()
    page.get_by_test_id("select-class").select_option("0")
    page.wait_for_function(
        "(n) => Number(document.querySelector('[data-testid=select-count]').dataset.value) > n", arg=lassoed
    )
    page.get_by_test_id("select-add").click()
    page.mouse.move(x - 300, y - 150)
    page.mouse.down()
    for dx, dy in ((-290, -150), (-290, -140), (-300, -140), (-300, -150)):
        page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up()
    expect(count).to_have_attribute("data-value", "0")
    page.wait_for_function("() => !document.querySelector('.lx-plot')._fullLayout.selections?.length")
    assert page.evaluate("() => document.querySelector('.lx-plot').data.every(({ selectedpoints }) => !selectedpoints)")
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    for dx, dy in ((60, -60), (60, 60), (-60, 60), (-60, -60)):
        page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()
    expect(count).to_have_attribute("data-value", str(lassoed))
    # Another map shows the same points selected; its outline is gone, and nobody has selected nothing.
    page.get_by_test_id("tab-map").click()
    page.get_by_test_id("projection-axes").click()
    page.wait_for_function("() => new URL(location.href).searchParams.get('map')?.startsWith('axes-')")
    page.get_by_test_id("tab-selection").click()
    page.wait_for_function("() => !document.querySelector('.lx-plot')._fullLayout.selections?.length")
    assert int(count.get_attribute("data-value")) == lassoed
    with page.expect_download() as download:
        page.get_by_test_id("take-csv").click()
    table = pandas.read_csv(download.value.path())
    assert len(table) == lassoed and {"z_16", "scale_16", "map_1", "kl"} <= set(table)
    page.get_by_test_id("select-class").select_option("7")
    page.wait_for_function(
        "(n) => Number(document.querySelector('[data-testid=select-count]').dataset.value) !== n", arg=lassoed
    )
    assert count.inner_text() == "1,028 of 10,000 selected"  # sevens of MNIST's test set
    page.get_by_test_id("select-all").click()
    expect(page.get_by_test_id("statistics")).to_contain_text("Everything is selected")
    page.get_by_test_id("select-none").click()
    expect(count).to_contain_text("Nothing is selected")
    # A column computed elsewhere comes back, is coloured by and selected by.
    own = table[["index"]].assign(score=np.arange(lassoed) / lassoed)
    file = {"name": "own.csv", "mimeType": "text/csv", "buffer": own.to_csv(index=False).encode()}
    page.get_by_test_id("csv-file").set_input_files(file)
    expect(page.get_by_test_id("select-note")).to_contain_text("score")
    expect(page.get_by_test_id("colour-by")).to_have_value("own score")
    assert page.get_by_test_id("colour-scale").is_visible()
    page.get_by_test_id("select-column").select_option("own score")
    page.get_by_test_id("select-from").fill("0.5")
    page.get_by_test_id("select-to").fill("2")
    page.get_by_test_id("select-apply").click()
    expect(count).to_have_attribute("data-value", str((own.score >= 0.5).sum()))
    bad = {**file, "buffer": b"score\n1\n2\n"}
    page.get_by_test_id("csv-file").set_input_files(bad)
    expect(fault).to_contain_text("2 rows, and the map 10,000 images")
    expect(page.get_by_test_id("colour-by")).to_have_value("own score")  # nothing is lost
    forget = page.get_by_test_id("select-forget")
    forget.click()
    expect(forget).to_contain_text("Press again")
    forget.click()
    expect(forget).to_be_hidden()
    expect(page.get_by_test_id("colour-by")).to_have_value("class")
    page.get_by_test_id("tab-map").click()
    page.get_by_test_id("selected-chip").click()  # what stands out can be let go from any tab
    expect(count).to_have_attribute("data-value", "0")


def test_colours_by_terms_and_by_trust(open_latents):
    page = open_latents(f"map=umap-{UMAP}")
    for name in ("trustworthiness", "kl", "log_evidence", "z_7", "class"):
        page.get_by_test_id("colour-by").select_option(name)
        visible = name != "class"
        expect(page.get_by_test_id("colour-scale")).to_be_visible(visible=visible, timeout=20_000)
    page.get_by_test_id("colour-by").select_option("log_evidence")
    expect(page.get_by_test_id("colour-none")).to_contain_text("no value (9,500)")
    page.get_by_test_id("shade-magnification").click()
    expect(page.get_by_test_id("shade-note")).to_contain_text("squared map unit", timeout=20_000)
    # The address holds both, and what is not there any more is said.
    page = open_latents(urlsplit(page.url).query.replace("model=mnist-16d&image=3&", ""))
    expect(page.get_by_test_id("colour-none")).to_contain_text("no value (9,500)", timeout=20_000)
    expect(page.get_by_test_id("shade-magnification")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("shade-doubt")).to_have_attribute("aria-pressed", "true")  # the two together
    page.get_by_test_id("shade-magnification").click()
    page.get_by_test_id("colour-by").select_option("class")
    assert asked(page)["shade"] == ["doubt"] and "colour" not in asked(page)
    page = open_latents(f"map=umap-{UMAP}&shade=none&colour=own%20score")
    expect(page.get_by_test_id("colour-note")).to_contain_text("you have no such column")
    expect(page.get_by_test_id("shade-doubt")).to_have_attribute("aria-pressed", "false")
    assert "colour" not in asked(page)


def test_a_plane_is_coloured_by_how_far_it_can_be_trusted(visit, address, own_models):
    # A model of which only a gallery is left: distances between six hundred images are compared in no time.
    checkpoint, test = open_model("mnist-16d"), load_dataset("mnist", "test")
    training = dataclasses.replace(checkpoint.config.training, dataset="elsewhere")
    config = dataclasses.replace(checkpoint.config, training=training, provenance={})
    save_checkpoint(own_models / "few", checkpoint.model, config)
    save_gallery(own_models / "few", Gallery(test.images[:600], test.labels[:600], test.classes))
    page = visit(f"{address}/latents?model=few&colour=trustworthiness")
    note = page.get_by_test_id("colour-note")
    expect(note).to_contain_text(re.compile("mean 0[.][5-8]"), timeout=30_000)
    expect(page.get_by_test_id("colour-scale")).to_be_visible()
    flat = note.text_content()
    page.get_by_test_id("projection-axes").click()
    expect(note).not_to_have_text(flat, timeout=20_000)
    expect(note).to_contain_text("mean 0.")
    assert asked(page)["colour"] == ["trustworthiness"]


def test_words_have_the_colours_of_their_points_and_no_two_alike(open_latents):
    page = open_latents("tab=selection&layers=manifold")
    words = [f"word {min(int(share * share * 14), 13)}" for share in np.linspace(0, 1, 10_000)]  # the later the rarer
    table = pandas.DataFrame({"kind": words}).to_csv(index=False).encode()
    page.get_by_test_id("csv-file").set_input_files({"name": "k.csv", "mimeType": "text/csv", "buffer": table})
    legend = page.get_by_test_id("colour-kinds").locator("span")
    expect(legend).to_have_count(10)
    expect(legend.last).to_have_text("others (5 rarer ones)")

    def colours() -> list[str]:
        return legend.locator("i").evaluate_all("nodes => nodes.map((node) => getComputedStyle(node).backgroundColor)")

    def drawn() -> list[str]:
        scale = page.evaluate("() => document.querySelector('.lx-plot').data[0].marker.colorscale.map(([, c]) => c)")
        steps = [tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5)) for colour in scale[3::2]]
        return [f"rgb({r}, {g}, {b})" for r, g, b in steps]

    page.wait_for_function("() => document.querySelector('.lx-plot').layout.images?.length === 1")
    on_black = colours()
    assert on_black == drawn() and len(set(on_black)) == 10
    page.get_by_test_id("layer-manifold").click()
    page.wait_for_function("() => !document.querySelector('.lx-plot').layout.images?.length")
    page.wait_for_timeout(100)
    assert colours() == drawn() != on_black


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_tab_has_accessibility_faults(open_latents, scheme):
    page = open_latents(f"map=umap-{UMAP}", color_scheme=scheme)
    for name in ("map", "dimensions", "paths", "neighbours", "selection"):
        page.get_by_test_id(f"tab-{name}").click()
        if name == "selection":
            page.get_by_test_id("select-class").select_option("7")
            expect(page.get_by_test_id("statistics")).to_contain_text("σ")
        faults = Axe().run(page, context=".lx").response["violations"]
        assert not faults, (name, [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in faults])


def test_a_phone_has_room_for_it(open_latents):
    page = open_latents(f"map=umap-{UMAP}", viewport={"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    for name in ("map", "dimensions", "paths", "neighbours", "selection"):
        page.get_by_test_id(f"tab-{name}").click()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390, name
