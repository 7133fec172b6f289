"""The README's screenshots, taken of the app as it is: python -m tests.browser.screenshot"""

from __future__ import annotations

from playwright.sync_api import sync_playwright

from tests.browser.harness import CHROMIUM_ARGS, READY, ROOT, centre, chromium_path, server, settle


def main() -> None:
    with server() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.goto(f"{address}/?model=mnist-2d&image=61&layers=prior")
        page.wait_for_selector(READY)
        for handle, dx, dy in (("latent-scale-0", 46, 0), ("latent-scale-1", 0, -34), ("latent-handle", -28, 22)):
            x, y = centre(page, handle)
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + dx, y + dy, steps=8)
            page.mouse.up()
        settle(page)
        page.screenshot(path=ROOT / "pages" / "explore.png")
        page.goto(f"{address}/elbo?model=mnist-2d&image=4")
        page.wait_for_selector(READY)
        page.wait_for_selector("[data-testid=gap-diagonal][data-value]")
        page.wait_for_selector("[data-testid=cloud-0]", state="visible")
        page.get_by_test_id("step-uphill").click()
        settle(page)
        page.wait_for_timeout(1_500)  # the gradient's draws for the new place
        page.screenshot(path=ROOT / "pages" / "elbo.png")
        page.goto(f"{address}/latents?model=mnist-16d&image=4")
        page.wait_for_selector(READY)
        page.get_by_test_id("projection-umap").click()
        page.wait_for_function("() => new URL(location.href).searchParams.get('map')?.startsWith('umap-')")
        x, y = centre(page, "latent-handle")
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 64, y - 58, steps=8)
        page.mouse.up()
        settle(page)
        page.wait_for_timeout(4_000)  # the shade of doubt over the whole map
        page.screenshot(path=ROOT / "pages" / "latents.png")
        browser.close()


if __name__ == "__main__":
    main()
