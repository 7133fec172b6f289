"""The sorted picture of the gaps, alone on a bare page: its numbers against numpy, its choices with mouse and keys."""

from __future__ import annotations

import json
import struct
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.browser.modules import serve_static
from tests.browser.pad_page import HOST, THEMES

N = 300
COLUMNS = ("log_evidence", "error", "elbo", "diagonal", "full", "exact")
PAGE = """<!doctype html><html lang=en><title>Gaps</title><meta name=viewport content="width=device-width">
<link rel=stylesheet href="/static/style/style.css"><link rel=stylesheet href="/static/tabs/elbo/gaps/gaps.css">
<style>:root {{ --st-primary-color: {0}; --st-background-color: {1}; --st-secondary-background-color: {2};
--st-text-color: {3}; --st-border-color: {4} }}
body {{ margin: 0; background: {1} }} main {{ padding: 8px }}
.lx-panel {{ grid-column: 1 / -1; width: 100%; max-width: 476px }}</style>
<main><div class=lx><section class=lx-panel></section></div></main>
<script type=module>
import {{ GapPicture }} from '/static/tabs/elbo/gaps/gap_picture.mjs';
const grey = (index) => Uint8Array.from({{ length: 64 }}, (_, i) => (i === index % 64 ? 255 : 40));
window.chosen = [];
window.scene = {{
  state: {{}},
  keep: (change) => Object.assign(window.scene.state, change),
  manifest: {5},
  anchor: {{ index: 7 }},
  sheets: {{ image: async (index) => ({{ grey: window.images?.[index] ?? grey(index) }}) }},
  labelOf: (index) => `class ${{index % 10}}`,
  choose: (index) => {{
    window.chosen.push(index);
    window.scene.anchor = {{ index }};
    window.tab.changed('anchor');
  }},
}};
window.tab = new GapPicture(window.scene);
document.querySelector('.lx-panel').append(window.tab.element);
window.tab.show();
</script>"""


@pytest.fixture(scope="module")
def table() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    full, extra, amortization = generator.gamma(0.4, [[0.1], [0.2], [4.0]], (3, N))
    log_evidence = -100 - 20 * generator.standard_normal(N)
    columns = {"log_evidence": log_evidence, "error": generator.uniform(0.01, 0.02, N), "exact": np.arange(N) % 2}
    columns["full"] = log_evidence - full
    columns["diagonal"] = columns["full"] - extra
    columns["elbo"] = columns["diagonal"] - amortization
    return {name: columns[name].astype("<f4") for name in COLUMNS}


def packed(table: dict[str, np.ndarray]) -> bytes:
    n = len(table["elbo"])
    facts = {"n": n, "columns": list(COLUMNS), "made": "by quadrature", "binarisation": "fixed"}
    text = json.dumps(facts).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + b"".join(table[name].tobytes() for name in COLUMNS)


def packed_empty() -> bytes:
    text = json.dumps({"n": 0, "columns": []}).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text


def open_gaps(page, content: bytes | None, theme: str = "light", shape=(1, 8, 8), count: int = N):
    """The page with the tab on a table; None stands for a model that has none."""
    manifest = {"name": "mnist-2d", "count": count, "imageShape": list(shape), "gaps": "/gaps/key.bin"}

    def answer(route) -> None:
        name = urlsplit(route.request.url).path
        if name == "/gaps/key.bin":
            route.fulfill(body=content or packed_empty())
        elif not serve_static(route):
            route.fulfill(body=PAGE.format(*THEMES[theme], json.dumps(manifest)), content_type="text/html")

    page.route(f"{HOST}/**", answer)
    page.goto(f"{HOST}/")
    page.get_by_test_id("gap-picture" if content else "gaps-empty").wait_for(state="visible")
    return page


@pytest.fixture
def gaps(visit, table):
    return open_gaps(visit("about:blank"), packed(table))


def orders(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    log_evidence, elbo, diagonal = (table[name].astype(float) for name in ("log_evidence", "elbo", "diagonal"))
    quantities = {
        "inference": log_evidence - elbo,
        "approximation": log_evidence - diagonal,
        "amortization": diagonal - elbo,
        "evidence": -log_evidence,
    }
    return {name: np.argsort(-values, kind="stable") for name, values in quantities.items()}


def thumbnails(page, row: str) -> list[int]:
    return [int(page.get_by_test_id(f"gap-{row}-{i}").get_attribute("data-index")) for i in range(8)]


def chosen(page) -> list[int]:
    return page.evaluate("window.chosen")


def test_every_order_is_numpys_and_its_first_images_stand_below(gaps, table):
    for name, expected in orders(table).items():
        button = gaps.get_by_test_id(f"gap-sort-{name}")
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert gaps.evaluate("window.scene.state.sort") == (None if name == "inference" else name)  # for the address
        assert gaps.evaluate("Array.from(window.tab.order)") == expected.tolist()
        top = orders(table)["inference" if name == "evidence" else name]
        assert thumbnails(gaps, "top") == top[:8].tolist()
        assert thumbnails(gaps, "low") == orders(table)["evidence"][:8].tolist()
    for row in ("top", "low"):  # and each shows its image
        gaps.wait_for_function(
            """(row) => Array.from({ length: 8 }, (_, i) => {
                const canvas = document.querySelector(`[data-testid=gap-${row}-${i}] canvas`);
                return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v);
            }).every(Boolean)""",
            arg=row,
        )


def mean_and_error(values: np.ndarray) -> str:
    error = values.std(ddof=1) / len(values) ** 0.5
    decimals = int(np.ceil(-np.log10(error)))
    return f"{values.mean():.{decimals}f} ± {error:.{decimals}f}"


def test_the_means_and_their_standard_errors_are_numpys_and_add_up(gaps, table):
    parts = {
        "full": table["log_evidence"] - table["full"],
        "extra": table["full"] - table["diagonal"],
        "amortization": table["diagonal"] - table["elbo"],
    }
    for name, values in parts.items():
        assert gaps.get_by_test_id(f"gap-mean-{name}").text_content().startswith(mean_and_error(values))
    total = table["log_evidence"] - table["elbo"]
    assert gaps.get_by_test_id("gap-mean").text_content().startswith(mean_and_error(total))


def test_a_place_of_the_picture_and_a_thumbnail_choose_their_image(gaps, table):
    expected = orders(table)["inference"]
    frame = gaps.get_by_test_id("gap-picture").bounding_box()
    left, right = 34, frame["width"] - 4
    for rank in (0, 150, N - 1):
        x = left + (rank + 0.5) / N * (right - left)
        gaps.mouse.move(frame["x"] + x, frame["y"] + 60)
        card = gaps.get_by_test_id("gap-card")
        assert f"no. {expected[rank]}log p(x)" in card.text_content()
        gaps.mouse.down()
        gaps.mouse.up()
        assert chosen(gaps)[-1] == expected[rank]
        assert gaps.get_by_test_id("gap-slider").get_attribute("aria-valuenow") == str(rank + 1)
        mark = gaps.locator(".lx-gaps-mark").bounding_box()
        assert abs(mark["x"] + mark["width"] / 2 - frame["x"] - x) <= 1.5
    gaps.get_by_test_id("gap-low-3").click()
    assert chosen(gaps)[-1] == orders(table)["evidence"][3]
    assert gaps.get_by_test_id("gap-low-3").get_attribute("aria-pressed") == "true"


def test_arrow_keys_walk_along_the_order_and_choose_where_they_stop(gaps, table):
    gaps.get_by_test_id("gap-sort-amortization").click()
    expected = orders(table)["amortization"]
    slider = gaps.get_by_test_id("gap-slider")
    slider.focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        slider.press(key)
    # Keys that come slowly, as on a busy machine, may choose a place on the way as well.
    gaps.wait_for_function(f"window.chosen.at(-1) === {expected[2]}")
    assert slider.get_attribute("aria-valuenow") == "3"
    said = slider.get_attribute("aria-valuetext")
    assert said.startswith(f"Place 3 of {N}: image {expected[2]}, class {expected[2] % 10}; log p(x) ")
    slider.press("End")
    gaps.wait_for_function(f"window.chosen.at(-1) === {expected[-1]}")


def height_of_the_stack(page, share: float) -> float:
    """How high the picture is filled at a share of its width, of the canvas's height."""
    return page.get_by_test_id("gap-picture").evaluate(
        """(canvas, share) => {
             const x = Math.round(34 + share * (canvas.width - 38));
             const { data } = canvas.getContext('2d').getImageData(x, 0, 1, canvas.height);
             let filled = 0;
             for (let y = 0; y < canvas.height; y++) filled += data[4 * y + 3] > 250;
             return filled / canvas.height;
           }""",
        share,
    )


def test_the_curve_falls_as_the_square_root_of_the_gap(gaps, table):
    gap = np.sort(table["log_evidence"].astype(float) - table["elbo"])[::-1]
    whole = gaps.get_by_test_id("gap-picture").bounding_box()["height"]
    for share in (0.05, 0.2, 0.5):
        expected = np.sqrt(gap[int(share * N)] / gap[0]) * (whole - 20) / whole
        assert height_of_the_stack(gaps, share) == pytest.approx(expected, abs=0.03)


def test_an_image_that_was_not_measured_is_said_to_be_none(gaps):
    gaps.evaluate("window.scene.anchor = { index: 5000 }; window.tab.changed('anchor')")
    assert gaps.get_by_text("not among the first 300").is_visible()
    assert gaps.locator(".lx-gaps-mark").is_hidden()
    gaps.evaluate("window.scene.anchor = { index: null }; window.tab.changed('anchor')")  # a drawn one
    assert gaps.locator(".lx-gaps-mark").is_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_width_in_both_themes(visit, table, theme, width):
    page = open_gaps(visit("about:blank", viewport={"width": width, "height": 800}), packed(table), theme)
    frame = page.get_by_test_id("gaps").bounding_box()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert frame["height"] <= (272 if width == 1280 else 420)


def test_a_model_without_gaps_says_what_to_do(visit):
    page = open_gaps(visit("about:blank"), None)
    assert "Not measured yet" in page.get_by_test_id("gaps-empty").text_content()
    assert page.get_by_text("python -m explorer gaps mnist-2d --images 300").is_visible()
