"""A folder's worth of pictures, uploaded in a real browser: looked at, saved, opened again, deleted."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from tests.browser.harness import rest
from tests.helpers.picture_files import BAD, encoded, noise, zipped

STREAMLIT_S_OWN = {"list", "listitem", "presentation-role-conflict"}  # the last one of st.file_uploader


def photograph(seed: int) -> bytes:
    """A colour JPEG that is turned, as a telephone takes it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), "JPEG", exif=exif)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two kinds of pictures in folders, and one bad file of each kind."""
    place = tmp_path / "my holiday"
    files = {f"png/{number}.png": noise(number) for number in range(12)}
    files |= {f"jpeg/{number}.jpg": photograph(number) for number in range(12)}
    clear = encoded(Image.new("RGBA", (40, 40), (255, 0, 0, 0)))
    files |= {"png/clear.png": clear, "png/<img src=x onerror=window.hacked=1>.png": b"<html>"}
    files |= {f"bad/{name}": content for name, (content, _) in BAD.items()}
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def open_pictures(visit, address: str, **options):
    page = visit(f"{address}/pictures", **options)
    page.get_by_text("Saved sets").wait_for(timeout=30_000)
    return page


def accessible(page) -> None:
    """Nothing that axe finds is ours."""
    page.mouse.move(1, 1)  # nothing is shown as hovered, once colours have faded
    page.wait_for_timeout(500)
    found = Axe().run(page).response["violations"]
    ours = [fault for fault in found if fault["id"] not in STREAMLIT_S_OWN]
    assert not [(fault["id"], node["html"]) for fault in ours for node in fault["nodes"]]


def test_a_folder_of_pictures_from_upload_to_deletion(visit, address, folder):
    page = open_pictures(visit, address)
    page.get_by_text("A folder", exact=True).click()
    page.get_by_text("in folders named after what they show").wait_for()
    rest(page)
    page.locator("input[type=file][webkitdirectory]").set_input_files(str(folder))
    rest(page)
    page.get_by_text("Colour", exact=True).click()
    page.get_by_role("button", name="Read the pictures").click()

    expect(page.get_by_text("25 pictures, 28×28 pixels, colour")).to_be_visible(timeout=30_000)
    table = page.get_by_test_id("stTable")
    for name, (_, words) in BAD.items():
        expect(table.get_by_role("row").filter(has_text=f"bad/{name}")).to_contain_text(words)
    expect(table).to_contain_text("<img src=x onerror=window.hacked=1>.png")
    body = page.locator("body")
    expect(body).to_contain_text("12 pictures were turned upright")
    expect(body).to_contain_text("1 picture had transparent parts, which were laid over white.")
    expect(body).to_contain_text(re.compile(r"jpeg\s*12 +\(2 for testing\)"))
    accessible(page)

    name = page.get_by_label("Name of the set")
    expect(name).to_have_value("my-holiday")
    name.fill("holiday")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("holiday is saved.")).to_be_visible(timeout=30_000)

    again = open_pictures(visit, address, stranger=True)  # somebody else sees it too
    expect(again.get_by_text("25 pictures (21 for training, 4 for testing), 28×28, colour")).to_be_visible()
    expect(again.get_by_text("2 classes: jpeg, png")).to_be_visible()
    expect(again.get_by_role("link", name="Train on it")).to_have_attribute(
        "href", re.compile(r"/train\?dataset=holiday$")
    )
    expect(again.get_by_alt_text("Pictures of holiday")).to_be_visible()
    again.get_by_role("button", name="Delete").click()
    expect(again.get_by_text("Delete holiday?")).to_be_visible()
    again.get_by_role("button", name="Delete it for good").click()
    expect(again.get_by_text("None yet.")).to_be_visible(timeout=10_000)
    assert page.evaluate("() => window.hacked") is None


def test_a_bad_zip_and_then_a_good_one_on_a_telephone(visit, address):
    page = open_pictures(visit, address, viewport={"width": 390, "height": 844}, color_scheme="dark")
    whole = zipped({f"{number}.png": noise(number) for number in range(20)})
    page.get_by_text("64", exact=True).click()
    rest(page)
    chooser = page.locator("input[type=file]")
    chooser.set_input_files({"name": "pictures.zip", "mimeType": "application/zip", "buffer": whole[:-30]})
    page.get_by_role("button", name="Read the pictures").click()
    expect(page.get_by_text("pictures.zip was refused.")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name=re.compile("Remove pictures.zip")).click()
    expect(page.get_by_role("button", name="Read the pictures")).to_be_disabled(timeout=10_000)
    chooser.set_input_files({"name": "pictures.zip", "mimeType": "application/zip", "buffer": whole})
    page.get_by_role("button", name="Read the pictures").click()
    expect(page.get_by_text("20 pictures, 64×64 pixels, colour")).to_be_visible(timeout=30_000)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    accessible(page)


def test_the_picture_shown_is_the_picture_uploaded(visit, address):
    """A red left half and a blue right half, read back from the pixels on the screen."""
    page = open_pictures(visit, address)
    picture = Image.new("RGB", (56, 56), "blue")
    picture.paste("red", (0, 0, 28, 56))
    whole = zipped({f"{number}.png": encoded(picture) for number in range(20)})
    page.get_by_text("Colour", exact=True).click()
    rest(page)
    page.locator("input[type=file]").set_input_files(
        {"name": "halves.zip", "mimeType": "application/zip", "buffer": whole}
    )
    page.get_by_role("button", name="Read the pictures").click()
    shown = page.get_by_alt_text("Pictures labelled unlabelled")
    expect(shown).to_be_visible(timeout=30_000)
    expect(page.get_by_text("19 pictures came more than once")).to_be_visible()
    seen = Image.open(io.BytesIO(shown.screenshot())).convert("RGB")
    zoom = seen.width / (8 * 58 - 2)
    assert seen.getpixel((int(14 * zoom), int(28 * zoom))) == (255, 0, 0)
    assert seen.getpixel((int(42 * zoom), int(28 * zoom))) == (0, 0, 255)


def test_reading_a_folder_of_the_server_can_be_stopped_and_says_so(visit, address, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (1_000, 1_000, 3), dtype=np.uint8)
    (tmp_path / "0.png").write_bytes(encoded(Image.fromarray(pixels)))
    for number in range(1, 2_000):  # long enough to be stopped, and no room on the disk
        (tmp_path / f"{number}.png").hardlink_to(tmp_path / "0.png")
    page = open_pictures(visit, address)
    page.get_by_text("A folder of the server").click()
    rest(page)
    page.get_by_label("Full path of the folder").fill(str(tmp_path))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Read the pictures").click()
    expect(page.get_by_text(re.compile(r"^\d+ read, 0 skipped"))).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Reading was stopped before its end")).to_be_visible(timeout=10_000)
    expect(page.get_by_label("Full path of the folder")).to_have_value(str(tmp_path))
