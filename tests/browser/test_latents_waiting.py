"""Parts of the latents' page tried alone: what comes late, and what is gone by then."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.modules import SCENE


def test_a_page_that_is_gone_asks_for_nothing_more(page: Page) -> None:
    calls = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Fits }} = await import('/static/tabs/latents/fits.mjs');
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


def test_a_map_that_is_gone_leaves_the_address_and_the_decoder_alone(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { sceneOf } = await import('/static/map/scene.mjs');
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


def test_a_fit_that_stops_says_so_until_it_has_and_is_stopped_by_its_owner_alone(page: Page) -> None:
    said = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Fits }} = await import('/static/tabs/latents/fits.mjs');
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
        ["The f", True, True],
        [True, True, True],
    ]


def test_what_is_near_a_drawing_is_asked_when_the_pen_is_lifted(page: Page) -> None:
    found = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ NeighboursTab }} = await import('/static/tabs/latents/neighbours_tab.mjs');
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


def test_the_colour_of_the_address_waits_for_the_table_and_for_nobodys_choice(page: Page) -> None:
    found = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Columns }} = await import('/static/tabs/latents/columns/columns.mjs');
          const {{ Colouring }} = await import('/static/tabs/latents/columns/colouring.mjs');
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
    assert found["empty"][:2] == ["class", None] and "you have no such column" in found["empty"][2]


def test_of_maps_that_wait_for_a_lasso_the_last_is_shown_and_none_where_the_page_is_gone(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { switchTo } = await import('/static/map/switching.mjs');
          const { Hands } = await import('/static/map/hands.mjs');
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
