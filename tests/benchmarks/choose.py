"""Choosing another image on the page of the ELBO: until its posterior and its exact terms are on screen.

    python -m tests.benchmarks.choose [--model mnist-2d] [--images 40] [--json]

Each image is chosen for the first time by a server that has just been started, so nothing of it is
cached anywhere. The clock runs in the page, from the choice to the frame in which log p(x), the terms by the finest
rule and the posterior of that very image are there.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics

from playwright.sync_api import sync_playwright

from tests.benchmarks.machine import describe_machine
from tests.browser.harness import CHROMIUM_ARGS, READY, chromium_path, server

# Resolves with milliseconds: `posterior` is there, and `all` of it is.
CHOOSE = """(image) => new Promise((resolve) => {
  const part = (name) => document.querySelector(`[data-testid=${name}]`);
  const input = part('image-number');
  input.value = image;
  const began = performance.now();
  input.dispatchEvent(new Event('change'));
  const times = {};
  const look = () => {
    const now = performance.now() - began;
    const shown = part('posterior-layer').dataset.image === String(image);
    const weighed = shown && part('term-log-evidence').hasAttribute('data-value');
    if (weighed) times.posterior ??= now;
    if (weighed && part('term-elbo').getAttribute('data-rule') === 'rest') resolve({ ...times, all: now });
    else if (now > 20000) resolve(null);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mnist-2d")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with server() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{address}/elbo?model={args.model}")
        page.wait_for_selector(READY, timeout=60_000)
        count = int(page.get_by_test_id("image-number").get_attribute("max")) + 1
        found = []
        for image in random.Random(0).sample(range(1, count), args.images):
            page.wait_for_timeout(1_200)  # a person looks at what there is
            times = page.evaluate(CHOOSE, image)
            if times is None:
                raise SystemExit(f"Image {image} was not on screen after 20 s.")
            found.append(times)
        browser.close()
    result = {
        name: {"median_ms": statistics.median(values), "p95_ms": sorted(values)[int(0.95 * len(values))]}
        for name in ("posterior", "all")
        for values in [[times[name] for times in found]]
    }
    if args.json:
        print(json.dumps({"machine": describe_machine(), "model": args.model, "images": len(found), **result}))
        return
    print(describe_machine())
    for name, text in (("posterior", "log p(x) and the posterior"), ("all", "and every term by its finest rule")):
        print(f"  {text:<36} {result[name]['median_ms']:5.0f} ms median, {result[name]['p95_ms']:5.0f} ms p95")


if __name__ == "__main__":
    main()
