"""A bare page that imports the map's modules as they lie on the disk, for what needs neither server nor model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route

from explorer.frontend.files import STATIC, media_type

HOST = "http://localhost"
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


@contextlib.contextmanager
def module_page(browser: Browser) -> Iterator[Page]:
    """A page on which import('/static/...') works."""
    context = browser.new_context()
    page = context.new_page()
    page.route(f"{HOST}/**", answer)
    page.goto(f"{HOST}/")
    try:
        yield page
    finally:
        context.close()


def answer(route: Route) -> None:
    """A file of the front end, or an empty page."""
    if not serve_static(route):
        route.fulfill(body="<!doctype html>", content_type="text/html")


def serve_static(route: Route) -> bool:
    """Answers for a file of the front end, with 404 where there is none; False where something else is asked for."""
    name = urlsplit(route.request.url).path
    if not name.startswith("/static/"):
        return False
    path = STATIC / name.removeprefix("/static/")
    if path.is_file():
        route.fulfill(body=path.read_bytes(), content_type=media_type(path.name))
    else:
        route.fulfill(status=404)  # an answer that never comes would hold a test for ever
    return True
