"""The Models page in a real browser: a zip downloaded by a click, brought back under another name, and explored."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.harness import READY

STREAMLIT_S_OWN = {"list", "listitem", "presentation-role-conflict"}  # the last one of st.file_uploader


@pytest.fixture
def models_page(visit, address) -> Callable[..., Page]:
    """Opens Models and waits for what can be done there."""

    def open_(**options) -> Page:
        page = visit(f"{address}/models", **options)
        expect(page.locator("a[href='explorer/download/mnist-16d.zip']")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("Bring a model")).to_be_visible()
        return page

    return open_


def test_a_model_goes_out_as_a_zip_and_comes_back_under_another_name(models_page, address, tmp_path: Path) -> None:
    page = models_page()
    with page.expect_download() as download:
        page.locator("a[href='explorer/download/mnist-16d.zip']").click()
    assert download.value.suggested_filename == "mnist-16d.zip"
    path = tmp_path / "mnist-16d.zip"
    download.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        assert "mnist-16d/model.safetensors" in archive.namelist()
    page.locator("input[type=file]").set_input_files(path)
    name = page.get_by_label("Name", exact=True)
    expect(name).to_have_value("mnist-16d-2")
    name.fill("come-back")
    name.press("Tab")
    page.get_by_role("button", name="Bring it").click()
    expect(page.get_by_text("come-back is here.")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("decoder.onnx was left out")).to_be_visible()
    link = page.get_by_role("link", name="Explore come-back")
    assert link.get_attribute("href") == "./?model=come-back"
    link.click()  # in this tab of the browser, as every link of the app
    page.wait_for_selector(READY, timeout=60_000)
    expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile("come-back"))
    page.goto(f"{address}/models")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it for good").click()
    expect(page.get_by_text("come-back is deleted.")).to_be_visible()
    expect(page.locator("a[href='./?model=come-back']")).to_have_count(0)


def test_a_zip_that_is_none_is_a_sentence(models_page, tmp_path: Path) -> None:
    page = models_page()
    (tmp_path / "broken.zip").write_bytes(b"PK not at all")
    page.locator("input[type=file]").set_input_files(tmp_path / "broken.zip")
    page.get_by_role("button", name="Bring it").click()
    expect(page.get_by_text("Pack it anew")).to_be_visible()


def test_the_page_needs_no_sideways_scrolling_on_a_phone(models_page) -> None:
    page = models_page(viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = [button.bounding_box() for button in page.locator("a[href*='/download/']").all()]
    assert len(boxes) >= 4 and all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_that_axe_finds_is_ours(models_page, scheme: str) -> None:
    page = models_page(color_scheme=scheme)
    page.mouse.move(1, 1)  # nothing is shown as hovered
    found = Axe().run(page).response["violations"]
    assert not [fault["id"] for fault in found if fault["id"] not in STREAMLIT_S_OWN]
