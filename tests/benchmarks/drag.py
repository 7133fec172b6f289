"""Dragging, measured with the real mouse: frames, delay from move to painted, share of moves decoded.

    python -m tests.benchmarks.drag [--moves 300] [--model mnist-2d] [--training] [--plot canvas] [--json]
        [--anatomy | --latents]

For each of 10,000 and 70,000 points, in point mode, in Gaussian mode, and on a scale's handle;
with --plot canvas where points are drawn on a plain canvas, as without WebGL;
with --training while the worker of the same server trains a model; with --anatomy on the page of the
ELBO, in Gaussian mode with every layer on, under each of its tabs; with --latents on the page of the latents, on
the model's own map and on its UMAP, also while its shade is being drawn, and on a traversal's slider.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from typing import Any

from playwright.sync_api import sync_playwright

from tests.benchmarks.busy import serving
from tests.benchmarks.machine import describe_machine
from tests.browser.harness import CHROMIUM_ARGS, READY, centre, chromium_path
from tests.browser.latents_page import umap_of

WATCH = """() => {
  const log = (window.dragLog = { painted: [], frames: [], moves: 0 });
  const painted = ({ detail }) => log.painted.push(detail.painted - detail.began);
  document.querySelector('.lx-root').addEventListener('latent-map-painted', painted);
  addEventListener('pointermove', (event) => { if (event.buttons) log.moves += 1; }, true);
  let last = 0;
  const frame = (now) => {
    if (last) log.frames.push(now - last);
    last = now;
    if (!log.stop) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def drag(page, handle: str, moves: int, path) -> dict[str, float]:
    """`moves` real mouse moves, one about every frame."""
    page.get_by_test_id(handle).scroll_into_view_if_needed()
    x, y = centre(page, handle)
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(WATCH)
    for i in range(moves):
        began = time.perf_counter()
        dx, dy = path(i / moves)
        page.mouse.move(x + dx, y + dy)
        time.sleep(max(0.0, 1 / 60 - (time.perf_counter() - began)))
    log = page.evaluate("() => { window.dragLog.stop = true; return window.dragLog }")
    page.mouse.up()
    frames = log["frames"][2:]
    return {
        "moves": log["moves"],
        "fps": 1000 / statistics.mean(frames),
        "frame_p95_ms": quantile(frames, 0.95),
        "painted_median_ms": statistics.median(log["painted"]),
        "painted_p95_ms": quantile(log["painted"], 0.95),
        "decoded_share": len(log["painted"]) / max(log["moves"], 1),
    }


def circle(radius: float):
    return lambda t: (radius * math.sin(6 * math.pi * t) * t, radius * (math.cos(6 * math.pi * t) - 1) * t)


def line(reach: float):
    return lambda t: (reach * math.sin(2 * math.pi * t) ** 2, 0.0)


# Address, handle, path.
CASES = {
    "point": ("/?mode=point", "latent-handle", circle(120)),
    "gaussian, mean": ("/?mode=gaussian", "latent-handle", circle(120)),
    "gaussian, scale": ("/?mode=gaussian", "latent-scale-0", line(90)),
}
LAYERS = "layers=manifold,prior,posterior"
ANATOMY = {
    **{
        f"ELBO page, {tab or 'game'}": (f"/elbo?{LAYERS}&zoom=map&tab={tab}", "latent-handle", circle(120))
        for tab in ("", "derivation", "ladder", "units", "gaps")
    },
    "ELBO page, game, scale": (f"/elbo?{LAYERS}&zoom=map", "latent-scale-0", line(90)),
    "ELBO page, game, zoomed in": (f"/elbo?{LAYERS}&zoom=q", "latent-handle", circle(120)),
}


SHADED = "UMAP, while it is shaded"


def latents(model: str) -> dict[str, tuple[str, str, Any]]:
    """Cases on a model's own plane and on the UMAP that comes with it."""
    shown = {"own map": "", "UMAP": f"&map=umap-{umap_of(model)}"}
    cases: dict[str, tuple[str, str, Any]] = {
        f"{name}, {tab}": (f"/latents?tab={tab}{where}", "latent-handle", circle(120))
        for name, where in shown.items()
        for tab in ("map", "dimensions", "neighbours")
    }
    cases["own map, a slider"] = ("/latents?tab=dimensions", "slider-1", line(90))
    # Dragged all the while that its doubt is being drawn: some two seconds' work, in slices.
    cases[SHADED] = (f"/latents?tab=map{shown['UMAP']}", "latent-handle", circle(120))
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=300)
    parser.add_argument("--model", default="mnist-2d")
    parser.add_argument("--points", nargs="*", default=["test", "all"])
    parser.add_argument("--engine", default="browser")
    parser.add_argument("--plot", choices=("plotly", "canvas"), default="plotly")
    parser.add_argument("--training", action="store_true", help="while a run trains beside it")
    parser.add_argument("--anatomy", action="store_true", help="on the page of the ELBO, every layer on")
    parser.add_argument("--latents", action="store_true", help="on the page of the latents")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cases = latents(args.model) if args.latents else ANATOMY if args.anatomy else CASES
    results = {}
    with serving(training=args.training) as (address, beside), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        for points in args.points:
            for name, (where, handle, path) in cases.items():
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                at = "" if "zoom=q" in where or "umap" in where else "&at=0.5,0.2"
                page.goto(
                    f"{address}{where}&model={args.model}&points={points}&engine={args.engine}&plot={args.plot}{at}"
                )
                page.wait_for_selector(READY, timeout=60_000)
                count = page.evaluate("() => document.querySelector('[data-testid=image-number]').max")
                page.wait_for_timeout(4_000 if args.latents else 1_500)  # what shades the map is drawn by then
                if name == SHADED:
                    page.get_by_test_id("shade-doubt").click()
                    page.get_by_test_id("shade-doubt").click()
                results[f"{int(count) + 1:,} points, {name}"] = drag(page, handle, args.moves, path)
                page.close()
        browser.close()
    if args.json:
        print(json.dumps({"machine": describe_machine(), "results": results}))
        return
    print(describe_machine())
    print(f"{args.model}, {args.engine} engine, drawn by {args.plot}, {args.moves} mouse moves each; {beside}")
    for name, r in results.items():
        print(
            f"  {name:<34} {r['fps']:5.1f} fps   frame p95 {r['frame_p95_ms']:5.1f} ms   "
            f"move→painted {r['painted_median_ms']:4.1f} ms median, {r['painted_p95_ms']:4.1f} ms p95   "
            f"{100 * r['decoded_share']:.0f} % of {r['moves']} moves decoded"
        )


if __name__ == "__main__":
    main()
