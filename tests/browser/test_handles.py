"""The ellipse of q is to scale and its handles can be taken, however narrow or wide it is and wherever it lies."""

from __future__ import annotations

import itertools
import math

import pytest

import explorer
from explorer.datasets import load_dataset
from explorer.datasets.binarise import fixed
from tests.browser.harness import asked, centre, drag

FINGER = 44  # pixels
LAWS = """async (cases) => {
  const { rest, dragged } = await import('/static/map/leaders.mjs');
  return cases.map(([end, rooms, place]) => {
    const start = { end, ...rest(end, rooms, 1) };
    const at = (far) => dragged(start, far);
    return { ...start, same: at(start.place), moved: at(place), next: at(place + 1) };
  });
}"""


def test_a_handle_is_reachable_and_does_not_jump(page):
    """Taken, it changes nothing; dragged outward, a scale only grows; the ellipse's end stays under the pointer."""
    ends, rooms = (0.05, 2, 47, 48, 60, 200, 5_000), ((700, 20), (20, 700), (170, 170), (350, 350))
    cases = list(itertools.product(ends, rooms, (-90, 0, 10, 49, 75, 130, 400)))
    for (end, (ahead, behind), place), found in zip(cases, page.evaluate(LAWS, cases), strict=True):
        room = ahead if found["side"] == 1 else behind
        assert FINGER <= found["place"] <= room - 6
        if FINGER + 4 <= end <= max(ahead, behind) - 14:
            assert found["place"] == end
            assert found["moved"] == place
        assert found["same"] == pytest.approx(end)
        # It grows by a pixel for a pixel, or by the same factor for each.
        by = found["next"] - found["moved"]
        assert by > 0 and (by <= 1 + 1e-9 or by <= math.expm1(1 / 40) * found["moved"] * (1 + 1e-9))


def shown(page) -> dict:
    """Half axes of the two ellipses of q and of the encoder's, in pixels."""
    return page.evaluate("""() => {
      const axes = (node) => ['rx', 'ry'].map((side) => Number(node.getAttribute(side)));
      const pair = (name) => [1, 2].map((k) => axes(document.querySelector(`.lx-${name}.lx-at-${k}`)));
      return { own: pair('own'), encoder: pair('encoder') };
    }""")


def apart(page) -> float:
    """The least distance between two of the three handles."""
    places = [centre(page, name) for name in ("latent-handle", "latent-scale-0", "latent-scale-1")]
    return min(math.dist(a, b) for a, b in itertools.combinations(places, 2))


@pytest.mark.parametrize("plot", ["plotly", pytest.param("canvas", marks=pytest.mark.slow)])
def test_q_is_drawn_to_scale_however_narrow_or_wide(open_page, plot):
    page = open_page(f"model=mnist-2d&image=5&zoom=map&plot={plot}&at=-1,0.5&scale=0.02,3")
    model = explorer.load("mnist-2d")
    q = model.posterior(fixed(load_dataset("mnist", "test").images[:6])[5:]).base_dist
    own = sorted(q.scale[0].tolist(), reverse=True)
    stage = page.locator(".lx-stage").bounding_box()

    def check(scale: list[float]) -> float:
        found = shown(page)
        (rx, ry), twice = found["own"]
        unit = max(rx, ry) / max(scale)
        assert sorted((rx, ry)) == pytest.approx(sorted(s * unit for s in scale), rel=1e-3)
        assert twice == pytest.approx([2 * rx, 2 * ry])
        assert found["encoder"][0] == pytest.approx([s * unit for s in own], rel=1e-3)
        assert apart(page) >= FINGER
        for name in ("latent-scale-0", "latent-scale-1"):
            x, y = centre(page, name)
            assert stage["x"] < x < stage["x"] + stage["width"] and stage["y"] < y < stage["y"] + stage["height"]
            assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).dataset.testid", [x, y]) == name
        return unit

    unit = check([0.02, 3])
    x, y = centre(page)
    drag(page, 300, -180)  # near the corner
    near = centre(page)
    check([float(part) for part in asked(page)["scale"][0].split(",")])
    assert near == pytest.approx((x + 300, y - 180), abs=1)
    drag(page, -200, 150)
    x, y = centre(page, "latent-scale-0")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 160, y, steps=8)
    held = centre(page, "latent-scale-0")
    page.mouse.up()
    assert held == pytest.approx((x + 160, y), abs=1)
    scale = [float(part) for part in asked(page)["scale"][0].split(",")]
    assert scale[0] > 0.2 and scale[1] == 3
    assert check(scale) == pytest.approx(unit, rel=1e-6)
    page.get_by_test_id("latent-scale-0").focus()
    for _ in range(30):
        page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("() => new URLSearchParams(location.search).get('scale').startsWith('3,')")  # the cap
    check([3, 3])
