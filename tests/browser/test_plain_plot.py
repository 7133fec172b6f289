"""The map where WebGL or WebAssembly is missing or goes away: everything works as before, and a line says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.harness import CHROMIUM_ARGS, READY, centre, chromium_path, drag, settle, term

GAUSSIAN = ("reconstruction", "kl", "elbo")
POINT = ("log-likelihood", "log-prior", "log-posterior", "log-weight")
# Red, green and blue of what was painted at the points' canvas, summed.
INK = """() => {
  const canvas = document.querySelector('.lx-canvas-points');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.reduce((sum, value, at) => sum + (at % 4 === 3 && value > 0), 0);
}"""


def assert_torch_agrees(page: Page, names: tuple[str, ...]) -> None:
    theirs = settle(page)
    assert page.get_by_test_id("torch-check").get_attribute("data-kind") == "agrees"
    for name in names:
        assert term(page, name) == pytest.approx(theirs[name.replace("-", "_")], abs=1e-3), name


def hover_a_point(page: Page) -> None:
    """Moves the mouse over the map until a point is found under it."""
    stage = page.locator(".lx-stage").bounding_box()
    for i in range(60):
        page.mouse.move(stage["x"] + 150 + 7 * i, stage["y"] + 120 + 4 * i)
        if page.get_by_test_id("hover-card").is_visible():
            return
        page.wait_for_timeout(20)
    raise AssertionError("No point was found under the mouse.")


@pytest.fixture(scope="module")
def without_webgl(chromium) -> Iterator[Browser]:
    launched = chromium.launch(executable_path=chromium_path(), args=[*CHROMIUM_ARGS, "--disable-3d-apis"])
    yield launched
    launched.close()


def test_without_webgl_all_is_dragged_hovered_and_selected(without_webgl: Browser, address: str) -> None:
    page = without_webgl.new_page(viewport={"width": 1280, "height": 800})
    fetched, faults = [], []
    page.on("request", lambda request: fetched.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{address}/latents?model=mnist-2d&image=3&tab=selection")
    page.wait_for_selector(READY, timeout=30_000)
    assert "No WebGL here" in page.get_by_test_id("plot-note").inner_text()
    assert page.locator(".no-webgl").count() == 0
    ink = page.evaluate(INK)
    assert ink > 10_000  # ten thousand points, many of them over one another
    for mode, names in (("gaussian", GAUSSIAN), ("point", POINT)):
        page.get_by_test_id(f"mode-{mode}").click()
        assert_torch_agrees(page, names)
        before = [term(page, name) for name in names]
        drag(page, 60, -45)
        assert_torch_agrees(page, names)
        assert all(abs(term(page, name) - was) > 1e-2 for name, was in zip(names, before, strict=True))
    assert page.evaluate(INK) == ink  # nobody painted the points meanwhile
    hover_a_point(page)
    page.get_by_test_id("class-0").click()
    assert page.evaluate(INK) < ink
    page.get_by_test_id("class-0").click()
    stage = page.locator(".lx-stage").bounding_box()
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    sizes = []
    for tool in ("lasso", "select"):
        page.get_by_test_id(f"tool-{tool}").click()
        page.mouse.move(x - 60, y - 60)
        page.mouse.down()
        for dx, dy in ((60, -60), (60, 60), (-60, 60)) if tool == "lasso" else ((60, 60),):
            page.mouse.move(x + dx, y + dy, steps=4)
        page.mouse.up()
        sizes.append(int(page.get_by_test_id("select-count").get_attribute("data-value")))
    assert 100 < sizes[0] < 5_000 and sizes[0] == pytest.approx(sizes[1], rel=0.02)  # the same square twice
    page.get_by_test_id("tool-pan").click()
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    expect(page.get_by_test_id("whole-map")).to_be_visible()
    page.get_by_test_id("whole-map").click()
    expect(page.get_by_test_id("whole-map")).to_be_hidden()
    page.close()
    assert not faults, faults


def test_where_webgl_is_lost_the_canvas_goes_on(open_page) -> None:
    page = open_page("model=mnist-2d&image=3&layers=prior&hide=4")
    assert_torch_agrees(page, GAUSSIAN)
    stage = page.locator(".lx-stage").bounding_box()
    page.mouse.move(stage["x"] + 300, stage["y"] + 200)
    page.mouse.wheel(0, -60)
    page.wait_for_timeout(200)  # plotly tells of a wheel when it has come to rest
    drag(page, 30, 20)
    theirs, at = settle(page), centre(page)
    page.evaluate(
        "() => document.querySelector('.gl-canvas-context').getContext('webgl')"
        ".getExtension('WEBGL_lose_context').loseContext()"
    )
    page.wait_for_selector("[data-drawn-by=canvas]")
    assert "WebGL was lost" in page.get_by_test_id("plot-note").inner_text()
    assert page.evaluate(INK) > 5_000
    assert page.locator(".gl-canvas-context").count() == 0
    assert centre(page) == pytest.approx(at, abs=0.5)  # the view and the handle are where they were
    assert term(page, "elbo") == pytest.approx(theirs["elbo"], abs=1e-3)
    drag(page, -40, 10)
    assert_torch_agrees(page, GAUSSIAN)
    hover_a_point(page)


def test_where_webassembly_is_refused_the_server_decodes(visit, address: str) -> None:
    page = visit("about:blank", stranger=True)

    def refuse(route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": "script-src 'self'"})

    page.route("**/decoder.worker.mjs", refuse)
    page.goto(f"{address}/?model=mnist-2d&image=3")
    page.wait_for_selector(READY, timeout=30_000)
    assert page.get_by_test_id("latent-map").get_attribute("data-engine") == "server"
    assert "WebAssembly is not allowed here" in page.get_by_test_id("engine-note").inner_text()
    assert_torch_agrees(page, GAUSSIAN)
    drag(page, 40, -30)
    assert_torch_agrees(page, GAUSSIAN)
