"""Opening the app, measured in a real browser: the first visitor, further visitors, second visits, bytes.

    python -m tests.benchmarks.load [--model mnist-2d] [--visits 5] [--waterfall] [--json]

A visit ends when the map is ready, by the page's own clock, which starts with the navigation.
Every visit but the second ones is a browser context of its own, so its cache is empty; the
browser is already running, as a visitor's is. Bytes are what the network carried (headers
included), counted until 2 s after ready, in the page and in the decoder's worker.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.benchmarks.machine import describe_machine
from tests.browser.harness import CHROMIUM_ARGS, chromium_path, server

TARGET_BYTES, TARGET_MS = 8_000_000, 4_000
AFTER_READY_MS = 2_000
HOVERED = 5
STREAMLIT = "Streamlit's own"

WATCH = """() => {
  const ready = '[data-testid=latent-map][data-ready=true]';
  const look = () => document.querySelector(ready) && (window.readyAt ??= performance.now());
  const what = { subtree: true, childList: true, attributes: true, attributeFilter: ['data-ready'] };
  new MutationObserver(look).observe(document, what);
}"""

# transferSize is 0 for what the cache gave.
RESOURCES = """() => performance.getEntriesByType('resource').map((entry) => ({
  url: entry.name, began: performance.timeOrigin + entry.startTime, ended: performance.timeOrigin + entry.responseEnd,
  bytes: entry.transferSize,
}))"""

KINDS = {
    "/vendor/onnxruntime-web/": "runtime",
    "/vendor/plotly": "plotly",
    "/decoder.onnx": "decoder",
    "/points.bin": "points",
    "/rule-": "rules",
    "/latents-": "sheets",
    "/images/": "sheets",
    "/terms/": "torch's answers",
    "/static/": "modules and style",
}


@dataclass
class Transfer:
    """One request; times in seconds since the navigation, `bytes` None while it is under way."""

    url: str
    began: float
    cached: bool = False
    ended: float | None = None
    bytes: int | None = None

    @property
    def ours(self) -> bool:
        return urlsplit(self.url).path.startswith("/explorer/")

    @property
    def kind(self) -> str:
        if not self.ours:
            return STREAMLIT
        path = urlsplit(self.url).path
        return next((kind for part, kind in KINDS.items() if part in path), "other")


class Wire:
    """What the network carries for a page and its workers, as the browser's Network domain counts it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.transfers: dict[tuple[str, str], Transfer] = {}
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.on("Target.attachedToTarget", self._attached)
        self.cdp.on(
            "Target.receivedMessageFromTarget",
            lambda event: self._event(**json.loads(event["message"]), session=event["sessionId"]),
        )
        for name in ("requestWillBeSent", "requestServedFromCache", "responseReceived", "loadingFinished"):
            method = f"Network.{name}"
            self.cdp.on(method, lambda event, method=method: self._event(method, event))
        self.cdp.send("Network.enable")
        # Workers are held until their requests are listened to.
        self.cdp.send("Target.setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": False})

    def _attached(self, event: dict) -> None:
        for number, method in enumerate(("Network.enable", "Runtime.runIfWaitingForDebugger")):
            message = json.dumps({"id": number, "method": method})
            self.cdp.send("Target.sendMessageToTarget", {"sessionId": event["sessionId"], "message": message})

    def _event(self, method: str = "", params: dict | None = None, session: str = "", **_) -> None:
        number = (params or {}).get("requestId")
        if method == "Network.requestWillBeSent" and params["request"]["url"].startswith("http"):
            self.transfers.setdefault((session, number), Transfer(params["request"]["url"], params["timestamp"]))
        # A worker's own script is asked for by the page and arrives in the worker.
        transfer = self.transfers.get((session, number)) or self.transfers.get(("", number))
        if transfer is None:
            return
        if method == "Network.requestServedFromCache":
            transfer.cached = True
        elif method == "Network.responseReceived":
            transfer.cached |= params["response"].get("fromDiskCache", False)
        elif method == "Network.loadingFinished":
            transfer.ended, transfer.bytes = params["timestamp"], params["encodedDataLength"]

    def complete(self) -> Wire:
        """Adds what was under way before a worker could be listened to, from the worker's own timings."""
        seen = {transfer.url for transfer in self if transfer.bytes is not None}
        first = min(transfer.began for transfer in self)
        origin = self.page.evaluate("() => performance.timeOrigin")
        for scope in (self.page, *self.page.workers):
            for entry in scope.evaluate(RESOURCES):
                worker_script = entry["url"].endswith(".worker.mjs")  # arrives in two halves, counted in neither
                if not worker_script and (entry["url"] in seen or "/explorer/" not in entry["url"]):
                    continue
                began, ended = (first + (entry[name] - origin) / 1000 for name in ("began", "ended"))
                self.transfers = {key: t for key, t in self.transfers.items() if t.url != entry["url"]}
                transfer = Transfer(entry["url"], began, entry["bytes"] == 0, ended, entry["bytes"])
                self.transfers["", f"timing of {entry['url']}"] = transfer
        return self

    def __iter__(self):
        return iter(sorted(self.transfers.values(), key=lambda transfer: transfer.began))

    def bytes(self) -> dict[str, int]:
        """By kind; what is ours and what is not are never in one."""
        total: Counter[str] = Counter()
        for transfer in self:
            total[transfer.kind] += transfer.bytes or 0
        return dict(total)

    def refetched(self) -> list[str]:
        """Ours that did not come from the cache; torch's answers are of the moment and cannot."""
        return [t.url for t in self if t.ours and t.kind != "torch's answers" and (t.bytes or not t.cached)]

    def waterfall(self) -> list[tuple[float, float, int, str]]:
        """(ms of beginning, ms of end, bytes, path) of every request."""
        first = min(transfer.began for transfer in self)
        return [
            (1000 * (t.began - first), 1000 * ((t.ended or t.began) - first), t.bytes or 0, urlsplit(t.url).path)
            for t in self
        ]


def ours(totals: dict[str, int]) -> int:
    return sum(count for kind, count in totals.items() if kind != STREAMLIT)


def visit(context: BrowserContext, url: str) -> tuple[Page, Wire, float]:
    """Opens the app and waits for the map: milliseconds from navigation to ready."""
    page = context.new_page()
    page.add_init_script(f"({WATCH})()")
    wire = Wire(page)
    page.goto(url, wait_until="commit")
    page.wait_for_function("() => window.readyAt !== undefined", timeout=60_000)
    ready = page.evaluate("() => window.readyAt")
    page.wait_for_timeout(AFTER_READY_MS)
    return page, wire, ready


def hover(page: Page, wanted: int = HOVERED) -> int:
    """Rests the mouse on the map until `wanted` points have shown their card; how many did."""
    box = page.locator(".lx-plot").bounding_box()
    seen = set()
    for i in range(120):
        x, y = 0.3 + 0.4 * (0.618 * i % 1), 0.3 + 0.4 * (0.755 * i % 1)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.wait_for_timeout(60)
        card = page.get_by_test_id("hover-card")
        if card.is_visible():
            seen.add(card.text_content())
        if len(seen) >= wanted:
            break
    page.wait_for_timeout(300)
    return len(seen)


def pair(browser: Browser, url: str) -> dict[str, object]:
    """A visit with an empty cache, a few points hovered, and a second visit with what it left."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page, wire, ready = visit(context, url)
    opening = wire.complete().bytes()
    hovered = hover(page)
    with_hover = wire.complete().bytes()
    page.close()
    again, rewire, second = visit(context, url)
    rewire.complete()
    result = {
        "ready_ms": ready,
        "second_ms": second,
        "bytes": opening,
        "bytes_with_hover": with_hover,
        "hovered": hovered,
        "second_bytes": rewire.bytes(),
        "second_refetched": rewire.refetched(),
        "waterfall": wire.waterfall(),
    }
    again.close()
    context.close()
    return result


def show_bytes(title: str, totals: dict[str, int]) -> None:
    kinds = sorted((kind for kind in totals if kind != STREAMLIT), key=lambda kind: -totals[kind])
    listed = ", ".join(f"{kind} {totals[kind] / 1000:,.0f}" for kind in kinds if totals[kind])
    print(f"  {title:<28} {ours(totals) / 1e6:5.2f} MB of ours" + (f" (kB: {listed})" if listed else ""))
    print(f"  {'':<28} {totals.get(STREAMLIT, 0) / 1e6:5.2f} MB of Streamlit's own")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mnist-2d")
    parser.add_argument("--visits", type=int, default=5, help="visits with an empty cache after the first visitor's")
    parser.add_argument("--waterfall", action="store_true", help="list the requests of one visit")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    machine = describe_machine()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        browser.new_context().new_page().close()  # the browser is up before the server is
        began = time.perf_counter()
        with server() as address:
            answered = time.perf_counter() - began
            url = f"{address}/?model={args.model}"
            first = pair(browser, url)
            others = [pair(browser, url) for _ in range(args.visits)]
        browser.close()
    results = {
        "server_answers_s": answered,
        "first_visitor_ms": first["ready_ms"],
        "empty_cache_ms": [each["ready_ms"] for each in others],
        "second_visit_ms": [each["second_ms"] for each in (first, *others)],
        "bytes": first["bytes"],
        "bytes_with_hover": first["bytes_with_hover"],
        "hovered": first["hovered"],
        "second_bytes": first["second_bytes"],
        "second_refetched": first["second_refetched"],
    }
    if args.json:
        print(json.dumps({"machine": machine, "model": args.model, "results": results}))
        return
    print(machine)
    print(f"{args.model}; targets: {TARGET_BYTES / 1e6:g} MB of ours at first, none again, ready in {TARGET_MS:,} ms")
    print(f"  {'server start to answer':<28} {answered:5.1f} s")
    print(f"  {'very first visitor':<28} {first['ready_ms']:5,.0f} ms from navigation to a ready map")
    for title, times in (("empty cache", results["empty_cache_ms"]), ("second visits", results["second_visit_ms"])):
        if times:
            spread = f"{min(times):,.0f} to {max(times):,.0f}, {len(times)} visits"
            print(f"  {title:<28} {statistics.median(times):5,.0f} ms median ({spread})")
    show_bytes("first visit", first["bytes"])
    show_bytes(f"after hovering {first['hovered']} points", first["bytes_with_hover"])
    show_bytes("second visit", first["second_bytes"])
    again = first["second_refetched"]
    print(f"  {'ours not from the cache':<28} {len(again)} requests on the second visit {' '.join(again)}")
    if args.waterfall:
        for start, end, size, path in (others or [first])[-1]["waterfall"]:
            print(f"  {start:7.0f} – {end:7.0f} ms {size / 1000:8.1f} kB  {path}")


if __name__ == "__main__":
    main()
