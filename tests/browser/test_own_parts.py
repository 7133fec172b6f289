"""Own pictures' names and cells where a point is shown, and one judgement for words and hatching; no server."""

from __future__ import annotations

import torch
from playwright.sync_api import Page

GENERATOR = torch.Generator().manual_seed(0)
CODES = torch.randn(24, 5, generator=GENERATOR)
PLACES = 4 * torch.randn(24, 2, generator=GENERATOR)


def test_a_place_is_hatched_where_words_doubt_it_and_nowhere_else(page: Page) -> None:
    found = page.evaluate(
        """async ({ codes, places }) => {
          const { Trust, judge } = await import('/static/tabs/latents/doubt/trust.mjs');
          const { doubtImage, doubtsOver } = await import('/static/tabs/latents/doubt/shading.mjs');
          const { Curved } = await import('/static/projections/curved.mjs');
          const all = Float32Array.from(codes);
          const plane = new Curved('umap', all, Float32Array.from(places));
          const trust = await Trust.of(all, 5, async () => {});
          const unknown = trust.knows(plane);
          await trust.know(plane);
          const from = all.subarray(10, 15);
          const scene = { plane, from: () => from, idle: async () => {}, plot: { dark: false } };
          const range = [-12, 12, -12, 12];
          const { picture, view } = doubtImage(scene, await doubtsOver(scene, trust, range, () => false));
          const { data, width } = picture.getContext('2d').getImageData(0, 0, picture.width, picture.height);
          const cell = 8;
          const [columns, rows] = [picture.width / cell, picture.height / cell];
          const step = (view[1] - view[0]) / columns;
          const verdict = (column, row) => {
            const u = [view[0] + (column + 0.5) * step, view[3] - (row + 0.5) * step];
            return judge(trust, plane, u, plane.lift(u, from)).verdict;
          };
          const darkest = (column, row) => {
            let most = 0;
            for (let y = row * cell; y < (row + 1) * cell; y++) {
              const row4 = 4 * y * width + 3;
              for (let x = column * cell; x < (column + 1) * cell; x++) most = Math.max(most, data[row4 + 4 * x]);
            }
            return most;
          };
          const home = plane.project(from);
          const at = [Math.floor((home[0] - view[0]) / step), Math.floor((view[3] - home[1]) / step)];
          const wrong = [], seen = { near: 0, doubted: 0 };
          for (let row = 1; row < rows - 1; row++) for (let column = 1; column < columns - 1; column++) {
            if (Math.hypot(column - at[0], row - at[1]) < 4) continue;
            const around = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => verdict(column + dx, row + dy)));
            if (new Set(around).size > 1 || around[0] === 'wary') continue; // an edge
            seen[around[0]] += 1;
            if ((darkest(column, row) > 0) !== (around[0] === 'doubted')) wrong.push([column, row, around[0]]);
          }
          const said = judge(trust, plane, home, plane.lift(home, from)).verdict;
          return { wrong, seen, unknown, home: said, there: darkest(...at) };
        }""",
        {"codes": CODES.flatten().tolist(), "places": PLACES.flatten().tolist()},
    )
    assert found["wrong"] == [] and found["seen"]["doubted"] > 100
    assert found["home"] == "near" and found["there"] < 100  # an image's own place, with doubt all around it
    assert found["unknown"] is False


def test_a_point_says_its_file_and_its_cell_of_the_column_that_is_shown(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { Sheets } = await import('/static/core/data.mjs');
          const { Hovering, fileEnd } = await import('/static/map/hovering.mjs');
          const { Colouring } = await import('/static/tabs/latents/columns/colouring.mjs');
          const { Columns } = await import('/static/tabs/latents/columns/columns.mjs');
          const facts = { name: 'own-1', kinds: ['=evil', 'Bo'] };
          const text = new TextEncoder().encode(JSON.stringify(facts).padEnd(64));
          const column = new Uint8Array(4 + 64 + 12);
          new Uint32Array(column.buffer, 0, 1)[0] = 64;
          column.set(text, 4);
          new Float32Array(column.buffer, 68).set([1, 0, NaN]);
          const cells = [[1234567.25, null, 3], ['Bo', '=evil', null]];
          const sheet = JSON.stringify({ files: ['a/IMG_1.jpg', 'b/2.png', 'c/3.png'], columns: cells });
          const bytes = (url) => (url.includes('own-0.json') ? new TextEncoder().encode(sheet) : column);
          globalThis.fetch = async (url) => ({
            ok: true, json: async () => ({ columns: [] }), arrayBuffer: async () => bytes(url).buffer });
          const own = { url: '/own-{sheet}.json', files: true, columns: ['age', 'who'] };
          const manifest = { imageShape: [1, 1, 1], count: 3, testCount: 1, latent: 2, own, observed: 'grey',
            table: '/t', column: '/c/{name}.bin', sheet: { size: 3, images: '/i', latents: '/l' } };
          const plot = { setColumn() {}, dark: false };
          const scene = { manifest, plot, plane: { kind: 'identity' }, state: {}, keep() {}, gone: () => false };
          scene.columns = new Columns(scene);
          const colouring = new Colouring(scene);
          const sheets = new Sheets(manifest);
          sheets.image = async () => ({ grey: new Uint8Array(1) });
          const cards = [];
          const tabs = { coloured: (index, known) => colouring.told(index, known) };
          const explore = { sheets, tabs, labelOf: () => 'cat',
            view: { showThumbnail: (...card) => cards.push(card.at(-1)), hideThumbnail() {} } };
          const hovering = new Hovering(explore);
          await hovering.over(0, {});
          for (const name of ['set who', 'split']) {
            await colouring.choose(name);
            for (const index of [0, 1, 2]) await hovering.over(index, {});
          }
          const groups = scene.columns.list().flatMap(([, entries]) => entries.map(([name]) => name));
          const missing = await scene.columns.find('set nothing').catch((error) => error.message);
          const none = await new Sheets({ ...manifest, own: null }).own(0);
          return { cards, groups, missing, file: fileEnd(`${'x/'.repeat(40)}end.png`), none };
        }"""
    )
    assert found["cards"] == [
        ["a/IMG_1.jpg"],
        *(["a/IMG_1.jpg", "who: Bo"], ["b/2.png", "who: =evil"], ["c/3.png", "who: no value"]),
        *(["a/IMG_1.jpg", "split: test"], ["b/2.png", "split: train"], ["c/3.png", "split: train"]),
    ]
    assert {"set age", "set who", "split"} <= set(found["groups"]) and "no such column" in found["missing"]
    assert found["file"].startswith("…") and found["file"].endswith("end.png") and len(found["file"]) == 34
    assert found["none"] is None
