"""Dragging in Firefox with real pointer actions, with WebGL and without: python -m tests.benchmarks.firefox

Prints for each page and mode how points are drawn, the moves that were painted, the delay from move to painted, frames,
and how far the terms on screen are from torch's. WebGL wants Mesa's libraries and a screen, which Debian's package xvfb
gives where there is none.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
from typing import Any

from tests.benchmarks.drag import WATCH, quantile
from tests.benchmarks.machine import describe_machine
from tests.browser.bidi import Firefox, firefox
from tests.browser.harness import READY, server

CHECK = "[data-testid=torch-check]"
PAGES = {"Explore": "", "ELBO": "elbo", "Latents": "latents"}
SETTLED = f"document.querySelector('{CHECK}[data-kind=agrees], {CHECK}[data-kind=differs]')"


def open_map(browser: Firefox, url: str) -> None:
    """Opens a page with a map and waits until it can be used."""
    browser.open(url)
    browser.wait(f"document.querySelector('{READY}')")
    browser.wait(SETTLED)


def place(browser: Firefox, handle: str) -> tuple[float, float]:
    """The middle of a handle on the screen."""
    found = browser.evaluate(
        f"(() => {{ const box = document.querySelector('[data-testid={handle}]').getBoundingClientRect();"
        " return [box.left + box.width / 2, box.top + box.height / 2]; })()"
    )
    return found[0], found[1]


def drag(browser: Firefox, handle: str = "latent-handle", moves: int = 150) -> dict[str, Any]:
    """Drags a handle in growing circles, one move a frame, and lets it go: what was painted, and torch's difference."""
    x, y = place(browser, handle)

    def move(dx: float, dy: float, duration: int = 16) -> dict[str, Any]:
        return {"type": "pointerMove", "x": round(x + dx), "y": round(y + dy), "duration": duration}

    browser.mouse(move(0, 0, 0), {"type": "pointerDown", "button": 0})
    browser.evaluate(f"({WATCH})()")
    turns = [6 * math.pi * i / moves for i in range(moves)]
    browser.mouse(*(move(turn * 6 * math.sin(turn), turn * 6 * (math.cos(turn) - 1)) for turn in turns))
    log = browser.evaluate("(window.dragLog.stop = true, window.dragLog)")
    browser.mouse({"type": "pointerUp", "button": 0})
    browser.wait(SETTLED)
    frames = log["frames"][2:]
    return {
        "drawn_by": browser.evaluate("document.querySelector('.lx-plot-frame').dataset.drawnBy"),
        "moves": log["moves"],
        "painted": len(log["painted"]),
        "painted_median_ms": statistics.median(log["painted"]),
        "painted_p95_ms": quantile(log["painted"], 0.95),
        "fps": 1000 / statistics.mean(frames),
        "difference": difference(browser),
    }


def difference(browser: Firefox) -> float:
    """The largest difference in nats between a term on screen and torch's."""
    return browser.evaluate(
        f"""(() => {{
          const torch = JSON.parse(document.querySelector('{CHECK}').dataset.value);
          const nodes = Object.entries(torch).map(([name, value]) =>
            [document.querySelector(`[data-testid=term-${{name.replaceAll('_', '-')}}]`), value]);
          return Math.max(...nodes.filter(([node]) => node?.dataset.value)
            .map(([node, value]) => Math.abs(Number(node.dataset.value) - value)));
        }})()"""
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=150)
    parser.add_argument("--model", default="mnist-2d")
    args = parser.parse_args()
    print(describe_machine())
    with server() as address:
        for webgl in (True, False):
            with firefox(webgl=webgl) as browser:
                there = browser.evaluate("Boolean(document.createElement('canvas').getContext('webgl'))")
                if webgl and not there:
                    print("  No WebGL in this Firefox, though it may use it: Mesa's libraries or a screen are missing.")
                    continue
                for (page, path), mode in itertools.product(PAGES.items(), ("gaussian", "point")):
                    open_map(browser, f"{address}/{path}?model={args.model}&mode={mode}&at=0.5,0.2")
                    found = drag(browser, moves=args.moves)
                    print(
                        f"  {'with' if webgl else 'without'} WebGL, drawn by {found['drawn_by']}, {page}, {mode}: "
                        f"{found['painted']} of {found['moves']} moves painted, "
                        f"{found['painted_median_ms']:.1f} ms median, {found['painted_p95_ms']:.1f} ms p95, "
                        f"{found['fps']:.1f} fps, torch within {found['difference']:.0e} nats"
                    )


if __name__ == "__main__":
    main()
