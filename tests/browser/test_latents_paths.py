"""Parts of the paths tried alone: stops, and the line that is drawn."""

from __future__ import annotations

import torch
from playwright.sync_api import Page

from explorer.geometry import resampled
from tests.browser.modules import SCENE


def test_what_is_cleared_while_it_is_decoded_does_not_come_back(page: Page) -> None:
    found = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Paths }} = await import('/static/tabs/latents/paths/paths.mjs');
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
        "async ({ u, z }) => (await import('/static/tabs/latents/paths/path_lines.mjs')).alongLine(u, z, 8)",
        {"u": u, "z": z},
    )
    steps = resampled(torch.tensor(z, dtype=torch.float64), 8)
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), steps[:, :2] / torch.tensor([2.0, 3.0]))


def test_a_double_click_takes_one_stop_out(page: Page) -> None:
    left = page.evaluate(
        f"""async () => {{
          {SCENE}
          const {{ Paths }} = await import('/static/tabs/latents/paths/paths.mjs');
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
          const {{ LineTool }} = await import('/static/tabs/latents/paths/line_tool.mjs');
          const {{ Hands }} = await import('/static/map/hands.mjs');
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
