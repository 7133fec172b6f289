"""Parts of the front end that write the address and place words beside it, on a bare page: no server, no model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from explorer.page.address import read_view
from tests.browser.modules import module_page

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Page]:
    with module_page(browser) as page:
        yield page


def masks(count: int, labels: np.ndarray) -> list[np.ndarray]:
    """Selections of few and of many images, at both ends, of classes, and every other one."""
    found = [labels == 3, np.isin(labels, (0, 9)), np.ones(count, bool), np.arange(count) % 2 == 0]
    found += [RANDOM.random(count) < share for share in (0.001, 0.02, 0.3, 0.97)]
    for ends in ([0], [count - 1], [0, count - 1], [0, 128, 129, 16_500 % count]):
        found.append(np.isin(np.arange(count), ends))
    return found


@pytest.mark.parametrize("count", [1, 8, 300, 10_000])
def test_a_selection_is_packed_and_unpacked_and_the_server_takes_it(modules: Page, count: int) -> None:
    labels = RANDOM.integers(0, 10, count)
    for mask in masks(count, labels):
        text, back = modules.evaluate(
            """async (digits) => {
              const { pack, unpack } = await import('/static/tabs/latents/columns/picked.mjs');
              const [mask, labels] = digits.map((text) => Uint8Array.from(text));
              const text = pack(mask, labels);
              return [text, text ? unpack(text, labels).join('') : null];
            }""",
            ["".join(map(str, mask.astype(int))), "".join(map(str, labels))],
        )
        if not mask.any():
            assert text == ""
            continue
        assert len(text) <= 2_000 and back == "".join(map(str, mask.astype(int)))
        view = read_view({"select": text}, count=count, classes=10, map_range=(0, 1, 0, 1), tabs="latents")
        assert view.picked == text and not view.notices


def test_a_selection_too_long_for_an_address_is_left_out_and_a_class_of_any_size_is_short(modules: Page) -> None:
    packed = modules.evaluate(
        """async () => {
          const { pack } = await import('/static/tabs/latents/columns/picked.mjs');
          const labels = Uint8Array.from({ length: 70000 }, (_, i) => (i * 7) % 10);
          const odd = labels.map((_, i) => Number((i * i) % 11 < 4));
          return [odd, labels.map((label) => Number(label === 4))].map((mask) => pack(mask, labels));
        }"""
    )
    assert packed == [None, "c4"]


def test_numbers_have_commas_between_thousands(modules: Page) -> None:
    said = modules.evaluate(
        """async () => {
          const { nats } = await import('/static/core/dom.mjs');
          return [nats(-10000), nats(-1234567.891, 1), nats(999.5, 0), nats(-0.004), nats(NaN), nats(-Infinity)];
        }"""
    )
    assert said == ["−10,000.00", "−1,234,567.9", "1,000", "−0.00", "–", "−∞"]


def test_names_of_dimensions_do_not_lie_on_one_another(modules: Page) -> None:
    sets = [RANDOM.random(6), np.full(6, 0.98), np.array([0.97, 0.98, 0.99, 1.0, 0.0, 0.01]), np.array([0.5, 0.5])]
    spread, names = modules.evaluate(
        """async (sets) => {
          const { apart } = await import('/static/training/dimensions.mjs');
          const { everyName } = await import('/static/tabs/elbo/bounds/units.mjs');
          const rows = [[305, 16], [305, 40], [305, 128], [440, 512], [300, 3]];
          const spread = sets.map((values) => apart(values, 0.12, 0.88));
          return [spread, rows.map(([wide, d]) => everyName(wide / d, d) * (wide / d))];
        }""",
        [values.tolist() for values in sets],
    )
    for values, places in zip(sets, map(np.array, spread), strict=True):
        ordered = np.sort(places)
        assert (np.diff(ordered) >= 0.12 - 1e-9).all() and ordered[-1] <= 0.88 + 1e-9 and ordered[0] >= 0
        assert (places[values.argsort()] == ordered).all()
    assert all(room >= 13 + 5 * (len(str(d)) - 1) for room, d in zip(names, (16, 40, 128, 512, 3), strict=True))


def test_explanations_leave_their_rows_to_be_read(modules: Page) -> None:
    """Rows of a panel to the right of a map, of one below it, and of narrow windows, against a card of any size."""
    cases = []
    for width, height, left, right in ((1280, 800, 790, 1266), (1920, 1080, 1400, 1900), (390, 844, 8, 382)):
        for at in range(10, height - 40, 37):
            row = {"left": left, "right": left + 120, "top": at, "bottom": at + 22}
            group = {"left": left, "right": right, "top": max(at - 60, 0), "bottom": at + 80}
            panel = {"left": left, "right": right, "top": 0, "bottom": height}
            for size in ((340, 60), (300, 180)):
                cases.append([{"row": row, "together": group, "panel": panel}, size, (width, height)])
    places = modules.evaluate(
        """async (cases) => {
          const { placed } = await import('/static/core/explaining.mjs');
          const sized = ([width, height]) => ({ width, height });
          return cases.map(([rects, card, room]) => placed(rects, sized(card), sized(room)));
        }""",
        cases,
    )
    for (rects, (w, h), (width, height)), place in zip(cases, places, strict=True):
        left, top = place["left"], place["top"]
        assert left >= 0 and left + w <= width and top >= 0 and top + h <= height
        row, panel = rects["row"], rects["panel"]
        beside = left + w <= panel["left"] or left >= panel["right"]
        assert beside or top + h <= row["top"] or top >= row["bottom"]
        assert beside == (width > 400)
