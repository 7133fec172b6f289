"""One server and one browser for all browser tests; a model of the digits keeps them quick."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.harness import CHROMIUM_ARGS, READY, chromium_path, server


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> Iterator[str]:
    """The app, served with the pretrained models."""
    folders = {name: str(tmp_path_factory.mktemp(name.lower())) for name in ("EXPLORER_MODELS", "EXPLORER_DATA")}
    with server(**folders) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        if os.environ.get("EXPLORER_REQUIRE_BROWSER"):
            pytest.fail("No chromium was found, and EXPLORER_REQUIRE_BROWSER asks for one.")
        pytest.skip("No chromium was found: install Debian's package chromium to run the browser tests.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def visitor(browser) -> Iterator[BrowserContext]:
    """One visitor for the tests of a file that need no stranger: what is fetched once need not be fetched again."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture
def visit(browser):
    """Opens an address in a context of its own; fails on any error in a page's console.

    With `refused`, the server is expected to refuse something, which a browser's console calls an error. Without
    options it may be opened `within` the context of a visitor who is there.
    """
    opened, faults = [], []

    def heard(message) -> None:
        # Streamlit's front end looks for its server below the page's own path first.
        if message.type == "error" and "/_stcore/" not in message.location.get("url", ""):
            faults.append(message.text)

    def visit_(url: str, *, refused: bool = False, within: BrowserContext | None = None, **options) -> Page:
        shared = None if options else within
        context = shared or browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        page = context.new_page()
        opened.append(page if shared else context)
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
def open_page(visit, address, visitor):
    """Opens Explore with a query and waits for the map."""

    def open_(query: str = "", *, ready: bool = True, **options) -> Page:
        page = visit(f"{address}/?{query}", within=visitor, **options)
        if ready:
            page.wait_for_selector(READY, timeout=30_000)
        return page

    return open_


@pytest.fixture
def open_latents(visit, address, visitor):
    """Opens Latents at an image of mnist-16d, with more of a query, and waits for the map."""

    def open_(query: str = "", **options) -> Page:
        page = visit(f"{address}/latents?model=mnist-16d&image=3&{query}", within=visitor, **options)
        page.wait_for_selector(READY, timeout=30_000)
        return page

    return open_
