"""The clock of a run's budget: seconds of work, not those for which the process or the machine was asleep."""

from __future__ import annotations

import time

from .reporting import Cadence

# A step that takes so many times the usual one, and so many seconds, was interrupted: the process was stopped
# (SIGSTOP, a container's freezer) or the lid was closed. It counts as no more than this.
MANY_TIMES, LEAST_SECONDS = 20.0, 2.0
# Before there is a usual step: the first one sets much up.
FIRST_SECONDS = 20.0
WEIGHT = 0.1


class Clock:
    """Seconds from one step to the next, as a budget counts them.

    Args:
        cadence: of the loop, whose `held` seconds do not count.
    """

    def __init__(self, cadence: Cadence) -> None:
        self.cadence = cadence
        self._last = self._now()
        self._usual: float | None = None

    def _now(self) -> float:
        return time.perf_counter() - self.cadence.held

    def lap(self) -> float:
        """Seconds since the last lap, without those that were slept through."""
        now = self._now()
        gap, self._last = max(now - self._last, 0.0), now
        most = FIRST_SECONDS if self._usual is None else max(MANY_TIMES * self._usual, LEAST_SECONDS)
        counted = min(gap, most)
        self._usual = counted if self._usual is None else self._usual + WEIGHT * (counted - self._usual)
        return counted
