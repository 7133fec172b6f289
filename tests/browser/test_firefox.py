"""Firefox, where it is installed: a drag with real pointer actions, on the plain canvas as with WebGL."""

from __future__ import annotations

import pytest

from tests.benchmarks.firefox import drag, open_map
from tests.browser.bidi import firefox, firefox_path


@pytest.mark.slow
@pytest.mark.skipif(firefox_path() is None, reason="no Firefox: Debian's package is firefox-esr")
@pytest.mark.parametrize("webgl", [True, False], ids=["webgl", "plain"])
def test_a_drag_in_firefox_paints_every_move_and_torch_agrees(address: str, webgl: bool) -> None:
    with firefox(webgl=webgl) as browser:
        for mode in ("gaussian", "point"):
            open_map(browser, f"{address}/?model=mnist-2d&mode={mode}&at=0.5,0.2")
            found = drag(browser, moves=60)
            assert found["moves"] >= 40
            assert found["painted"] >= 0.5 * found["moves"]  # one at least for two moves, also on a busy machine
            assert found["difference"] < 1e-3
            assert webgl or found["drawn_by"] == "canvas"  # with WebGL it depends on the machine's libraries
