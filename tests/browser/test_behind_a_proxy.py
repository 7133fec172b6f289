"""The app below a path, behind a proxy that puts its own Host: from page to page, the map, its questions."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.harness import READY, drag, server, settle
from tests.helpers.proxy import proxy


def test_pages_work_below_a_path(visit, tmp_path: Path) -> None:
    # Browsers find names below "localhost" on this machine; the app does not answer to one that was not named.
    names = {"EXPLORER_HOSTS": "class.localhost", "EXPLORER_PROXY": "127.0.0.1"}
    with server(**names, EXPLORER_MODELS=str(tmp_path)) as address, proxy(address) as port:
        there = f"http://class.localhost:{port}/tools/vae"
        page = visit(f"{there}/?model=mnist-2d&image=3", stranger=True)
        page.wait_for_selector(READY, timeout=30_000)
        drag(page, 40, 10)
        assert settle(page)["elbo"] < 0
        page.get_by_role("link", name="Latents").first.click()
        page.wait_for_url(f"{there}/latents*", timeout=30_000)  # the map of the page before is ready at once
        page.wait_for_selector(READY, timeout=30_000)
        page.get_by_role("link", name="Pictures").first.click()
        page.get_by_role("radio", name="A folder of the server").click(timeout=30_000)
        expect(page.get_by_text("Only somebody who sits at the server")).to_be_visible(timeout=20_000)
