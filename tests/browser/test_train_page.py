"""Training from the page: pressed, watched, reloaded, killed, taken up again, explored and replayed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from explorer.jobs import Database, Jobs
from tests.browser.harness import READY, drag, pixels, rest, server, settle, term, worker_pid

VIEW = "[data-testid=training-view]"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("train")


@pytest.fixture(scope="module")
def served(data: Path) -> Iterator[str]:
    """A server with a data folder, and so a worker, of its own."""
    with server(EXPLORER_DATA=str(data), EXPLORER_MODELS=str(data / "none")) as url:
        yield url


def open_form(visit, served: str, **options) -> Page:
    page = visit(f"{served}/train", **options)
    page.get_by_role("button", name="Train", exact=True).wait_for(timeout=30_000)
    return page


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()
    rest(page)


def fill(page: Page, label: str, value: str) -> None:
    box = page.get_by_label(label, exact=True)
    expect(box).to_have_count(1, timeout=20_000)  # while the page is made anew, the old settings are there too
    box.fill(value)
    box.press("Enter")
    rest(page)
    expect(page.get_by_label(label, exact=True)).to_have_value(value)


def begin(visit, served: str, seconds: int, **settings: str) -> tuple[Page, str]:
    """A run of the digits; gives the page that watches it, and its name in the address."""
    page = open_form(visit, served)
    choose(page, "Data set", "digits")
    fill(page, "Seconds", str(seconds))
    for label, value in settings.items():
        fill(page, label, value)
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_selector(VIEW, timeout=20_000)
    page.wait_for_url("**job=**")
    return page, page.url.rpartition("job=")[2]


def reach(page: Page, state: str, seconds: float = 60) -> None:
    page.wait_for_selector(f"{VIEW}[data-state={state}]", timeout=1_000 * seconds)


def points(page: Page) -> int:
    return int(page.locator(VIEW).get_attribute("data-points"))


def wait_for_points(page: Page, least: int) -> None:
    page.wait_for_function(
        "(least) => Number(document.querySelector('[data-testid=training-view]')?.dataset.points) >= least",
        arg=least,
        timeout=30_000,
    )


def wait_until(page: Page, holds: Callable[[], bool], seconds: float = 20) -> None:
    """Looks again and again, while the page goes on."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        page.wait_for_timeout(50)


def standing(page: Page, jobs: Jobs, identity: str) -> int:
    """The step at which a run is held: it stays the same for longer than a worker's beat."""
    since, step = time.monotonic(), jobs.get(identity).step
    while time.monotonic() < since + 0.7:
        page.wait_for_timeout(50)
        if (now := jobs.get(identity).step) != step:
            since, step = time.monotonic(), now
    return step


def test_train_reload_kill_explore_and_replay(visit, served: str, data: Path) -> None:
    jobs = Jobs(Database(data))
    page, identity = begin(visit, served, 8)
    wait_for_points(page, 3)
    before = points(page)

    # A reload in the middle shows the same run with all its curve.
    page.reload()
    page.wait_for_selector(VIEW, timeout=20_000)
    wait_for_points(page, before)
    assert page.url.endswith(identity) and jobs.get(identity).state == "running"

    # The worker is killed in the middle, once it has kept a state; another takes the run up.
    until = time.monotonic() + 30
    while jobs.get(identity).progress.get("elapsed", 0) < 4:
        assert time.monotonic() < until
        time.sleep(0.1)
    os.kill(worker_pid(data), signal.SIGKILL)
    reach(page, "done", 90)
    job = jobs.get(identity)
    assert job.attempt == 2 and job.progress["fraction"] == 1 and job.progress["elapsed"] == pytest.approx(8, abs=1)
    wait_for_points(page, before + 1)

    # Replay: the first picture is the untrained model's, and differs from the last.
    scrubber = page.get_by_test_id("scrubber")
    newest = pixels(page, "sample-canvas")
    scrubber.focus()
    page.keyboard.press("Home")
    wait_until(page, lambda: pixels(page, "sample-canvas") != newest)
    page.get_by_test_id("scrubber-play").click()
    page.wait_for_function("(last) => Number(document.querySelector('[data-testid=scrubber]').value) > 2", arg=0)
    page.keyboard.press("End")
    page.get_by_test_id("scrubber-live").click()
    wait_until(page, lambda: pixels(page, "sample-canvas") == newest)

    # Explore it: everything of the map works on what was just trained.
    page.get_by_test_id("explore-link").click()
    page.wait_for_selector(READY, timeout=30_000)
    settle(page)
    elbo, decoded = term(page, "elbo"), pixels(page, "decoded-image")
    drag(page, 60, -40)
    torch = settle(page)
    assert term(page, "elbo") != elbo and pixels(page, "decoded-image") != decoded
    assert abs(term(page, "elbo") - torch["elbo"]) < 1e-3


def test_a_double_click_starts_one_run(visit, served: str, data: Path) -> None:
    page = open_form(visit, served)
    choose(page, "Data set", "digits")
    fill(page, "Seconds", "1")
    fill(page, "Seed", "77")
    page.get_by_role("button", name="Train", exact=True).dblclick()
    page.wait_for_selector(VIEW, timeout=20_000)
    reach(page, "done")
    assert sum(job.config.training.seed == 77 for job in Jobs(Database(data)).all()) == 1


def test_slow_motion_pause_resume_and_stop(visit, served: str, data: Path) -> None:
    page, identity = begin(visit, served, 60, Seed="5")
    jobs = Jobs(Database(data))
    wait_for_points(page, 1)
    page.get_by_test_id("job-step").click()
    reach(page, "running")
    held = standing(page, jobs, identity)
    page.get_by_test_id("job-step").click()
    wait_until(page, lambda: jobs.get(identity).step > held)
    assert standing(page, jobs, identity) == held + 1
    page.get_by_test_id("job-epoch").click()
    wait_until(page, lambda: jobs.get(identity).step >= held + 1 + 11)
    assert standing(page, jobs, identity) == held + 1 + 11
    page.get_by_test_id("job-pause").click()
    reach(page, "paused", 15)
    page.get_by_test_id("job-resume").click()
    reach(page, "running", 30)
    page.get_by_test_id("job-stop").click()
    page.get_by_test_id("job-stop-confirm").click()
    reach(page, "stopped", 30)
    expect(page.get_by_test_id("explore-link")).to_be_visible(timeout=10_000)
    # Somebody else sees it in the list, can watch it, and cannot steer it.
    other = visit(f"{served}/train?job={identity}", stranger=True, extra_http_headers={"X-Real-IP": "192.0.2.1"})
    other.wait_for_selector(f"{VIEW}[data-state=stopped]", timeout=20_000)
    refused = other.request.post(f"{served}/explorer/jobs/{identity}/control", data={"action": "stop"}).json()
    assert "View only." in refused["error"]


def test_what_must_not_be_compared_is_refused_with_the_reason(visit, served: str, data: Path) -> None:
    page = open_form(visit, served)
    choose(page, "Data set", "digits")
    choose(page, "Likelihood", "Gaussian, learned scale")
    fill(page, "Seconds", "1")
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_selector(VIEW, timeout=20_000)
    reach(page, "done")
    page.get_by_role("combobox", name="Compare with").click()
    page.get_by_role("option").first.click()
    expect(page.locator(".lt")).to_contain_text("do not measure the same thing", timeout=10_000)
    page.wait_for_url("**compare=*")
    page.reload()  # a link brings back what is compared
    expect(page.locator(".lt")).to_contain_text("do not measure the same thing", timeout=20_000)


def test_settings_that_cannot_be_used_are_said_and_nothing_starts(visit, served: str) -> None:
    page = open_form(visit, served)
    page.get_by_text("More settings").click()
    fill(page, "Widths", "512, many")
    expect(page.get_by_text("whole numbers with commas")).to_be_visible(timeout=10_000)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()


def test_an_unknown_run_is_said_in_a_sentence(visit, served: str) -> None:
    page = visit(f"{served}/train?job=nothing")
    expect(page.get_by_text("There is no run")).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Back to all runs").click()
    page.get_by_role("button", name="Train", exact=True).wait_for(timeout=20_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_run_fits_one_screen_and_has_no_accessibility_faults(visit, served: str, data: Path, scheme: str) -> None:
    done = next(job for job in Jobs(Database(data)).all() if job.state == "done")
    page = visit(f"{served}/train?job={done.id}", color_scheme=scheme)
    page.wait_for_selector(f"{VIEW}[data-ready=true]", timeout=20_000)
    box = page.locator(".lt").bounding_box()
    assert box["y"] + box["height"] <= 800
    faults = Axe().run(page, context=".lt").response["violations"]
    assert not faults, [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in faults]
    narrow = visit(f"{served}/train?job={done.id}", color_scheme=scheme, viewport={"width": 390, "height": 844})
    narrow.wait_for_selector(f"{VIEW}[data-ready=true]", timeout=20_000)
    assert narrow.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
