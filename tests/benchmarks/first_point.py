"""From pressing Train to the first point on the curve, in a real browser.

    python -m tests.benchmarks.first_point [--presses 5] [--json]

Each press trains the bundled MNIST with the settings that one click takes, but for the seed,
in a server whose worker is idle; the run is stopped before the next press.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from playwright.sync_api import sync_playwright

from tests.benchmarks.busy import serving
from tests.benchmarks.machine import describe_machine
from tests.browser.harness import CHROMIUM_ARGS, chromium_path

TARGET_SECONDS = 5.0
VIEW = "[data-testid=training-view]"
FIRST_POINT = "() => Number(document.querySelector('[data-testid=training-view]')?.dataset.points) >= 1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presses", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    times = []
    with serving(training=False) as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        for seed in range(args.presses):
            page.goto(f"{address}/train")
            train = page.get_by_role("button", name="Train", exact=True)
            train.wait_for(timeout=60_000)
            page.get_by_label("Seed", exact=True).fill(str(seed))
            page.get_by_label("Seed", exact=True).press("Enter")
            page.wait_for_timeout(6_000)  # the page, and the worker after it has measured itself, come to rest
            began = time.perf_counter()
            train.click()
            page.wait_for_function(FIRST_POINT, timeout=60_000)
            times.append(time.perf_counter() - began)
            page.get_by_test_id("job-stop").click()
            page.get_by_test_id("job-stop-confirm").click()
            page.wait_for_selector(f"{VIEW}[data-state=stopped]", timeout=60_000)
        browser.close()
    if args.json:
        print(json.dumps({"machine": describe_machine(), "seconds": times, "target": TARGET_SECONDS}))
        return
    print(describe_machine())
    print(
        f"Train pressed → first point on the curve: {statistics.median(times):.1f} s median, "
        f"{max(times):.1f} s at most of {len(times)} (target {TARGET_SECONDS:g} s)"
    )


if __name__ == "__main__":
    main()
