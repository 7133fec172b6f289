"""What the drawing pad does to a picture's values, as functions in the page, against MNIST, integrals and Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from explorer.datasets import load_dataset
from tests.browser.pad_page import pad_pages, pure


@pytest.fixture(scope="module")
def open_pad(browser):
    with pad_pages(browser) as open_:
        yield open_


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """Test images of MNIST, float32 (n, 28, 28) in [0, 1]."""
    return load_dataset("mnist", "test").images[:120].numpy().reshape(-1, 28, 28).astype(np.float32) / 255


def test_mnist_itself_is_left_as_it_is(open_pad, digits):
    """The place, the size and the rounding are MNIST's own: its images come back as they were."""
    page = open_pad()
    body = """const plane = (data) => ({ data: Float32Array.from(data), width: 28, height: 28 });
      return a.map((data) => Array.from(m.centred(plane(data), 28, 28).data));"""
    back = np.reshape(pure(page, "normalise", body, digits.reshape(len(digits), -1).tolist()), digits.shape)
    same = np.abs(back - digits / digits.max((1, 2), keepdims=True)).max((1, 2)) < 1e-6
    assert same.mean() > 0.99, np.flatnonzero(~same)


def exact_average(image: np.ndarray, x: float, y: float, w: float, t: float, columns: int, rows: int) -> np.ndarray:
    """By the integral image, interpolated: the integral of a picture of constant pixels is bilinear between them."""
    integral = np.pad(image.astype(np.float64), 4, constant_values=0).cumsum(0).cumsum(1)
    integral = np.pad(integral, ((1, 0), (1, 0)))

    def along(values, at, axis):
        places = np.arange(values.shape[axis])
        return np.apply_along_axis(lambda line: np.interp(at + 4, places, line), axis, values)

    at_y, at_x = y + t * np.arange(rows + 1) / rows, x + w * np.arange(columns + 1) / columns
    sums = np.diff(np.diff(along(along(integral, at_y, 0), at_x, 1), axis=0), axis=1)
    return sums / (w / columns * t / rows)


AREAS = [  # height and width, the rectangle, columns and rows
    ((12, 9), (0, 0, 9, 12), (3, 4)),
    ((10, 7), (0, 0, 7, 10), (3, 4)),
    ((31, 17), (1.25, 2.5, 11.1, 20.3), (6, 9)),
    ((5, 4), (0, 0, 4, 5), (12, 20)),
    ((8, 8), (-2.5, -1, 12, 11), (5, 7)),
]


def test_averaging_by_area_is_exact(open_pad):
    page = open_pad()
    body = """const [data, width, height, x, y, w, t, columns, rows] = a;
      const plane = { data: Float32Array.from(data), width, height };
      return Array.from(m.area(plane, { x, y, width: w, height: t }, columns, rows).data);"""
    for shape, rectangle, size in AREAS:
        image = np.random.default_rng(0).random(shape).astype(np.float32)
        argument = [image.ravel().tolist(), shape[1], shape[0], *rectangle, *size]
        ours = np.reshape(pure(page, "normalise", body, argument), size[::-1])
        assert np.abs(ours - exact_average(image, *rectangle, *size)).max() < 1e-6
        if rectangle[:2] == (0, 0) and shape[0] % size[1] == 0 and shape[1] % size[0] == 0:
            pillow = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
            assert np.abs(ours - pillow).max() < 1e-6


def test_a_draw_is_the_same_each_time_and_has_the_right_share_of_ones(open_pad):
    page = open_pad()
    body = "const v = Float32Array.from(a); return [m.draw(v), m.draw(v), m.threshold(v)].map((x) => Array.from(x));"
    values = np.tile(np.linspace(0, 1, 11), 4_000).astype(np.float32)
    first, second, threshold = np.array(pure(page, "ink", body, values.tolist()))
    assert (first == second).all() and set(np.unique(first)) == {0, 1}
    share = first.reshape(4_000, 11).mean(0)
    assert np.abs(share - np.linspace(0, 1, 11)).max() < 4 * 0.5 / 4_000**0.5
    assert share[0] == 0 and share[-1] == 1
    assert (threshold == (values >= 0.5)).all()
