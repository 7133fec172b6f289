"""How often a loop reports, and how long it was held back: what slow motion needs of it."""

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
