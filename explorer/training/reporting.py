"""Reports along the way: how often a loop gives one, and how much of its time what comes with it may take."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

REPORT_SECONDS = 0.5


@dataclass
class Cadence:
    """Set by whoever listens to a loop, read by the loop.

    Attributes:
        seconds: between two reports, about.
        steps: report after so many steps; None leaves it to `seconds` alone.
        held: seconds that the listener held the loop back; they are not part of its budget.
    """

    seconds: float = field(default_factory=lambda: REPORT_SECONDS)
    steps: int | None = None
    held: float = 0.0

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Around a wait between two reports."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.held += time.perf_counter() - began


class Thrift:
    """Says when it is time again: never more often than `least` seconds, nor for more than `share` of the time.

    Args:
        share: of the whole time that may be spent.
        least: seconds that must lie between.
    """

    def __init__(self, share: float, least: float = 0.0) -> None:
        self.share, self.least = share, least
        self._ready = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() >= self._ready

    @contextlib.contextmanager
    def spending(self) -> Iterator[None]:
        """Around the work itself, whose duration decides when it is due again."""
        began = time.monotonic()
        yield
        spent = time.monotonic() - began
        self._ready = time.monotonic() + max(self.least, spent * (1 / self.share - 1))
