"""Parts of the latents' page tried alone: layers, columns, and what is told of numbers."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Page

from tests.browser.modules import SCENE


def test_every_curved_map_is_hatched_until_somebody_chooses(page: Page) -> None:
    said = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Shades }} = await import('/static/tabs/latents/doubt/shades.mjs');
          let drawn = null;
          scene.shade = (layer) => {{ drawn = layer; }};
          const shades = new Shades(scene);
          const said = [];
          const follow = (exact) => {{
            plane.exact = exact;
            shades.follow();
            said.push([[...shades.on].join(), drawn !== null]);
          }};
          for (const exact of [false, false, true, true, false]) follow(exact);
          shades.press('doubt');  // away with it
          for (const exact of [false, true, false]) follow(exact);
          return said;
        }}"""
    )
    assert said == [["doubt", True]] * 2 + [["", False]] * 2 + [["doubt", True]] + [["", False]] * 3


def test_long_work_gives_way_every_few_milliseconds(page: Page) -> None:
    beats = page.evaluate(
        """async () => {
          const { breather } = await import('/static/tabs/latents/breather.mjs');
          const breathe = breather();
          let [beats, working] = [0, true];
          const beat = () => {
            beats += 1;
            if (working) setTimeout(beat, 0);
          };
          beat();
          for (let piece = 0; piece < 300; piece++) {
            await breathe();
            const until = performance.now() + 1;
            while (performance.now() < until);
          }
          working = false;
          return beats;
        }"""
    )
    assert beats > 40  # in 300 ms of work, five or so at a time


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0, "0.00"),
        (-0.0002, "0.00"),
        (0.001, "0.001"),
        (0.002, "0.002"),
        (-1.236, "−1.24"),
        (17.36, "17.4"),
        (-812.4, "−812"),
    ],
)
def test_numbers_are_told_in_the_digits_they_need(page: Page, value: float, told: str) -> None:
    assert (
        page.evaluate(
            "async (value) => (await import('/static/tabs/latents/columns/colouring.mjs')).short(value)", value
        )
        == told
    )


def test_names_on_the_map_do_not_lie_over_one_another(page: Page) -> None:
    shifts = page.evaluate(
        """async () => {
          const { apart } = await import('/static/plot/labels.mjs');
          const box = (x, y) => ({ x, y, width: 60 });
          return [apart([box(0, 0), box(20, 3), box(40, -2), box(300, 0)]), apart([box(0, 0), box(61, 0)])];
        }"""
    )
    near, beside = shifts
    heights = sorted(y + shift for y, shift in zip((0, 3, -2), near, strict=False))
    assert all(above - below > 15 for below, above in itertools.pairwise(heights))
    assert near[3] == 0 and beside == [0, 0]


def test_a_plane_that_cannot_be_shown_leaves_the_layers_as_they_are(page: Page) -> None:
    found = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Dimensions }} = await import('/static/tabs/latents/dimensions.mjs');
          Object.assign(scene.manifest, {{ rates: [1, 2, 0], active: [true, true, false] }});
          const said = [];
          const kept = [];
          Object.assign(scene, {{ say: (text) => said.push(text), keep: (change) => kept.push(change) }});
          scene.layersChanged = () => {{}};
          scene.state.layers = new Set();
          const dimensions = new Dimensions(scene);
          scene.setMap = async () => {{ throw new Error('no codes'); }};
          await dimensions.map();
          const refused = [...scene.state.layers];
          scene.setMap = async () => {{}};  // another map was wanted meanwhile
          await dimensions.map();
          const overtaken = [...scene.state.layers];
          scene.setMap = async (name) => {{ scene.state.map = name; }};
          await dimensions.map();
          return {{ refused, overtaken, shown: [...scene.state.layers], said: said.length, kept: kept.length }};
        }}"""
    )
    assert found == {"refused": [], "overtaken": [], "shown": ["manifold"], "said": 1, "kept": 1}


def test_a_comparison_follows_the_columns(page: Page) -> None:
    told = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Selection }} = await import('/static/tabs/latents/selection.mjs');
          Object.assign(scene.manifest, {{ classes: ['a', 'b'], rates: [0, 0, 0], active: [false, false, false] }});
          const listeners = [];
          const own = {{ label: 'score', values: Float32Array.from({{ length: 10 }}, (_, i) => i) }};
          const kl = {{ label: 'KL', values: new Float32Array(10) }};
          scene.columns = {{
            list: () => [], listen: (call) => listeners.push(call), brought: [], known: new Map(),
            find: async (name) => (name === 'kl' ? kl : own),
          }};
          scene.colouring = {{ element: document.createElement('div') }};
          scene.plotEvents = {{}};
          scene.sheets = {{ image: async () => ({{ grey: new Uint8Array(4) }}) }};
          scene.labelOf = () => '';
          Object.assign(scene.plot, {{ setSelection() {{}}, points: {{ labels: new Uint8Array(10) }} }});
          const selection = new Selection(scene);
          selection.show();
          selection.set(Uint8Array.from({{ length: 10 }}, (_, i) => Number(i < 3)));
          const calm = () => new Promise((resolve) => setTimeout(resolve, 30));
          const has = () => selection.statistics.textContent.includes('score');
          await calm();
          const before = has();
          scene.columns.brought = [{{ name: 'score' }}];
          listeners.forEach((call) => call());
          await calm();
          return [before, has()];
        }}"""
    )
    assert told == [False, True]
