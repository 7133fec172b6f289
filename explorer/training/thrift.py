"""Something useful that may be done again and again, so long as it takes little of the time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


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
