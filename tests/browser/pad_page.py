"""A bare page with the drawing pad, its modules as they lie on the disk, and what the pad hands on."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from playwright.sync_api import Browser, Page

from tests.browser.modules import serve_static

# A browser gives the points between two events to a page of this machine only, or over https.
HOST = "http://localhost"
THEMES = {
    "light": ("#0f6fc6", "#ffffff", "#f3f5f8", "#1b2430", "#d5dbe3"),
    "dark": ("#5eb0f7", "#12161c", "#1b212a", "#e6eaf0", "#323b47"),
}
PAGE = """<!doctype html><html lang=en><title>Pad</title><meta name=viewport content="width=device-width">
<link rel=stylesheet href="/static/style/style.css">
<style>:root {{ --st-primary-color: {0}; --st-background-color: {1}; --st-secondary-background-color: {2};
--st-text-color: {3}; --st-border-color: {4} }}
body {{ margin: 0; background: {1} }} main {{ padding: 16px }}</style>
<main><div class=lx><section class=lx-map></section><section class=lx-panel></section></div>
<div style="height: 2000px"></div></main>
<script type=module>
import {{ DrawingPad }} from '/static/pad/pad.mjs';
window.make = (options) => {{
  window.pad?.destroy();
  window.heard = [];
  window.sentences = [];
  if (options.initial) options.initial = Float32Array.from(options.initial);
  window.pad = new DrawingPad({{
    ...options,
    changed: (values, how) => {{
      window.heard.push({{ values: values && Array.from(values), how, type: values?.constructor.name }});
    }},
    said: (sentence) => window.sentences.push(sentence),
  }});
  document.querySelector('.lx-panel').append(window.pad.element);
}};
</script>"""


@contextlib.contextmanager
def pad_pages(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Gives open(theme, context, **options): a page with a new pad, by default of 28×28 grey values.

    A page is opened once for all the tests of a file (a pad takes 10 ms, a page a second);
    any error on its console fails at the next pad, or at the end.
    """
    pages: dict[str, Page] = {}
    faults: list[str] = []

    def open_(theme: str = "light", context: dict | None = None, **options) -> Page:
        assert not faults, faults
        key = json.dumps([theme, context])
        if key not in pages:
            kept = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **(context or {})})
            page = pages[key] = kept.new_page()
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda message: message.type == "error" and faults.append(message.text))
            html = PAGE.format(*THEMES[theme])
            page.route(f"{HOST}/**", _answer)
            page.route(f"{HOST}/", lambda route: route.fulfill(body=html, content_type="text/html"))
            page.goto(f"{HOST}/")
            page.wait_for_function("() => Boolean(window.make)")
        page = pages[key]
        page.mouse.move(0, 0)
        page.evaluate("(options) => window.make(options)", {"shape": [1, 28, 28], "observed": "grey", **options})
        page.get_by_test_id("drawing-pad").wait_for(state="visible")
        return page

    try:
        yield open_
    finally:
        for page in pages.values():
            page.context.close()
    assert not faults, faults


def _answer(route) -> None:
    if not serve_static(route):
        route.fulfill(status=204)


def stroke(page, points: Sequence[tuple[float, float]], steps: int = 8, *, lift: bool = True) -> None:
    """With the real mouse through points in hundredths of the canvas's longer side."""
    frame = page.get_by_test_id("drawing-canvas").bounding_box()
    unit = max(frame["width"], frame["height"]) / 100
    places = [(frame["x"] + x * unit, frame["y"] + y * unit) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=steps)
    if lift:
        page.mouse.up()


def latest(page) -> dict:
    """The last call of `changed`, once the frames under way are over."""
    return page.evaluate(
        """() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(
             () => resolve(window.heard.at(-1) ?? null))))"""
    )


def handed_on(page, shape: Sequence[int] = (28, 28)) -> np.ndarray | None:
    """The image that the pad has handed on last."""
    call = latest(page)
    assert call["how"]["still"], call["how"]
    return None if call["values"] is None else np.asarray(call["values"], np.float32).reshape(shape)


def choose(page, name: str, content: bytes, kind: str = "image/png") -> None:
    """Through the file button, and waits for what the pad says of it."""
    before = page.evaluate("window.sentences.length")
    page.get_by_test_id("drawing-file").set_input_files({"name": name, "mimeType": kind, "buffer": content})
    page.wait_for_function(f"window.sentences.length > {before}")


def said(page) -> str:
    return page.get_by_test_id("drawing-said").text_content()


def pure(page, module: str, body: str, argument=None):
    """The value of a function's body in the page; `m` is the module, `a` the argument."""
    script = f"async (a) => {{ const m = await import('/static/pad/{module}.mjs'); {body} }}"
    return page.evaluate(script, argument)
