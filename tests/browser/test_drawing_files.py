"""Picture files on the drawing pad: chosen, dropped and pasted; what was done is said, and what cannot be read too."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from explorer.datasets import load_dataset
from tests.browser.pad_page import choose, handed_on, latest, pad_pages, said, stroke


@pytest.fixture(scope="module")
def open_pad(browser):
    with pad_pages(browser) as open_:
        yield open_


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """Test images of MNIST, uint8 (n, 28, 28)."""
    return load_dataset("mnist", "test").images[:20].numpy().reshape(-1, 28, 28)


def encoded(picture: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def larger(digit: np.ndarray, times: int = 8) -> np.ndarray:
    return digit.repeat(times, 0).repeat(times, 1)


def distance(image: np.ndarray, digit: np.ndarray) -> float:
    """Mean absolute difference from a digit, its brightest pixel taken as white."""
    return float(np.abs(image - digit / digit.max()).mean())


def carry(page, how: str, name: str, content: bytes, kind: str = "image/png") -> None:
    """Drops a file onto the pad, or pastes it into the page."""
    before = page.evaluate("window.sentences.length")
    page.evaluate(
        """([how, name, kind, bytes]) => {
          const files = new DataTransfer();
          if (bytes) files.items.add(new File([Uint8Array.from(bytes)], name, { type: kind }));
          const options = { bubbles: true, cancelable: true };
          const target = document.querySelector('[data-testid=drawing-pad]');
          if (how === 'paste') {
            document.body.dispatchEvent(new ClipboardEvent('paste', { ...options, clipboardData: files }));
          } else for (const kind of ['dragenter', 'dragover', 'drop']) {
            target.dispatchEvent(new DragEvent(kind, { ...options, dataTransfer: files }));
          }
        }""",
        [how, name, kind, None if content is None else list(content)],
    )
    page.wait_for_function(f"window.sentences.length > {before}")


def test_a_digit_of_mnist_comes_back_as_itself(open_pad, digits):
    page = open_pad()
    for times in (1, 8, 13):
        for digit in digits[:3]:
            choose(page, "digit.png", encoded(larger(digit, times)))
            assert distance(handed_on(page), digit) < (0.002 if times < 13 else 0.02)
        assert latest(page)["how"] == {"source": "file", "still": True}
        assert f"{28 * times} × {28 * times} pixels" in said(page)
        assert ("centred like MNIST" in said(page)) == (times > 1)  # one of the model's size is left alone


def test_grey_files_are_drawn_and_lines_are_thresholded_for_binary_pixels(open_pad, digits):
    page = open_pad(observed="binary")
    digit = digits[0]
    draws = []
    for _ in range(2):
        choose(page, "digit.png", encoded(digit))
        assert "one draw of each pixel" in said(page)
        draws.append(handed_on(page))
        page.get_by_test_id("drawing-clear").click()
    assert (draws[0] == draws[1]).all() and set(np.unique(draws[0])) == {0, 1}
    assert (draws[0][digit == 0] == 0).all() and (draws[0][digit == 255] == 1).all()
    assert (draws[0] != (digit >= 128)).any()
    line = np.zeros((300, 200), np.uint8)
    line[50:250, 90:110] = 255
    choose(page, "line.png", encoded(line))
    assert "made binary at one half" in said(page)
    image = handed_on(page)
    rows = np.flatnonzero(image.any(1))
    assert len(rows) == np.ptp(rows) + 1 == 20 and (image[rows].sum(1) == 2).all()


def test_dropped_and_pasted_files_are_loaded(open_pad, digits):
    page = open_pad()
    for digit, how in zip(digits, ("drop", "paste"), strict=False):
        carry(page, how, "digit.png", encoded(larger(digit)))
        assert distance(handed_on(page), digit) < 0.002, how
    page.get_by_test_id("drawing-pad").evaluate("pad => { pad.parentElement.style.display = 'none'; }")
    calls = page.evaluate("window.heard.length")
    content = {"bytes": list(encoded(digits[3]))}
    page.evaluate(
        """async ({ bytes }) => {
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([Uint8Array.from(bytes)], 'x.png', { type: 'image/png' }));
          const event = new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData });
          document.body.dispatchEvent(event);
          window.taken = event.defaultPrevented;
        }""",
        content,
    )
    page.get_by_test_id("drawing-pad").evaluate("pad => { pad.parentElement.style.display = ''; }")
    assert page.evaluate("[window.taken, window.heard.length]") == [False, calls]


def test_dark_ink_on_paper_is_inverted_and_can_be_turned_back(open_pad, digits):
    page = open_pad()
    choose(page, "scan.jpg", encoded(255 - larger(digits[2], 10), "JPEG", quality=90), "image/jpeg")
    assert "inverted, as its ground is bright" in said(page)
    assert distance(handed_on(page), digits[2]) < 0.02
    page.get_by_test_id("drawing-invert").click()
    image = handed_on(page)
    assert image[0].min() > 0.9 and "not inverted" in said(page)
    assert page.get_by_test_id("drawing-centre").is_disabled()
    page.get_by_test_id("drawing-invert").click()
    assert distance(handed_on(page), digits[2]) < 0.02
    for _ in range(3):
        page.get_by_test_id("drawing-undo").click()
    assert handed_on(page) is None


def test_uneven_grey_paper_is_no_ink(open_pad, digits):
    """A photograph: dim noisy paper, weak ink, and the digit off the middle."""
    noise = np.random.default_rng(0).normal(0, 5, (400, 600))
    photo = np.full((400, 600), 170.0) + noise
    photo[60:284, 300:524] -= 0.5 * larger(digits[0])
    page = open_pad()
    choose(page, "photo.png", encoded(photo.clip(0, 255).astype(np.uint8)))
    assert distance(handed_on(page), digits[0]) < 0.06
    assert np.corrcoef(handed_on(page).ravel(), digits[0].ravel())[0, 1] > 0.9


def test_transparent_paper_is_what_shows_the_ink(open_pad, digits):
    page = open_pad()
    alpha = larger(digits[4])
    for ink, over in (((0, 0, 0), "white"), ((255, 255, 255), "black"), ((200, 30, 30), "white")):
        rgba = np.dstack([np.full_like(alpha, value) for value in ink] + [alpha])
        choose(page, "ink.png", encoded(rgba))
        assert f"transparent over {over}" in said(page)
        assert ("inverted" in said(page)) == (over == "white") and ("turned grey" in said(page)) == (ink[0] == 200)
        assert distance(handed_on(page), digits[4]) < 0.01


def test_colours_turn_grey_by_luma_and_grey_is_repeated(open_pad):
    rng = np.random.default_rng(1)
    picture = Image.fromarray(rng.integers(0, 100, (28, 28, 3), dtype=np.uint8))
    picture.paste((230, 40, 90), (10, 10, 16, 20))
    page = open_pad()
    choose(page, "colour.png", encoded(picture))
    assert np.abs(handed_on(page) - np.asarray(picture.convert("L")) / 255).max() < 1.01 / 255
    page = open_pad(shape=[3, 28, 28])
    choose(page, "colour.png", encoded(picture))
    exact = np.asarray(picture).transpose(2, 0, 1) / 255
    assert np.abs(handed_on(page, (3, 28, 28)) - exact).max() < 1e-6
    choose(page, "grey.png", encoded(picture.convert("L")))
    image = handed_on(page, (3, 28, 28))
    assert (image == image[0]).all() and "turned grey" not in said(page)


def test_orientation_length_and_frames(open_pad, digits):
    page = open_pad()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    turned = np.rot90(larger(digits[5]))
    choose(page, "turned.jpg", encoded(Image.fromarray(turned), "JPEG", quality=95, exif=exif), "image/jpeg")
    assert distance(handed_on(page), digits[5]) < 0.02
    frames = [Image.fromarray(larger(digit)) for digit in digits[6:9]]
    for kind, name in (("GIF", "moving.gif"), ("PNG", "moving.png"), ("WEBP", "moving.webp")):
        options = {"lossless": True} if kind == "WEBP" else {}
        choose(page, name, encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options))
        assert "the first frame" in said(page) and distance(handed_on(page), digits[6]) < 0.01, name
        choose(page, name, encoded(frames[1], kind, **options))
        assert "the first frame" not in said(page) and distance(handed_on(page), digits[7]) < 0.01, name
    long = np.zeros((4, 2_000), np.uint8)
    long[:, 100:1_900] = 255
    choose(page, "long.png", encoded(long))
    assert "so long and narrow" in said(page) and handed_on(page).max() == 1


def large_png(width: int, height: int) -> bytes:
    """A whole PNG of one bit a pixel, all black."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


NOISE = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
BAD = {
    "empty.png": (b"", "is empty"),
    "notes.txt": (b"a shopping list", "is not a picture"),
    "page.png": (b"<html>no picture</html>", "cannot be read as a picture"),
    "cut.png": (encoded(NOISE)[:900], "cannot be read as a picture"),
    "head.png": (encoded(NOISE)[:40], "cannot be read as a picture"),
    "large.png": (large_png(10_000, 7_000), "10000 × 7000 pixels"),
    "blank.png": (encoded(np.full((30, 30), 255, np.uint8)), "shows nothing"),
    "clear.png": (encoded(np.zeros((30, 30, 4), np.uint8)), "shows nothing"),
}


def test_what_cannot_be_loaded_is_said_and_changes_nothing(open_pad):
    page = open_pad()
    stroke(page, [(40, 20), (60, 80)])
    before, calls = handed_on(page), page.evaluate("window.heard.length")
    for name, (content, sentence) in BAD.items():
        choose(page, name, content, "text/plain" if name.endswith("txt") else "image/png")
        assert sentence in said(page) and f"“{name}”" in said(page), name
    page.evaluate("window.pad.load(new File([new Uint8Array(21e6)], 'heavy.png', { type: 'image/png' }))")
    assert "has 21.0 MB" in said(page)
    carry(page, "drop", "", None)
    assert "not a file" in said(page)
    latest(page)
    assert page.evaluate("window.heard.length") == calls
    stroke(page, [(40, 20), (60, 80)])  # the sentence goes when one draws on
    assert said(page) == "" and np.abs(handed_on(page) - before).max() < 0.5


def test_a_pen_goes_on_over_a_file_and_undo_takes_both_back(open_pad, digits):
    page = open_pad()
    choose(page, "digit.png", encoded(larger(digits[0])))
    loaded = handed_on(page)
    stroke(page, [(10, 10), (90, 10)])
    assert np.abs(handed_on(page) - loaded).max() > 0.5 and latest(page)["how"]["source"] == "pen"
    page.get_by_test_id("drawing-undo").click()
    assert (handed_on(page) == loaded).all()
    page.get_by_test_id("drawing-undo").click()
    assert handed_on(page) is None
