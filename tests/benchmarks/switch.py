"""From a model that is chosen to its map on screen: points in their projection, and then all that can be dragged.

    python -m tests.benchmarks.switch [--times 6] [--json]

Between the two pretrained models of 16 dimensions, whose map is PCA. The first switch to each finds a server that
has not opened it yet and is told apart.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics

from playwright.sync_api import sync_playwright

from tests.benchmarks.busy import serving
from tests.benchmarks.machine import describe_machine
from tests.browser.harness import CHROMIUM_ARGS, READY, chromium_path

MODELS = ("fashion-mnist-16d", "mnist-16d")
WATCH = """(name) => new Promise((resolve) => {
  const found = {};
  addEventListener('click', () => {
    const began = performance.now();
    const look = () => {
      const map = document.querySelector('[data-testid=latent-map]');
      const shown = document.querySelector('.lx-root')?.dataset.model === name;
      if (shown && map?.dataset.drawn === 'true') found.drawn ??= performance.now() - began;
      if (shown && map?.dataset.ready === 'true') return resolve({ ...found, ready: performance.now() - began });
      requestAnimationFrame(look);
    };
    look();
  }, { capture: true, once: true });
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=6)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    taken: list[dict[str, float]] = []
    with serving(training=False) as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{address}/latents?model={MODELS[1]}")
        page.wait_for_selector(READY, timeout=60_000)
        for turn in range(args.times + 1):
            page.wait_for_timeout(2_000)
            name = MODELS[turn % 2]
            page.get_by_role("combobox", name="Model").click()
            option = page.get_by_role("option").filter(has_text=re.compile(rf"^{name}"))
            option.wait_for()
            page.evaluate(f"() => {{ window.switched = ({WATCH})({name!r}) }}")
            option.click()
            taken.append(page.evaluate("() => window.switched"))
        browser.close()
    first, again = taken[0], taken[1:]
    results = {
        "first": first,
        "drawn_median_ms": statistics.median(one["drawn"] for one in again),
        "drawn_worst_ms": max(one["drawn"] for one in again),
        "ready_median_ms": statistics.median(one["ready"] for one in again),
    }
    if args.json:
        print(json.dumps({"machine": describe_machine(), "results": results}))
        return
    print(describe_machine())
    print(f"model chosen → its PCA on screen: {results['drawn_median_ms']:.0f} ms median of {len(again)}, ", end="")
    print(f"{results['drawn_worst_ms']:.0f} ms at most; all of it draggable after {results['ready_median_ms']:.0f} ms")
    print(
        f"a model that the server had not opened yet: {first['drawn']:.0f} ms, draggable after {first['ready']:.0f} ms"
    )


if __name__ == "__main__":
    main()
