"""What many ask for and is slow to make: made once, kept while it is used."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The `limit` values last asked for.

    A value is made once, however many threads ask for it at the same time, and those who ask
    for other values do not wait. That there is none is not kept: it may be there the next
    time, and anybody can ask for names that never are.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: Hashable, make: Callable[[], T | None]) -> T | None:
        """The value of this name, made by `make` where it is not kept; None where `make` gives none."""
        with self._lock:
            if name in self._values:
                self._values.move_to_end(name)
                return self._values[name]
            making = self._making.setdefault(name, threading.Lock())
        with making:
            with self._lock:
                if name in self._values:
                    return self._values[name]
            value = None
            try:
                value = make()
            finally:
                with self._lock:
                    if self._making.get(name) is making:
                        del self._making[name]
                    if value is not None:
                        self._values[name] = value
                        if len(self._values) > self.limit:
                            self._values.popitem(last=False)
        return value

    def find(self, fits: Callable[[T], bool]) -> T | None:
        """A value that is kept and fits, which counts as asking for it."""
        with self._lock:
            for name, value in self._values.items():
                if fits(value):
                    self._values.move_to_end(name)
                    return value
        return None
