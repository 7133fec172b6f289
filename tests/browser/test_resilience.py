"""What goes wrong in a page and must not stop it: engines that die, requests that throw, browsers' limits."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from explorer.frontend.files import STATIC, imported


def test_a_request_that_throws_does_not_hold_up_the_next_one(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { Latest } = await import('/static/core/latest.mjs');
          const seen = [];
          const reported = [];
          const heard = (event) => {
            reported.push(event.message);
            event.preventDefault();
          };
          addEventListener('error', heard, { once: true });
          const latest = new Latest(async (request) => {
            seen.push(request);
            if (request === 1) throw new Error('once');
          });
          latest.push(1);
          await latest.idle();
          latest.push(2);
          await latest.idle();
          return { seen, busy: latest.busy, reported: reported.length };
        }"""
    )
    assert found == {"seen": [1, 2], "busy": False, "reported": 1}


def test_an_address_is_written_no_more_often_than_safari_allows(page: Page) -> None:
    """100 changes in any 30 s are allowed; the last one arrives, also after one that was refused."""
    found = page.evaluate(
        """async () => {
          const { AddressWriter } = await import('/static/core/url.mjs');
          let now = 0;
          const timers = [];
          const written = [];
          let refuse = false;
          const writer = new AddressWriter((change) => {
            if (refuse) throw new Error('SecurityError');
            written.push([now, change]);
          }, { now: () => now, later: (call, wait) => timers.push([now + wait, call]) });
          const until = (end) => {
            for (; now < end; now += 10) {
              for (const timer of timers.splice(0)) timer[0] <= now ? timer[1]() : timers.push(timer);
            }
          };
          for (let i = 0; i < 2_000; i++) {  // a minute of key presses
            writer.write(i);
            until(now + 30);
          }
          until(now + 2_000);
          const last = written.at(-1)[1];
          refuse = true;
          writer.write('refused at first');
          refuse = false;
          until(now + 2_000);
          return { times: written.map(([at]) => at), last, then: written.at(-1)[1] };
        }"""
    )
    times = found["times"]
    assert max(sum(start <= at < start + 30_000 for at in times) for start in times) <= 100
    assert found["last"] == 1_999 and found["then"] == "refused at first"


def test_calls_to_a_dead_worker_are_refused_and_the_server_takes_over(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { BrowserEngine, EitherEngine } = await import('/static/engine/engines.mjs');
          const fake = [];
          const real = globalThis.Worker;
          globalThis.Worker = class {
            constructor() { fake.push(this); }
            postMessage(message) { this.asked = message; }
            terminate() {}
          };
          const manifest = { runtime: {}, decoder: '/decoder' };
          class Server {
            kind = 'server';
            ready = Promise.resolve();
            evaluate() { return 'the server’s'; }
            close() {}
          }
          const engines = { BrowserEngine, ServerEngine: Server };
          const told = [];
          const engine = new EitherEngine(manifest, ({ kind, why }) => told.push([kind, why]), engines);
          const worker = fake[0];
          worker.onmessage({ data: { hello: true } });
          worker.onmessage({ data: { id: worker.asked.id, result: null } });
          await engine.ready;
          const asked = engine.evaluate({});
          const kinds = [engine.kind];
          worker.onerror({ message: 'out of memory' });
          const alone = new BrowserEngine(manifest);
          alone.ready.catch(() => {});
          fake[1].onerror({ message: 'gone' });
          const late = await alone.evaluate({}).catch((error) => error.message);
          kinds.push(engine.kind);
          // A policy that refuses workers: some browsers throw, others tell of an error before the worker ran.
          globalThis.Worker = class { constructor() { throw new Error('refused'); } };
          const refused = new EitherEngine(manifest, () => {}, engines);
          await refused.begun;
          await refused.ready;
          globalThis.Worker = real;
          return { answer: await asked, kinds, told, late, refused: [refused.kind, refused.why] };
        }"""
    )
    assert found == {
        "answer": "the server’s",
        "kinds": ["browser", "server"],
        "told": [["server", "failed"]],
        "late": "gone",
        "refused": ["server", "worker"],
    }


def test_a_class_does_not_come_back_to_the_server_all_at_once(page: Page) -> None:
    waits = page.evaluate(
        """async () => {
          const { backoff } = await import('/static/engine/engines.mjs');
          return [0, 1, 3, 20].map((failures) => [backoff(failures, 0), backoff(failures, 0.5), backoff(failures, 1)]);
        }"""
    )
    assert waits[0] == [0, 0, 0]  # the first connection is made at once
    assert all(low == 0 and middle == high / 2 for low, middle, high in waits)
    assert waits[1][2] == 1_000 and waits[1][2] < waits[2][2] < waits[3][2] == 15_000


def test_a_silent_server_is_given_up_and_asked_again(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { ServerEngine } = await import('/static/engine/engines.mjs');
          const sockets = [];
          const real = [globalThis.WebSocket, globalThis.setTimeout.bind(globalThis)];
          globalThis.WebSocket = class {
            static OPEN = 1;
            constructor() {
              sockets.push(this);
              queueMicrotask(() => { this.readyState = 1; this.onopen(); });
            }
            send(message) { this.sent = message; }
            close() { this.readyState = 3; this.onclose(); }
          };
          const waits = [];
          globalThis.setTimeout = (call, wait) => { waits.push(wait); return real[1](call, wait / 1_000); };
          const clock = performance.now.bind(performance);
          const began = clock();
          performance.now = () => began + 1_000 * (clock() - began);
          const engine = new ServerEngine({ socket: '/engine' });
          const call = { z: new Float32Array(2), k: 1, x: new Float32Array(4), images: 0 };
          const first = await engine.evaluate(call).catch((error) => error.message);
          const again = engine.evaluate(call);
          while (!sockets[1]?.sent) await new Promise((resolve) => real[1](resolve, 1));
          const answer = new ArrayBuffer(20);
          new Uint32Array(answer, 0, 4).set([2, 1, 4, 0]);
          new Float32Array(answer, 16).set([-3]);
          sockets[1].onmessage({ data: answer });
          const { logLikelihood } = await again;
          delete performance.now;
          [globalThis.WebSocket, globalThis.setTimeout] = real;
          const [value] = logLikelihood;
          return { first, sockets: sockets.length, value, patience: waits[0], failures: engine.failures };
        }"""
    )
    assert found == {
        "first": "The connection to the server was lost.",
        "sockets": 2,
        "value": -3,
        "patience": 10_000,
        "failures": 0,
    }


def test_a_fault_before_there_is_a_view_is_a_sentence(page: Page) -> None:
    said = page.evaluate(
        """async () => {
          const { LiveMap } = await import('/static/map/live_map.mjs');
          const root = document.body.appendChild(document.createElement('div'));
          const plane = { basis: [[1, 0], [0, 1]], kind: 'identity', range: [-1, 1, -1, 1] };
          const manifest = {
            name: 'm', imageShape: [1, 2, 2], plane, runtime: {}, decoder: '/d', style: '/s.css', rules: {}, sheet: {},
          };
          const map = new LiveMap(root, manifest, { layers: [], hidden: [], image: 0 }, []);
          await map.started;
          return root.textContent;
        }"""
    )
    assert said.startswith("The map could not start: ")


def test_two_models_of_the_same_bytes_are_two_maps(page: Page) -> None:
    shown = page.evaluate(
        """async () => {
          const { default: mount } = await import('/static/host/streamlit.mjs');
          globalThis.opened = [];
          const source = `export class LiveMap {
            constructor(root, manifest, state) {
              globalThis.opened.push(manifest.name);
              Object.assign(this, { manifest, state });
            }
            restyle() {}
            destroy() {}
          }`;
          const entry = `data:text/javascript,${encodeURIComponent(source)}`;
          const parentElement = document.createElement('div');
          parentElement.innerHTML = '<div class="lx-root"></div>';
          for (const name of ['one', 'its copy', 'its copy']) {
            const manifest = { entry, terms: '/terms/same', name, count: 1, imageShape: [1] };
            mount({ parentElement, data: [{ manifest, notices: [], state: { image: 0, layers: [], hidden: [] } }] });
          }
          while (globalThis.opened.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
          return globalThis.opened;
        }"""
    )
    assert shown == ["one", "its copy"]


def test_points_are_found_near_a_place_and_within_an_outline(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { nearest, within } = await import('/static/plot/picking.mjs');
          const plot = {
            points: { u: Float32Array.of(0, 0, 1, 1, 1, 1.05, -1, 0), labels: Uint8Array.of(0, 0, 1, 1) },
            manifest: { classes: ['a', 'b'] }, hidden: new Set(), unit: () => 100,
            frame: () => ({ left: 10, top: 20, view: [-2, 2, -2, 2] }),
          };
          const at = (x, y) => [10 + (x + 2) * 100, 20 + (2 - y) * 100];
          const near = [[0.05, 0.05], [0.5, 0.5], [1, 1.04]].map((place) => nearest(plot, at(...place), 12));
          const bent = [[-0.5, -0.5], [1.5, -0.5], [1.5, 1.5], [0.5, 1.5], [0.5, 0.5], [-0.5, 0.5]];  // an L
          const all = within(plot, bent);
          plot.hidden.add(1);
          return { near, all, shown: [nearest(plot, at(1, 1.04), 12), within(plot, bent)] };
        }"""
    )
    assert found == {"near": [0, None, 2], "all": [0, 1, 2], "shown": [1, [0, 1]]}


def test_seventy_thousand_discs_take_a_blink(page: Page) -> None:
    """Each has the area of its circle wherever its centre lies within a pixel, and all are painted within 100 ms."""
    found = page.evaluate(
        """async () => {
          const { Painter } = await import('/static/plot/discs.mjs');
          const areas = [2.5, 4, 6].flatMap((size) => [[10, 10], [10.3, 10.9], [10.5, 10.5]].map(([x, y]) => {
            const image = new ImageData(20, 20);
            new Painter(image).disc(x, y, size, 1, 10, 20, 30);
            const covered = image.data.reduce((sum, value, at) => sum + (at % 4 === 3 ? value / 255 : 0), 0);
            return covered / (Math.PI * (size / 2) ** 2);
          }));
          const edge = new ImageData(4, 4);
          new Painter(edge).disc(-1, 1, 4, 1, 255, 0, 0);
          new Painter(edge).disc(-400, 1, 4, 1, 255, 0, 0);
          const image = new ImageData(700, 560);
          const painter = new Painter(image);
          const times = [];
          for (let run = 0; run < 7; run++) {
            const began = performance.now();
            for (let i = 0; i < 70_000; i++) {
              painter.disc((i * 432.6238) % 700, (i * 422.7315) % 560, 2.5, 0.5, 200, 40, 60);
            }
            times.push(performance.now() - began);
          }
          return { areas, cut: [edge.data[3] > 0, edge.data[4 * 3 + 3]], best: Math.min(...times) };
        }"""
    )
    assert found["areas"] == pytest.approx([1] * 9, abs=0.1)
    assert found["cut"] == [True, 0]
    assert found["best"] < 100


def test_what_is_preloaded_is_what_the_map_imports() -> None:
    names = imported("map/live_map.mjs")
    assert {
        "map/live_map.mjs",
        "plot/plot.mjs",
        "plot/canvas_plot.mjs",
        "projections/local.mjs",
        "words/en/map.mjs",
    } <= set(names)
    assert not {"engine/decoder.worker.mjs", "host/streamlit.mjs", "tabs/latents/latents.mjs", "pad/pad.mjs"} & set(
        names
    )
    assert all((STATIC / name).is_file() for name in names)


def test_what_is_imported_by_name_is_exported() -> None:
    """A name that is missing stops a whole page, and only there is it seen."""
    missing = []
    for path in STATIC.rglob("*.mjs"):
        if "vendor" in path.parts:
            continue
        for names, target in re.findall(r"^import \{([^}]*)\} from '(\.[^']+)'", path.read_text("utf-8"), re.MULTILINE):
            source = (path.parent / target).resolve().read_text("utf-8")
            for name in (each.split(" as ")[0].strip() for each in names.split(",") if each.strip()):
                if not re.search(rf"^export .*?\b{name}\b", source, re.MULTILINE):
                    missing.append((path.relative_to(STATIC).as_posix(), name, target))
    assert not missing


def test_nobody_but_the_drawing_by_plotly_reads_plotlys_own_fields() -> None:
    private = ("_fullLayout", "_fullData", "p2d", "d2p(", "._offset", "scattergl")
    readers = {
        path.relative_to(STATIC).as_posix()
        for path in STATIC.rglob("*.mjs")
        if "vendor" not in path.parts and any(word in path.read_text("utf-8") for word in private)
    }
    assert readers == {"plot/plotly_plot.mjs"}
