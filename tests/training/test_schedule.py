"""The learning rate's one cycle."""

from __future__ import annotations

import itertools
import math

import pytest

from explorer.training.schedule import one_cycle, warm_up


def test_the_schedule_rises_in_a_line_and_falls_as_half_a_cosine() -> None:
    grid = [i / 1_000 for i in range(1_001)]
    rates = [one_cycle(f) for f in grid]
    assert max(rates) == one_cycle(0.05) == 1.0
    assert one_cycle(0) == pytest.approx(0.04) and one_cycle(1) == pytest.approx(0, abs=1e-12)
    rise, fall = rates[:51], rates[50:]
    assert all(b - a == pytest.approx(0.96 / 50) for a, b in itertools.pairwise(rise))
    assert all(a > b for a, b in itertools.pairwise(fall))
    assert one_cycle(0.05 + 0.95 / 2) == pytest.approx(0.5)
    assert one_cycle(-1) == one_cycle(0) and one_cycle(7) == one_cycle(1)
    assert all(math.isfinite(r) and 0 <= r <= 1 for r in rates)


def test_the_kl_weight_rises_in_a_straight_line_and_stays() -> None:
    assert [warm_up(fraction, 0.2) for fraction in (0.0, 0.05, 0.1, 0.2, 0.7)] == pytest.approx([0, 0.25, 0.5, 1, 1])
    assert warm_up(0.0, 0.0) == 1.0
