"""One server and one browser for all browser tests; a model of the digits keeps them quick."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, sync_playwright

from tests.browser.harness import CHROMIUM_ARGS, READY, chromium_path, server
from tests.browser.modules import module_page

SCREEN = {"width": 1280, "height": 800}


@pytest.fixture(scope="session")
def own_models(tmp_path_factory) -> Path:
    """Where the server looks for one's own models."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def address(own_models, tmp_path_factory) -> Iterator[str]:
    """The app, served with the pretrained models."""
    with server(EXPLORER_MODELS=str(own_models), EXPLORER_DATA=str(tmp_path_factory.mktemp("data"))) as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> Iterator[BrowserType]:
    """Chromium, not launched yet."""
    if chromium_path() is None:
        if os.environ.get("EXPLORER_REQUIRE_BROWSER"):
            pytest.fail("No chromium was found, and EXPLORER_REQUIRE_BROWSER asks for one.")
        pytest.skip("No chromium was found: install Debian's package chromium to run the browser tests.")
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="session")
def browser(chromium) -> Iterator[Browser]:
    launched = chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
    yield launched
    launched.close()


@pytest.fixture(scope="session")
def returning(chromium, tmp_path_factory) -> Iterator[BrowserContext]:
    """A visitor who comes back: with a folder of its own, Chromium keeps what it fetched, and scripts as compiled."""
    folder = tmp_path_factory.mktemp("visitor")
    context = chromium.launch_persistent_context(folder, executable_path=chromium_path(), args=CHROMIUM_ARGS)
    yield context
    context.close()


@pytest.fixture(scope="module")
def page(browser) -> Iterator[Page]:
    """A bare page that imports the map's modules, for parts of them that are tried alone."""
    with module_page(browser) as page:
        yield page


@pytest.fixture
def visit(browser, returning):
    """Opens an address; fails on any error in a page's console.

    The visitor is one who has been there before, though not in this test: there are no cookies. A `stranger`, and
    whoever has something special (has_touch, is_mobile), comes in a context of their own.
    With `refused`, the server is expected to refuse something, which a browser's console calls an error.
    """
    opened, faults = [], []
    returning.clear_cookies()

    def heard(message) -> None:
        # Streamlit's front end looks for its server below the page's own path first.
        if message.type == "error" and "/_stcore/" not in message.location.get("url", ""):
            faults.append(message.text)

    def visit_(
        url: str, *, refused: bool = False, stranger: bool = False, viewport=SCREEN, color_scheme="light", **special
    ) -> Page:
        if stranger or special:
            context = browser.new_context(viewport=viewport, color_scheme=color_scheme, **special)
            page = context.new_page()
            opened.append(context)
        else:
            page = returning.new_page()
            opened.append(page)
            page.set_viewport_size(viewport)
            page.emulate_media(color_scheme=color_scheme)
        page.on("pageerror", lambda error: faults.append(str(error)))
        if not refused:
            page.on("console", heard)
        page.goto(url)
        return page

    yield visit_
    for page_or_context in opened:
        page_or_context.close()
    assert not faults, faults


@pytest.fixture
def open_page(visit, address):
    """Opens Explore with a query and waits for the map."""

    def open_(query: str = "", *, ready: bool = True, **options) -> Page:
        page = visit(f"{address}/?{query}", **options)
        if ready:
            page.wait_for_selector(READY, timeout=30_000)
        return page

    return open_


@pytest.fixture
def open_latents(visit, address):
    """Opens Latents at an image of mnist-16d, with more of a query, and waits for the map."""

    def open_(query: str = "", **options) -> Page:
        page = visit(f"{address}/latents?model=mnist-16d&image=3&{query}", **options)
        page.wait_for_selector(READY, timeout=30_000)
        return page

    return open_
