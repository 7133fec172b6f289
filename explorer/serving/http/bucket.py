"""Token buckets: what is given slowly, to each client address its share."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable

MOST_BUCKETS = 10_000
SWEEP_SECONDS = 1.0


def network_of(address: str | None) -> str:
    """The network that a client's address stands for: one IPv4 address, 64 bits of an IPv6 address, or "local"."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address[:60] if address else "local"
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_loopback:
        return "local"
    return str(found if found.version == 4 else ipaddress.ip_network((found, 64), strict=False))


class Buckets:
    """A bucket of tokens for each network.

    Args:
        most: tokens in a full bucket; an_hour: tokens that come back to it in an hour.
        buckets: kept at once. A full bucket need not be kept; where too many are not full, newcomers share one.
    """

    def __init__(
        self, most: int, an_hour: float, buckets: int = MOST_BUCKETS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._rate, self._limit, self._clock = most, an_hour / 3_600, buckets, clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, float]] = {}  # tokens, and when they were counted
        self._swept = -SWEEP_SECONDS

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, network: str) -> bool:
        """Takes a token; False where there is none."""
        with self._lock:
            now = self._clock()
            if network not in self._kept and self._full(now):
                network = ""  # one bucket more than the limit at most
            tokens = self._now(self._kept.get(network, (self._most, now)), now)
            self._kept[network] = (tokens - 1 if tokens >= 1 else tokens, now)
            return tokens >= 1

    def _full(self, now: float) -> bool:
        if len(self._kept) >= self._limit and now - self._swept >= SWEEP_SECONDS:
            self._swept = now
            self._kept = {key: kept for key, kept in self._kept.items() if self._now(kept, now) < self._most}
        return len(self._kept) >= self._limit

    def _now(self, kept: tuple[float, float], now: float) -> float:
        return min(self._most, kept[0] + (now - kept[1]) * self._rate)
