"""The drawing pad with the real mouse, fingers and keys: what is drawn is handed on as MNIST would have it."""

from __future__ import annotations

import numpy as np
import pytest

from explorer.datasets import load_dataset
from tests.browser.pad_page import handed_on, latest, pad_pages, said, stroke

SEVEN = [(0, 0), (88, 8), (32, 160)]  # in pixels of the screen, as a mouse has no others


@pytest.fixture(scope="module")
def open_pad(browser):
    with pad_pages(browser) as open_:
        yield open_


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """Test images of MNIST, float32 (n, 28, 28) in [0, 1]."""
    return load_dataset("mnist", "test").images[:5].numpy().reshape(-1, 28, 28).astype(np.float32) / 255


def placed(shape, left: int, top: int, scale: float) -> list[tuple[float, float]]:
    """In hundredths of the pad, which is 224 pixels of the screen."""
    return [((left + scale * x) / 2.24, (top + scale * y) / 2.24) for x, y in shape]


def set_width(page, value: float) -> None:
    page.get_by_test_id("drawing-width").evaluate(
        "(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", value
    )


def centre_of_mass(image: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(image.shape)
    return (rows * image).sum() / image.sum(), (columns * image).sum() / image.sum()


def height(image: np.ndarray) -> int:
    return int(np.ptp(np.flatnonzero(image.max(1) > 0))) + 1


@pytest.mark.parametrize("observed", ["grey", "binary"])
def test_a_vertical_stroke_stands_where_mnist_would_put_it(open_pad, observed):
    page = open_pad(observed=observed)
    assert latest(page) is None  # nothing was drawn: nothing is handed on
    stroke(page, [(20, 15), (20, 75)])
    image = handed_on(page)
    assert height(image) == 20 and image.max() == 1
    row, column = centre_of_mass(image)
    assert abs(row - 14) <= 0.5 and abs(column - 14) <= 0.5
    assert latest(page)["type"] == "Float32Array" and latest(page)["how"] == {"source": "pen", "still": True}
    if observed == "binary":
        assert set(np.unique(image)) == {0, 1}
    seen = page.get_by_test_id("drawing-seen").evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 === 0)"
    )
    assert np.abs(np.reshape(seen, (28, 28)) - 255 * image).max() <= 1


def test_the_same_drawing_anywhere_and_at_any_size_is_the_same_image(open_pad):
    page = open_pad()
    images = []
    for left, top, scale, width in ((20, 24, 1, 4), (90, 30, 1, 4), (140, 20, 0.5, 2), (30, 120, 0.5, 2)):
        set_width(page, width)
        stroke(page, placed(SEVEN, left, top, scale), steps=4)
        images.append(handed_on(page))
        page.get_by_test_id("drawing-clear").click()
    for image in images[1:]:
        assert np.abs(image - images[0]).sum() < 0.02 * images[0].sum()
        assert np.corrcoef(image.ravel(), images[0].ravel())[0, 1] > 0.99


def test_without_centring_the_pad_is_handed_on_as_it_is(open_pad):
    page = open_pad()
    stroke(page, [(20, 20), (20, 40)])
    page.get_by_test_id("drawing-centre").uncheck()
    row, column = centre_of_mass(handed_on(page))
    assert column == pytest.approx(0.20 * 28 - 0.5, abs=0.2) and row == pytest.approx(0.30 * 28 - 0.5, abs=0.2)
    page.get_by_test_id("drawing-centre").check()
    assert abs(centre_of_mass(handed_on(page))[1] - 14) <= 0.5


def test_eraser_undo_and_clear(open_pad):
    page = open_pad()
    undo, clear = page.get_by_test_id("drawing-undo"), page.get_by_test_id("drawing-clear")
    assert undo.is_disabled() and clear.is_disabled()
    stroke(page, [(30, 20), (30, 80)])
    one = handed_on(page)
    stroke(page, [(70, 20), (70, 80)])
    two = handed_on(page)
    assert np.abs(two - one).max() > 0.5
    page.get_by_test_id("drawing-eraser").click()
    stroke(page, [(70, 5), (70, 95)])
    assert np.abs(handed_on(page) - one).max() < 0.02
    undo.click()
    assert (handed_on(page) == two).all()
    undo.click()
    assert (handed_on(page) == one).all()
    clear.click()
    assert handed_on(page) is None and clear.is_disabled()
    page.get_by_test_id("drawing-canvas").press("Control+z")
    assert (handed_on(page) == one).all()
    undo.click()
    assert handed_on(page) is None and undo.is_disabled()
    stroke(page, [(50, 50), (60, 60)])  # the eraser, on an empty pad: nothing that could be taken back
    assert handed_on(page) is None and undo.is_disabled()


def test_at_least_fifty_steps_can_be_taken_back_and_their_number_is_bounded(open_pad):
    page = open_pad()
    steps = page.evaluate(
        """() => {
          for (let i = 0; i < 80; i++) window.pad.set(new Float32Array(784).map((_, j) => (j < 10 * i ? 1 : 0)));
          let steps = 0;
          while (window.pad.steps.length > 0) { window.pad.undo(); steps++; }
          return steps;
        }"""
    )
    assert 50 <= steps <= 100


def test_an_image_that_was_set_is_handed_on_as_it_is(open_pad, digits):
    image = (digits[3] > 0.5).astype(np.float32)
    page = open_pad(observed="binary", initial=image.ravel().tolist())
    assert latest(page) is None
    page.evaluate("(values) => window.pad.set(Float32Array.from(values))", np.roll(image, 3, 0).ravel().tolist())
    assert (handed_on(page) == np.roll(image, 3, 0)).all() and latest(page)["how"]["source"] == "set"
    page.get_by_test_id("drawing-undo").click()
    assert (handed_on(page) == image).all()


def test_no_more_than_one_image_a_frame_while_drawing(open_pad):
    page = open_pad()
    stroke(page, placed(SEVEN, 40, 12, 1), lift=False)
    latest(page)
    before = page.evaluate("window.heard.length")
    page.evaluate(
        """() => {
          const canvas = document.querySelector('[data-testid=drawing-canvas]');
          const { left, top } = canvas.getBoundingClientRect();
          const { pointer } = window.pad.hand;
          for (let i = 0; i < 30; i++) {
            const place = { clientX: left + 10 + 5 * i, clientY: top + 100 };
            canvas.dispatchEvent(new PointerEvent('pointermove', { pointerId: pointer, ...place }));
          }
        }"""
    )
    assert latest(page)["how"] == {"source": "pen", "still": False}
    assert page.evaluate("window.heard.length") == before + 1
    page.mouse.up()
    assert latest(page)["how"]["still"]
    assert not any(page.evaluate("() => window.heard.slice(0, -1).map((call) => call.how.still)"))


def test_a_stroke_is_smooth(open_pad):
    """Eight points of a circle of 40: the ink is as far from its centre everywhere, which no polygon's is."""
    page = open_pad(centre=False)
    set_width(page, 1)
    turns = np.linspace(0, 2 * np.pi, 9)
    stroke(page, [(50 + 40 * np.cos(t), 50 + 40 * np.sin(t)) for t in turns], steps=1)
    data = page.get_by_test_id("drawing-canvas").evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, 448, 448).data.filter((_, i) => i % 4 === 0))"
    )
    rows, columns = np.nonzero(np.reshape(data, (448, 448)) > 128)
    y, x = (rows + 0.5) / 4.48 - 50, (columns + 0.5) / 4.48 - 50
    angle = np.degrees(np.arctan2(y, x))
    inner, outer = np.percentile(np.hypot(x, y)[np.abs(angle) > 50], [1, 99])  # the ends, at 0°, are straight
    assert outer - inner < 100 / 28 + 1  # the stroke's own width; an octagon adds 40·(1 − cos 22.5°) = 3
    assert np.histogram(angle, 36, (-180, 180))[0].min() > 0  # and it has no gap


def test_a_finger_draws_and_the_page_stays(open_pad):
    page = open_pad(context={"has_touch": True, "is_mobile": True, "viewport": {"width": 390, "height": 844}})
    frame = page.get_by_test_id("drawing-canvas").bounding_box()
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *places) -> None:
        points = [
            {"x": frame["x"] + x * frame["width"], "y": frame["y"] + y * frame["height"], "id": i}
            for i, (x, y) in enumerate(places)
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (0.5, 0.9))
    for y in np.linspace(0.9, 0.1, 12):
        touch("touchMove", (0.5, y))
    touch("touchEnd")
    assert height(handed_on(page)) == 20
    assert page.evaluate("window.scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_keyboard_draws(open_pad):
    page = open_pad()
    canvas = page.get_by_test_id("drawing-canvas")
    canvas.focus()
    for key in ("Shift+ArrowUp", "Space", "Shift+ArrowDown", "Shift+ArrowDown", "ArrowDown"):
        canvas.press(key)
    assert not latest(page)["how"]["still"] and "pen is down" in said(page)
    canvas.press("Space")
    image = handed_on(page)
    assert height(image) == 20 and "lifted" in said(page)
    canvas.press("Control+z")
    assert handed_on(page) is None


def test_colours_for_a_model_of_colours(open_pad):
    page = open_pad(shape=[3, 32, 32])
    assert page.get_by_test_id("drawing-centre").count() == 0
    page.get_by_test_id("drawing-colour").fill("#ff8000")
    stroke(page, [(25, 25), (25, 75)])
    image = handed_on(page, (3, 32, 32))
    assert image[:, 16, 8] == pytest.approx([1, 128 / 255, 0], abs=2e-2)
    assert image[:, 16, 24].max() == 0
    page.get_by_test_id("drawing-eraser").click()
    stroke(page, [(25, 10), (25, 90)])
    assert handed_on(page, (3, 32, 32)) is None


def test_images_that_are_not_square(open_pad):
    page = open_pad(shape=[1, 20, 40])
    stroke(page, [(10, 25), (90, 25)])
    image = handed_on(page, (20, 40))
    assert abs(centre_of_mass(image)[0] - 9.5) < 0.2 and image[9:11].max(0)[6:34].min() > 0.9


def test_ink_too_thin_for_the_model_is_said(open_pad):
    page = open_pad(shape=[1, 8, 8], observed="binary", centre=False)
    set_width(page, 1)
    stroke(page, [(20, 30), (80, 30)])
    assert (handed_on(page, (8, 8)) == 0).all() and "too thin" in said(page)
    page.get_by_test_id("drawing-centre").check()
    assert handed_on(page, (8, 8)).any()


def test_a_destroyed_pad_hands_nothing_on(open_pad):
    page = open_pad()
    stroke(page, [(30, 20), (30, 80)])
    count = page.evaluate(
        "() => { window.pad.set(new Float32Array(784).fill(1)); window.pad.destroy(); return window.heard.length; }"
    )
    latest(page)
    assert page.evaluate("window.heard.length") == count
    assert page.get_by_test_id("drawing-pad").count() == 0
