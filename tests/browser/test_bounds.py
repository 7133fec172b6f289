"""The ladder of bounds, and rate and units, in a browser: numbers against torch and numpy, and what is said of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from starlette.applications import Starlette
from starlette.testclient import TestClient

from explorer.inference import gaussian_terms
from explorer.inference.gaussian import stretched
from explorer.inference.ladder import KS, ladder
from explorer.latent_map.files import static_key
from explorer.serving.manifest import describe
from explorer.serving.routes import routes
from explorer.serving.space import SPACES, Space
from tests.browser.pad_page import THEMES

# Requests are answered in this process; the name makes the page one of this machine, as a worker needs.
HOST = "http://localhost"
PAGE = """<!doctype html><html lang=en><title>Bounds</title><meta name=viewport content="width=device-width">
<link rel=icon href="data:,"><link rel=stylesheet href="/explorer/static/{6}/style.css">
<style>:root {{ --st-primary-color: {0}; --st-background-color: {1}; --st-secondary-background-color: {2};
--st-text-color: {3}; --st-border-color: {4} }} body {{ margin: 0; background: {1} }} main {{ padding: 16px }}
.lx-tab[hidden] {{ display: none }}</style>
<main><div class=lx><section class=lx-map></section><section class=lx-panel></section></div></main>
<script type=module>
const at = '/explorer/static/{6}';
const [{{ Sheets, loadRules }}, {{ Plane }}, {{ BrowserEngine }}, {{ Ladder }}, {{ Units }}, terms] = await Promise.all(
  ['data', 'gaussian', 'engines', 'anatomy/ladder', 'anatomy/units', 'terms'].map((name) => import(`${{at}}/${{name}}.mjs`)));
const {{ manifest, index, state, evidence }} = {5};
const [sheets, plane, engine] = [new Sheets(manifest), new Plane(manifest.plane.basis), new BrowserEngine(manifest)];
const anchorOf = async (index) => ({{ index, ...(await sheets.image(index)), ...(await sheets.posterior(index)), evidence }});
const scene = {{ manifest, plane, engine, rules: await loadRules(manifest), anchor: await anchorOf(index), calls: 0,
  idle: () => Promise.resolve(), terms: () => scene.known ?? null }};
scene.state = {{ mode: 'gaussian', u: plane.project(scene.anchor.loc), sigma: plane.deviations(scene.anchor.scale), ...state }};
const evaluate = engine.evaluate.bind(engine);
engine.evaluate = (args) => {{ scene.calls += 1; return evaluate(args); }};
const tabs = {{ ladder: new Ladder(scene), units: new Units(scene) }};
for (const tab of Object.values(tabs)) {{
  tab.element.classList.add('lx-tab');
  tab.element.hidden = true;
  document.querySelector('.lx-panel').append(tab.element);
}}
Object.assign(window, {{ scene, tabs, anchorOf, terms,
  show: (name) => {{
    for (const [other, tab] of Object.entries(tabs)) {{
      tab.element.hidden = other !== name;
      other === name ? tab.show() : tab.hide();
    }}
  }},
  tell: (what) => Object.values(tabs).forEach((tab) => tab.changed(what)) }});
await engine.ready;
document.body.dataset.ready = true;
</script>"""
SECOND, SIXTEENTH = "mnist-2d", "mnist-16d"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes())) as client:
        yield client


@pytest.fixture
def open_tab(visit, client):
    """A page with one tab in view, of a pretrained model and an image."""

    def open_(name: str, tab: str, *, index: int = 0, theme: str = "light", evidence=None, context=None, **state):
        manifest = describe(SPACES.get(name))
        page = visit("about:blank", **(context or {}))

        def answer(route) -> None:
            url = urlsplit(route.request.url)
            if url.path == "/":
                facts = json.dumps({"manifest": manifest, "index": index, "state": state, "evidence": evidence})
                body = PAGE.format(*THEMES[theme], facts, static_key())
                return route.fulfill(body=body, content_type="text/html")
            reply = client.get(url.path)
            route.fulfill(status=reply.status_code, body=reply.content, content_type=reply.headers["content-type"])

        page.route(f"{HOST}/**", answer)
        page.goto(f"{HOST}/")
        page.wait_for_selector("body[data-ready]")
        page.evaluate("name => show(name)", tab)
        return page

    return open_
