"""Parts of the latents' page tried alone: what overlaps in time, and what is told of numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Page

from explorer.geometry import resampled
from tests.browser.modules import module_page


@pytest.fixture(scope="module")
def page(browser) -> Iterator[Page]:
    with module_page(browser) as page:
        yield page


# What a scene needs of the map, for parts that are tried alone.
SCENE = """
  const svg = document.createElement('div');
  const plane = { exact: true, shown: {}, kind: 'pca', project: () => [0, 0] };
  const scene = {
    manifest: { imageShape: [1, 2, 2], latent: 3, count: 10, ways: '/ways', maps: '/maps', umap: { metrics: [] } },
    state: { image: 0, map: null, u: [0, 0] }, plane, anchor: { x: null, loc: [0, 0, 0] }, overlay: { svg },
    plot: { toPixels: () => [0, 0], element: svg.appendChild(document.createElement('div')) },
    facts: () => null, z: () => [0, 0, 0], goTo() {}, hands: { hold() {} }, showMap() {},
    keep(change) { Object.assign(scene.state, change); }, mapping: { codes: async () => new Float32Array(30) },
  };
"""


def test_every_curved_map_is_hatched_until_somebody_chooses(page: Page) -> None:
    said = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Shades }} = await import('/static/latents/shades.mjs');
          let drawn = null;
          scene.shade = (layer) => {{ drawn = layer; }};
          const shades = new Shades(scene);
          const said = [];
          const follow = (exact) => {{
            plane.exact = exact;
            shades.follow();
            said.push([shades.on, drawn !== null]);
          }};
          for (const exact of [false, false, true, true, false]) follow(exact);
          shades.press('doubt');  // away with it
          for (const exact of [false, true, false]) follow(exact);
          return said;
        }}"""
    )
    assert said == [["doubt", True]] * 2 + [[None, False]] * 2 + [["doubt", True]] + [[None, False]] * 3


def test_what_is_cleared_while_it_is_decoded_does_not_come_back(page: Page) -> None:
    found = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Paths }} = await import('/static/latents/paths.mjs');
          let release;
          const gate = new Promise((resolve) => {{ release = resolve; }});
          const way = {{ z: Array.from({{ length: 64 }}, () => [0, 0, 0]), latent: 1, image: 1 }};
          const real = globalThis.fetch;
          const ways = {{ straight: way, spherical: way, geodesic: way }};
          globalThis.fetch = async () => new Response(JSON.stringify(ways));
          const evaluate = async ({{ k }}) => {{
            await gate;
            return {{ mean: new Float32Array(4 * k) }};
          }};
          scene.engine = {{ evaluate }};
          const paths = new Paths(scene);
          paths.show();
          paths.add([0, 0, 0]);
          paths.add([1, 1, 1]);
          const shown = () => [!paths.player.element.hidden, !paths.table.hidden, paths.chips.children.length];
          await new Promise((resolve) => setTimeout(resolve, 60));
          const before = shown();
          paths.clear();
          release();
          await new Promise((resolve) => setTimeout(resolve, 60));
          globalThis.fetch = real;
          return {{ before, after: shown(), note: paths.message.textContent }};
        }}"""
    )
    assert found["before"] == [False, True, 0]  # the ways were there, their pictures on their way
    assert found["after"] == [False, False, 0] and "two places" in found["note"]


def test_a_drawn_line_is_followed_in_even_steps(page: Page) -> None:
    u = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 4.0]]
    z = [[2 * x, 3 * y, 0.0] for x, y in u]  # lengths 0, 2 and 12
    found = page.evaluate(
        "async ({ u, z }) => (await import('/static/latents/path_lines.mjs')).alongLine(u, z, 8)", {"u": u, "z": z}
    )
    steps = resampled(torch.tensor(z, dtype=torch.float64), 8)
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), steps[:, :2] / torch.tensor([2.0, 3.0]))


def test_a_page_that_is_gone_asks_for_nothing_more(page: Page) -> None:
    calls = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Fits }} = await import('/static/latents/fits.mjs');
          const real = [globalThis.fetch, globalThis.setTimeout];
          let calls = 0;
          const timers = [];
          globalThis.fetch = async () => {{ calls += 1; throw new TypeError('down'); }};
          globalThis.setTimeout = (call) => timers.push(call);
          const fits = new Fits(scene, {{}});
          fits.watch('a');
          fits.destroy();
          await new Promise((resolve) => real[1].call(window, resolve, 30));
          for (const call of timers) await call();
          [globalThis.fetch, globalThis.setTimeout] = real;
          return [calls, timers.length];
        }}"""
    )
    assert calls == [1, 0]


def test_long_work_gives_way_every_few_milliseconds(page: Page) -> None:
    beats = page.evaluate(
        """async () => {
          const { breather } = await import('/static/latents/breather.mjs');
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
    assert page.evaluate("async (value) => (await import('/static/latents/colouring.mjs')).short(value)", value) == told


def test_names_on_the_map_do_not_lie_over_one_another(page: Page) -> None:
    shifts = page.evaluate(
        """async () => {
          const { apart } = await import('/static/labels.mjs');
          const box = (x, y) => ({ x, y, width: 60 });
          return [apart([box(0, 0), box(20, 3), box(40, -2), box(300, 0)]), apart([box(0, 0), box(61, 0)])];
        }"""
    )
    near, beside = shifts
    heights = sorted(y + shift for y, shift in zip((0, 3, -2), near, strict=False))
    assert all(above - below > 15 for below, above in itertools.pairwise(heights))
    assert near[3] == 0 and beside == [0, 0]


def test_a_map_that_is_gone_leaves_the_address_and_the_decoder_alone(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { sceneOf } = await import('/static/scene.mjs');
          let drawn = 0;
          const explore = {
            manifest: { name: 'old', tabs: 'latents' }, plot: { events: {} }, view: { showLayers() {} },
            state: { image: 0, mode: 'point', u: [0, 0], layers: new Set(), hidden: new Set() },
            background: { draw() { drawn += 1; } },
          };
          const scene = sceneOf(explore);
          const there = location.href;
          const use = () => {
            scene.keep({ colour: 'own score' });
            scene.layersChanged();
          };
          explore.gone = true;
          use();
          const left = [location.href === there, drawn];
          explore.gone = false;
          use();
          const shown = [new URL(location.href).searchParams.get('model'), drawn];
          history.replaceState(null, '', there);
          return [left, shown];
        }"""
    )
    assert found == [[True, 0], ["old", 1]]


def test_a_plane_that_cannot_be_shown_leaves_the_layers_as_they_are(page: Page) -> None:
    found = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Dimensions }} = await import('/static/latents/dimensions.mjs');
          Object.assign(scene.manifest, {{ rates: [1, 2, 0] }});
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


def test_a_double_click_takes_one_stop_out(page: Page) -> None:
    left = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Paths }} = await import('/static/latents/paths.mjs');
          const real = globalThis.fetch;
          const way = {{ z: Array.from({{ length: 64 }}, () => [0, 0, 0]), latent: 1, image: 1 }};
          const answer = JSON.stringify({{ straight: way, spherical: way, geodesic: way }});
          globalThis.fetch = async () => new Response(answer);
          scene.engine = {{ evaluate: async ({{ k }}) => ({{ mean: new Float32Array(4 * k) }}) }};
          const paths = new Paths(scene);
          paths.show();
          for (const at of [1, 2, 3]) await paths.add([at, 0, 0]);
          const out = paths.element.querySelector('[data-testid=stop-out-0]');
          out.click();
          out.click();
          await new Promise((resolve) => setTimeout(resolve, 30));
          globalThis.fetch = real;
          return paths.stops.map(([first]) => first);
        }}"""
    )
    assert left == [2, 3]


def test_a_line_is_the_first_fingers_and_ends_where_the_browser_takes_it(page: Page) -> None:
    said = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ LineTool }} = await import('/static/latents/line_tool.mjs');
          const {{ Hands }} = await import('/static/hands.mjs');
          scene.hands = new Hands();
          scene.plot.toMap = (at) => at;
          document.body.append(svg);
          const said = [];
          const events = {{ done: (line) => said.push(line.length), cancelled: () => said.push('cancelled') }};
          const tool = new LineTool(scene, events);
          tool.sheet.setPointerCapture = () => {{}};
          const point = (type, pointerId, x) =>
            tool.sheet.dispatchEvent(new PointerEvent(type, {{ pointerId, clientX: x, clientY: 0 }}));
          tool.start();
          said.push(scene.hands.busy);
          point('pointerdown', 1, 0);
          point('pointermove', 1, 10);
          point('pointerdown', 2, 100);
          point('pointermove', 2, 120);
          point('pointerup', 2, 120);
          point('pointermove', 1, 20);
          point('pointerup', 1, 20);
          point('pointerdown', 1, 0);
          point('pointercancel', 2, 0);
          point('pointercancel', 1, 0);
          tool.stop();
          said.push(scene.hands.busy);
          svg.remove();
          return said;
        }}"""
    )
    assert said == [True, 3, "cancelled", False]


def test_a_fit_that_stops_says_so_until_it_has_and_is_stopped_by_its_owner_alone(page: Page) -> None:
    said = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Fits }} = await import('/static/latents/fits.mjs');
          const fits = new Fits(scene, {{}});
          const running = {{ id: 'a', state: 'running', progress: 0.45, own: true }};
          const said = [];
          const tell = (fit) => {{
            fits.tell(fit);
            said.push([fits.said.textContent.slice(0, 5), fits.progress.hidden, fits.stop.hidden]);
          }};
          tell(running);
          tell({{ ...running, own: false }});
          tell({{ ...running, stopping: true }});
          tell({{ ...running, state: 'stopped', stopping: true }});
          // The server holds another model under this name: nothing is left to wait for.
          fits.tell(running);
          const real = globalThis.fetch;
          globalThis.fetch = async () => new Response('Another model.', {{ status: 404 }});
          fits.watch('a');
          await new Promise((resolve) => setTimeout(resolve, 20));
          globalThis.fetch = real;
          said.push([fits.fault.textContent.includes('Another model.'), fits.progress.hidden, fits.stop.hidden]);
          fits.destroy();
          return said;
        }}"""
    )
    assert said == [
        ["45 %", False, False],
        ["45 %", False, True],
        ["stops", False, True],
        ["was s", True, True],
        [True, True, True],
    ]


def test_what_is_near_a_drawing_is_asked_when_the_pen_is_lifted(page: Page) -> None:
    found = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ NeighboursTab }} = await import('/static/latents/neighbours_tab.mjs');
          const real = globalThis.fetch;
          let asked = 0;
          globalThis.fetch = async () => {{
            asked += 1;
            return new Response(JSON.stringify({{ exact: true, index: [], distance: [] }}));
          }};
          const grey = new Uint8Array(4);
          Object.assign(scene, {{
            sheets: {{ image: async () => ({{ grey }}) }}, labelOf: () => '',
            request: () => ({{ anchor: {{ index: 0 }}, u: [0, 0], sigma: [1, 1], base: null }}),
          }});
          plane.told = () => ({{}});
          const near = new NeighboursTab(scene);
          const calm = () => new Promise((resolve) => setTimeout(resolve, 50));
          const past = () => near.pixels.element.classList.contains('lx-past');
          near.show();
          await calm();
          const said = [[asked, past()]];
          for (let stroke = 0; stroke < 5; stroke++) near.changed('anchor');
          near.latent.cells.forEach(({{ button }}) => {{ button.dataset.index = ''; }});
          await calm();
          said.push([asked, past(), near.latent.cells[0].button.dataset.index !== '']);
          near.changed('rest');
          await calm();
          globalThis.fetch = real;
          return [...said, [asked, past()]];
        }}"""
    )
    assert found == [[1, False], [1, True, True], [2, False]]


def test_a_comparison_follows_the_columns(page: Page) -> None:
    told = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Selection }} = await import('/static/latents/selection.mjs');
          Object.assign(scene.manifest, {{ classes: ['a', 'b'], rates: [0, 0, 0] }});
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


def test_the_colour_of_the_address_waits_for_the_table_and_for_nobodys_choice(page: Page) -> None:
    found = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Columns }} = await import('/static/latents/columns.mjs');
          const {{ Colouring }} = await import('/static/latents/colouring.mjs');
          const real = globalThis.fetch;
          const table = {{ columns: [{{ name: 'score', values: Array(10).fill(1) }}] }};
          Object.assign(scene, {{ gone: () => false }});
          scene.manifest.table = '/table';
          Object.assign(scene.plot, {{ setColumn() {{}} }});
          const calm = () => new Promise((resolve) => setTimeout(resolve, 20));
          const visit = async (answer, meanwhile) => {{
            let release;
            const gate = new Promise((resolve) => {{ release = resolve; }});
            globalThis.fetch = async () => (await gate, answer());
            scene.state.colour = 'own score';
            scene.columns = new Columns(scene);
            const colouring = new Colouring(scene);
            colouring.changed('open');
            if (meanwhile) await colouring.choose(meanwhile);
            release();
            await calm();
            return [colouring.name, scene.state.colour, colouring.said.textContent];
          }};
          const answers = {{
            there: () => new Response(JSON.stringify(table)),
            lost: () => {{ throw new TypeError('Failed to fetch'); }},
            empty: () => new Response('{{"columns": []}}'),
          }};
          const said = {{}};
          for (const [name, answer] of Object.entries(answers)) said[name] = await visit(answer);
          said.overruled = await visit(answers.there, 'z_2');
          globalThis.fetch = real;
          return said;
        }}"""
    )
    assert found["there"][:2] == ["own score", "own score"] and found["overruled"][:2] == ["z_2", "z_2"]
    assert found["lost"][:2] == ["class", "own score"] and "could not be read: Failed to fetch" in found["lost"][2]
    assert found["empty"][:2] == ["class", None] and "not there any more" in found["empty"][2]


def test_of_maps_that_wait_for_a_lasso_the_last_is_shown_and_none_where_the_page_is_gone(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { switchTo } = await import('/static/switching.mjs');
          const { Hands } = await import('/static/hands.mjs');
          const nothing = () => {};
          const make = () => {
            const plane = { shown: 'first', use(projection) { this.shown = projection; } };
            const state = { u: [0, 0], zoom: true };
            const explore = {
              hands: new Hands(), state, plane, zoomed: 0, zoom() { this.zoomed += 1; },
              mapping: { find: async (name) => ({ projection: name, u: [], facts: null }) },
              measuring: { atEncoder: () => true, forget: nothing, push: nothing, encoder: async () => {} },
              background: { forget: nothing, draw: nothing }, weighing: { forget: nothing, turn: nothing },
              plot: { setPoints: async () => {} }, view: { turn: nothing }, range: nothing, z: nothing,
              encoderAt: () => ({}), place: nothing, rest: nothing, announce: nothing, trouble: nothing,
            };
            explore.hands.hold('lasso');
            return explore;
          };
          const said = [];
          for (const gone of [false, true]) {
            const explore = make();
            const wanted = ['second', 'third'].map((name) => switchTo(explore, name));
            await new Promise((resolve) => setTimeout(resolve, 10));
            said.push(explore.plane.shown);
            explore.gone = gone;
            if (gone) explore.hands.drop();
            else explore.hands.hold('lasso', false);
            await Promise.all(wanted);
            said.push(explore.plane.shown, explore.zoomed);
          }
          return said;
        }"""
    )
    assert found == ["first", "third", 1, "first", "first", 0]
