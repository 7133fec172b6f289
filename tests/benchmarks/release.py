"""Letting go, measured with the real mouse: from pointerup to torch's numbers on screen, beside other pages.

    python -m tests.benchmarks.release [--model mnist-2d] [--others 10] [--releases 40] [--training] [--json]

Three cases: no other page; `--others` pages open and connected; and the same pages at work,
every other one dragging and letting go, the rest switching model, each about every
`--period` seconds. The other pages are pages of the same browser, a context each, so on a
small machine their own decoding and drawing compete with the measured page, as real
visitors' machines would not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics

from playwright.async_api import Browser, Page, async_playwright

from tests.benchmarks.busy import serving
from tests.benchmarks.drag import quantile
from tests.benchmarks.machine import describe_machine
from tests.browser.harness import CHROMIUM_ARGS, READY, chromium_path

TARGET_MS = 150
ANSWERED = "[data-testid=torch-check][data-kind=agrees], [data-testid=torch-check][data-kind=differs]"

# A release is answered by the first of torch's words after it that is an answer to it: the
# check says "moving" or "waiting" in between.
WATCH = """() => {
  const log = (window.releaseLog = { answers: [], requests: [] });
  const check = document.querySelector('[data-testid=torch-check]');
  let released;
  addEventListener('pointerup', (event) => { released = event.timeStamp; }, true);
  new MutationObserver(() => {
    const { kind } = check.dataset;
    if (released === undefined || (kind !== 'agrees' && kind !== 'differs')) return;
    log.answers.push(performance.now() - released);
    released = undefined;
  }).observe(check, { attributes: true, attributeFilter: ['data-kind'] });
  new PerformanceObserver((list) => {
    const asked = list.getEntries().filter(({ name }) => name.includes('/explorer/terms/'));
    log.requests.push(...asked.map(({ duration }) => duration));
  }).observe({ type: 'resource' });
}"""


async def open_page(browser: Browser, url: str) -> Page:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_selector(READY, timeout=120_000)
    await page.wait_for_selector(ANSWERED, timeout=120_000)
    return page


async def drag(page: Page, dx: float, dy: float, moves: int = 12) -> None:
    """Takes the handle, moves it about a frame at a time, and lets it go."""
    box = await page.get_by_test_id("latent-handle").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    for i in range(1, moves + 1):
        await page.mouse.move(x + dx * i / moves, y + dy * i / moves)
        await asyncio.sleep(1 / 60)
    await page.mouse.up()


async def switch_model(page: Page) -> None:
    """The next model of the chooser, or the first after the last."""
    await page.get_by_role("combobox").first.click()
    await page.keyboard.press(random.choice(("ArrowDown", "ArrowUp")))
    await page.keyboard.press("Enter")
    await page.wait_for_selector(READY, timeout=120_000)


async def work(page: Page, switches: bool, period: float, done: dict[str, int]) -> None:
    """What another visitor does until cancelled."""
    while True:
        await asyncio.sleep(period * random.uniform(0.5, 1.5))
        if switches:
            await switch_model(page)
        else:
            await drag(page, *(random.uniform(-40, 40) for _ in range(2)))
        done["switches" if switches else "drags"] += 1


async def measure(page: Page, releases: int) -> dict[str, float]:
    await page.evaluate(WATCH)
    for i in range(releases):
        side = 1 if i % 2 == 0 else -1
        await drag(page, 45 * side, -30 * side)
        await page.wait_for_function("(count) => window.releaseLog.answers.length >= count", arg=i + 1, timeout=60_000)
        await asyncio.sleep(random.uniform(0.05, 0.2))
    log = await page.evaluate("() => window.releaseLog")
    answers, requests = log["answers"], log["requests"] or [0.0]
    return {
        "releases": len(answers),
        "median_ms": statistics.median(answers),
        "p95_ms": quantile(answers, 0.95),
        "request_median_ms": statistics.median(requests),
        "request_p95_ms": quantile(requests, 0.95),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


async def run(address: str, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    results = {}
    url = f"{address}/?model={args.model}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        page = await open_page(browser, f"{url}&at=0.5,0.2")
        results["no other page"] = await measure(page, args.releases)
        await page.context.close()
        if args.training:
            await browser.close()
            return results
        others = [await open_page(browser, url) for _ in range(args.others)]
        page = await open_page(browser, f"{url}&at=0.5,0.2")
        await asyncio.sleep(2)
        results[f"{args.others} others, idle"] = await measure(page, args.releases)
        await page.context.close()
        page = await open_page(browser, f"{url}&at=0.5,0.2")
        done = {"drags": 0, "switches": 0}
        tasks = [
            asyncio.create_task(work(other, index % 2 == 1, args.period, done)) for index, other in enumerate(others)
        ]
        results[f"{args.others} others, at work"] = {**await measure(page, args.releases), **done}
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task  # a fault of another page is a fault of the measurement
        await browser.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mnist-2d")
    parser.add_argument("--others", type=int, default=10)
    parser.add_argument("--releases", type=int, default=40)
    parser.add_argument("--period", type=float, default=4.0, help="seconds between the acts of a page at work")
    parser.add_argument("--training", action="store_true", help="while a run trains; other pages are left out")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    random.seed(0)
    machine = describe_machine()
    with serving(training=args.training) as (address, beside):
        results = asyncio.run(run(address, args))
    if args.json:
        print(json.dumps({"machine": machine, "model": args.model, "results": results}))
        return
    print(machine)
    print(f"{args.model}, {args.releases} releases a case; target: {TARGET_MS} ms median beside {args.others} others")
    print(f"{beside}; the other pages run on this machine too, in the same browser.")
    for name, r in results.items():
        acts = f"   they made {r['drags']} drags, {r['switches']} switches" if "drags" in r else ""
        print(
            f"  {name:<22} release→torch {r['median_ms']:5.0f} ms median, {r['p95_ms']:5.0f} ms p95   "
            f"of which the request {r['request_median_ms']:4.0f} ms median, {r['request_p95_ms']:4.0f} ms p95   "
            f"load {r['load']:.1f}{acts}"
        )


if __name__ == "__main__":
    main()
