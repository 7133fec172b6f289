"""The view of a training run against a server that is played by the test: what is answered is known to the number."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import ACTIVE, ORDERS, phase_of
from tests.browser.modules import serve_static

HOST = "http://run.test"
READY = "[data-testid=training-view][data-ready=true]"
PLOTLY = Path(importlib.util.find_spec("plotly").origin).parent / "package_data" / "plotly.min.js"
# Stands in for plotly where a test does not look at the curves: the real one is 4.8 MB to fetch and read.
NO_PLOTLY = "window.Plotly = { react: (node) => { node.on = () => {}; return Promise.resolve() }, purge() {} }"
COUNT, SAMPLES, PAIRS = 40, 4, 3
THEMES = {
    "light": ("#0f6fc6", "#ffffff", "#f3f5f8", "#1b2430", "#d5dbe3"),
    "dark": ("#5eb0f7", "#12161c", "#1b212a", "#e6eaf0", "#323b47"),
}
PAGE = """<!doctype html><html lang=en><title>Run</title><meta name=viewport content="width=device-width">
<style>:root {{ --st-primary-color: {0}; --st-background-color: {1}; --st-secondary-background-color: {2};
--st-text-color: {3}; --st-border-color: {4} }}
body {{ margin: 0; background: {1} }} main {{ padding: 64px 16px 0 }}</style>
<main><div class=lt-root></div></main><script type=module>
import mount from '/static/host/training_streamlit.mjs';
mount({{ parentElement: document.querySelector('main'), data: [{5}] }});</script>"""


class FakeRun:
    """A run as the server describes it; a test lets it go on."""

    def __init__(
        self, name: str = "mine", *, latent: int = 2, shape=(1, 8, 8), state: str = "running", **training
    ) -> None:
        config = Config(ModelConfig(image_shape=shape, latent=latent), TrainingConfig(dataset="digits", **training))
        body = json.loads(config.to_json())
        self.shape, self.latent, self.final = shape, latent, config.training.beta
        self.rows: list[dict] = []
        self.snapshots: list[dict] = []
        self.orders: list[dict] = []
        self.refusal: str | None = None
        self.asked = 0
        self.facts: dict = {}
        self.job = {
            **{"id": name, "name": name, "state": state, "place": None, "mine": True, "message": None, "notes": []},
            "config": {"model": body["model"], "training": body["training"]},
            **{"device": "cpu", "speed": "One thread.", "created": 0, "started": 0, "finished": None},
            **{"pace": None, "progress": None, "attempt": 1, "steps_per_epoch": 10, "beat": 0.1, "model": None},
            "heldout": {
                **{"count": COUNT, "samples": SAMPLES, "reconstructions": PAIRS, "imageShape": list(shape)},
                **{"classes": ["zero", "one"], "url": f"/jobs/{name}/heldout.bin"},
            },
        }

    def advance(self, reports: int = 1, *, beta: float | None = None) -> FakeRun:
        """So many reports more, each with a snapshot, and held-out terms at every second one."""
        for _ in range(reports):
            n = len(self.rows)
            rec, kl = -100 - 400 * math.exp(-n / 2), 5.0 + n / 100
            held = {"log_likelihood": rec - 2, "kl": kl, "elbo": rec - 2 - kl} if n % 2 == 0 else {}
            self.rows.append(
                {
                    "step": 10 * n + 10,
                    "epoch": n + 1.0,
                    "fraction": min(n / 100, 1),
                    "elapsed": n + 1.0,
                    "remaining": 99.0,
                }
                | {"images_per_second": 1_000.0, "learning_rate": 1e-3, "beta": self.final if beta is None else beta}
                | {
                    "log_likelihood": rec,
                    "kl": kl,
                    "elbo": rec - kl,
                    "kl_per_dimension": [kl / self.latent] * self.latent,
                }
                | {f"heldout_{name}": held.get(name) for name in ("log_likelihood", "kl", "elbo")}
            )
            url = f"/jobs/{self.job['id']}/snapshot/{10 * n + 10}-{self.job['attempt']}.bin"
            entry = {"index": n, "step": 10 * n + 10, "epoch": n + 1.0, "elapsed": n + 1.0, "url": url}
            self.snapshots.append(entry)
        return self

    def described(self) -> dict:
        """The job with what the server makes of its state."""
        wanted = {"wanted": "run", "pace": self.job["pace"], "allowed": 0, "step": 0, "progress": {}}
        phase = phase_of(SimpleNamespace(**{"state": self.job["state"], "facts": self.facts, **wanted}))
        orders = ORDERS[phase] if self.job["mine"] else ()
        settled = self.job["state"] not in ACTIVE and phase != "measuring"
        return {**self.job, "phase": phase, "orders": orders, "settled": settled}

    def resume_from(self, reports: int) -> None:
        """Taken up again from an older state: what came after it is gone."""
        self.job["attempt"] += 1
        self.rows, self.snapshots = [], []
        self.advance(reports)

    def answer(self, route) -> None:
        url = urlsplit(route.request.url)
        pixels = math.prod(self.shape)
        if url.path.endswith("/control"):
            self.orders.append(route.request.post_data_json)
            refusal = self.refusal and {"error": self.refusal}
            route.fulfill(status=409 if refusal else 200, json=refusal or self.described())
        elif url.path.endswith("/live"):
            self.asked += 1
            query = {key: int(value[0]) for key, value in parse_qs(url.query).items()}
            reset = query.get("attempt") != self.job["attempt"]
            rows, snapshots = (0, 0) if reset else (query["metrics"], query["snapshots"])
            new = {"metrics": self.rows[rows:], "snapshots": self.snapshots[snapshots:]}
            route.fulfill(json={"job": self.described(), "reset": reset, **new})
        elif url.path.endswith("/heldout.bin"):
            labels = (np.arange(COUNT) % 2).astype(np.uint8).tobytes()
            route.fulfill(body=labels + np.full(PAIRS * pixels, 255, np.uint8).tobytes())
        else:  # a snapshot, as bright as its step is late
            step = int(url.path.rpartition("/")[2].partition("-")[0])
            codes = np.random.default_rng(step).normal(size=(COUNT, 2)).astype("<f4")
            route.fulfill(body=codes.tobytes() + np.full((SAMPLES + PAIRS) * pixels, step % 256, np.uint8).tobytes())


@pytest.fixture
def watch(browser):
    """Opens a view of a run; fails on any error in the page's console that is not one of the line."""
    contexts, faults = [], []

    def open_(run: FakeRun, *others: FakeRun, refused=(), theme: str = "light", curves: bool = True):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: m.type == "error" and "Failed to load" not in m.text and faults.append(m.text))
        data = {
            **{
                "entry": "/static/training/monitor.mjs",
                "style": "/static/training/training.css",
                "plotly": "/plotly.js",
            },
            **{"base": f"/jobs/{run.job['id']}", "explore": "/?model=mine", "refused": list(refused), "notices": []},
            "compare": [
                {**{key: o.job[key] for key in ("id", "name")}, "base": f"/jobs/{o.job['id']}"} for o in others
            ],
        }
        html = PAGE.format(*THEMES[theme], json.dumps(data))
        page.route(f"{HOST}/", lambda route: route.fulfill(body=html, content_type="text/html"))
        page.route(f"{HOST}/favicon.ico", lambda route: route.fulfill(status=204))
        plotly = PLOTLY.read_text("utf-8") if curves else NO_PLOTLY
        page.route(f"{HOST}/plotly.js", lambda route: route.fulfill(body=plotly, content_type="text/javascript"))
        page.route(f"{HOST}/static/**", serve_static)
        for one in (run, *others):
            page.route(f"{HOST}/jobs/{one.job['id']}/**", one.answer)
        page.goto(f"{HOST}/")
        page.wait_for_selector(READY)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not faults, faults


def points(page, count: int) -> None:
    page.wait_for_selector(f"[data-testid=training-view][data-points='{count}']")


def shown(page, step: int) -> None:
    page.wait_for_selector(f"[data-testid=training-map][data-step='{step}']")


def value(page, name: str) -> float:
    return float(page.get_by_test_id(name).get_attribute("data-value"))


def grey(page, name: str) -> int:
    """The red channel in the middle of a sheet's last picture."""
    script = "c => c.getContext('2d').getImageData(c.width - 8, c.height - 8, 1, 1).data[0]"
    return page.get_by_test_id(name).evaluate(script)


def test_the_newest_report_and_picture_are_on_screen(watch):
    run = FakeRun().advance(6)
    page = watch(run, curves=False)
    points(page, 6)
    shown(page, 60)
    assert value(page, "train-elbo") == run.rows[5]["elbo"]
    assert value(page, "heldout-elbo") == run.rows[4]["heldout_elbo"]  # measured at every second report
    assert grey(page, "sample-canvas") == grey(page, "reconstruction-canvas") == 60
    run.advance()
    points(page, 7)
    shown(page, 70)
    assert value(page, "train-reconstruction") == run.rows[6]["log_likelihood"]
    assert grey(page, "sample-canvas") == 70


def test_the_scrubber_stays_where_it_is_put_and_live_returns(watch):
    run = FakeRun().advance(8)
    page = watch(run)
    shown(page, 80)
    page.get_by_test_id("scrubber").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    shown(page, 50)
    run.advance(2)
    points(page, 10)
    assert page.get_by_test_id("scrubber").input_value() == "4"
    assert page.get_by_test_id("training-map").get_attribute("data-step") == "50"
    assert value(page, "train-elbo") == run.rows[4]["elbo"]
    assert page.locator(".lt-cursor").is_visible()
    page.get_by_test_id("scrubber-live").click()
    shown(page, 100)
    assert value(page, "train-elbo") == run.rows[9]["elbo"]
    assert not page.locator(".lt-cursor").is_visible()


def test_play_goes_through_every_picture_to_the_last(watch):
    page = watch(FakeRun(state="done").advance(101), curves=False)
    shown(page, 1010)
    page.get_by_test_id("scrubber").evaluate("node => { node.value = 92; node.dispatchEvent(new Event('input')) }")
    shown(page, 930)
    page.evaluate(
        "() => { window.steps = []; new MutationObserver(([{ target }]) => steps.push(Number(target.dataset.step)))"
        ".observe(document.querySelector('[data-testid=training-map]'), { attributeFilter: ['data-step'] }) }"
    )
    page.get_by_test_id("scrubber-play").click()
    page.wait_for_selector(".lt-scrubber[data-following=true]", timeout=5_000)
    shown(page, 1010)
    steps = page.evaluate("steps")
    assert steps == sorted(steps) and len(steps) >= 4 and steps[-1] == 1010


def test_a_resumed_run_starts_its_curve_anew(watch):
    run = FakeRun().advance(9)
    page = watch(run, curves=False)
    points(page, 9)
    run.resume_from(4)
    points(page, 4)
    shown(page, 40)
    run.advance()
    points(page, 5)
    assert value(page, "train-elbo") == run.rows[4]["elbo"]


def test_a_lost_connection_is_said_and_mended(watch):
    run = FakeRun().advance(3)
    page = watch(run, curves=False)
    page.context.set_offline(True)
    message = page.get_by_test_id("job-message")
    page.route("**/live?*", lambda route: route.abort())
    message.get_by_text("connection was lost").wait_for()
    assert page.get_by_test_id("training-view").get_attribute("data-points") == "3"
    page.unroute("**/live?*")
    page.context.set_offline(False)
    run.advance(2)
    points(page, 5)
    message.wait_for(state="hidden")


def test_a_finished_run_is_not_asked_about_any_more(watch):
    run = FakeRun().advance(3)
    page = watch(run, curves=False)
    run.job |= {"state": "done", "model": "mine"}
    run.facts = {"measuring": 0.35}
    page.wait_for_selector("[data-testid=job-state][data-state=measuring]")
    for name in ("job-pause", "job-resume", "job-stop", "job-step", "job-pace"):
        assert not page.get_by_test_id(name).is_visible()
    assert page.get_by_test_id("explore-link").is_visible()
    run.facts = {}  # it is asked about until it has been measured
    page.wait_for_selector("[data-testid=job-state][data-state=done]", timeout=10_000)
    asked = run.asked
    page.wait_for_timeout(1_500)
    assert run.asked == asked
    assert page.get_by_test_id("explore-link").get_attribute("href") == "/?model=mine"
    assert not page.get_by_test_id("job-stop").is_visible()


def test_buttons_give_the_orders_they_say(watch):
    run = FakeRun().advance(3)
    page = watch(run, curves=False)
    for name in ("job-pause", "job-step", "job-epoch", "job-pace-0", "job-pace-5", "job-pace-full"):
        page.get_by_test_id(name).click()
    page.get_by_test_id("job-stop").click()
    page.get_by_test_id("job-stop-cancel").click()
    page.get_by_test_id("job-stop").click()
    page.get_by_test_id("job-stop-confirm").click()
    page.wait_for_timeout(200)
    orders = [(order["action"], order["pace"]) for order in run.orders]
    paces = [("pace", 0), ("pace", 5), ("pace", None)]
    assert orders == [("pause", None), ("step", None), ("epoch", None), *paces, ("stop", None)]
    run.refusal = "The worker is away."
    page.get_by_test_id("job-pause").click()
    page.get_by_text("The worker is away.").wait_for()


def test_who_only_watches_has_no_buttons_that_steer(watch):
    run = FakeRun().advance(3)
    run.job["mine"] = False
    page = watch(run, curves=False)
    page.get_by_text("The person who started this run controls it.").wait_for()
    for name in ("job-pause", "job-resume", "job-stop", "job-step", "job-pace"):
        assert not page.get_by_test_id(name).is_visible()
    assert page.get_by_test_id("scrubber").is_enabled()


def test_first_values_do_not_hide_the_scale_and_a_double_click_shows_them(watch):
    run = FakeRun().advance(40)
    page = watch(run)
    low = "() => document.querySelector('.lt-plot')._fullLayout.yaxis.range[0]"
    later = min(row["heldout_elbo"] for row in run.rows[6:] if row["heldout_elbo"])
    assert run.rows[0]["elbo"] < -500 < page.evaluate(low) < later
    box = page.locator(".lt-curves").bounding_box()
    page.mouse.dblclick(box["x"] + 300, box["y"] + 100)
    page.wait_for_function(f"() => ({low})() < {run.rows[0]['elbo']}")


def test_other_runs_lie_beside_by_their_held_out_elbo(watch):
    other = FakeRun("theirs", state="done").advance(12)
    page = watch(FakeRun().advance(5), other, refused=["third is not shown: its pixels are binary."])
    last = other.rows[10]["heldout_elbo"]
    page.locator(".lt-other", has_text=f"theirs{last:.2f}".replace("-", "−")).wait_for()
    page.wait_for_function("() => document.querySelector('.lt-plot').data?.some(({ name }) => name === 'theirs')")
    drawn = page.evaluate("() => document.querySelector('.lt-plot').data.find(({ name }) => name === 'theirs').y")
    assert drawn == [row["heldout_elbo"] for row in other.rows if row["heldout_elbo"] is not None]
    assert page.get_by_text("third is not shown").is_visible()


def test_it_says_where_the_loss_is_not_the_elbo(watch):
    run = FakeRun(kl_warm_up=0.5).advance(3, beta=0.25)
    page = watch(run, curves=False)
    remark = page.get_by_test_id("loss-remark")
    assert remark.inner_text() == "β = 0.25, rising to 1: the loss is not −ELBO"
    run.advance(1, beta=1.0)
    points(page, 4)
    assert remark.inner_text() == ""


def test_more_dimensions_than_lines_can_show_are_a_heat_map(watch):
    page = watch(FakeRun(latent=20).advance(5))
    kinds = page.evaluate("() => document.querySelector('.lt-plot').data.map(({ type }) => type)")
    assert kinds.count("heatmap") == 1 and kinds.count("scatter") == 6


def run_in(state: str) -> FakeRun:
    run = FakeRun(state=state, latent=20 if state == "paused" else 2)
    if state == "queued":
        run.job |= {"place": 2, "heldout": None, "started": None}
        return run
    if state == "failed":
        run.job["message"] = "Training diverged at step 90."
    return run.advance(30)


@pytest.mark.parametrize(
    ("state", "theme"),
    [("running", "light"), ("running", "dark"), ("queued", "light"), ("failed", "dark"), ("paused", "dark")],
)
def test_it_fits_and_has_no_accessibility_faults(watch, state, theme):
    page = watch(run_in(state), theme=theme)
    assert page.evaluate("() => document.scrollingElement.scrollHeight <= innerHeight")
    if state == "queued":
        assert "2nd in the queue" in page.get_by_test_id("training-map").inner_text()
    if state == "failed":
        assert page.get_by_test_id("job-message").inner_text() == "Training diverged at step 90."
    faults = Axe().run(page, context=".lt").response["violations"]
    assert not faults, [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in faults]
    small = page.evaluate(
        "() => [...document.querySelectorAll('.lt *')].filter((node) => [...node.childNodes].some((child) =>"
        " child.nodeType === 3 && child.textContent.trim()) && parseFloat(getComputedStyle(node).fontSize) < 12).length"
    )
    assert small == 0
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(100)
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
