"""LRU cache bounded by bytes, which builds each value once, even under concurrent requests."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor

T = TypeVar("T")

MB = 1 << 20
_LEAST = 500  # bytes of an entry, whatever it is


class Kept(Generic[T]):
    """The values last asked for: at most `limit` of them, and of `budget` bytes together.

    A value is made once, however many threads ask for it at the same time, and those who ask
    for other values do not wait. That there is none is not kept: it may be there the next
    time, and anybody can ask for names that never are. The newest value is kept even where it
    alone is larger than the budget: somebody is at work with it.

    Args:
        size: bytes of a value; `size_of` where it is not given.
    """

    def __init__(self, limit: int, budget: int = 64 * MB, size: Callable[[T], int] | None = None) -> None:
        self.limit, self.budget = limit, budget
        self._size = size or size_of
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._values)

    @property
    def bytes(self) -> int:
        """Of all values that are kept."""
        return self._bytes

    def peek(self, name: Hashable) -> T | None:
        """The value of this name where it is kept, at once."""
        with self._lock:
            if name not in self._values:
                return None
            self._values.move_to_end(name)
            return self._values[name][0]

    def get(self, name: Hashable, make: Callable[[], T | None]) -> T | None:
        """The value of this name, made by `make` where it is not kept; None where `make` gives none."""
        with self._lock:
            if name in self._values:
                self._values.move_to_end(name)
                return self._values[name][0]
            making = self._making.setdefault(name, threading.Lock())
        with making:
            with self._lock:
                if name in self._values:
                    return self._values[name][0]
            value = None
            size = 0
            try:
                value = make()
                size = _LEAST if value is None else max(_LEAST, self._size(value))
            finally:
                with self._lock:
                    if self._making.get(name) is making:
                        del self._making[name]
                    if value is not None:
                        self._keep(name, value, size)
        return value

    def _keep(self, name: Hashable, value: T, size: int) -> None:
        if name in self._values:  # made twice, where the first maker failed while others waited
            self._bytes -= self._values.pop(name)[1]
        self._values[name] = (value, size)
        self._bytes += size
        while len(self._values) > 1 and (len(self._values) > self.limit or self._bytes > self.budget):
            _, (_, gone) = self._values.popitem(last=False)
            self._bytes -= gone

    def find(self, fits: Callable[[T], bool], *, asked: bool = True) -> T | None:
        """A value that is kept and fits, which counts as asking for it where it is `asked` for."""
        with self._lock:
            for name, (value, _) in self._values.items():
                if fits(value):
                    if asked:
                        self._values.move_to_end(name)
                    return value
        return None


def size_of(value: Any) -> int:
    """Bytes of tensors, texts and bytes in a value, and in what dataclasses, tuples, lists and dicts hold."""
    if isinstance(value, Tensor):
        return value.untyped_storage().nbytes()
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    if isinstance(value, dict):
        return sum(size_of(key) + size_of(part) for key, part in value.items())
    if isinstance(value, list | tuple):
        return 16 * len(value) + sum(map(size_of, value))
    if is_dataclass(value) and not isinstance(value, type):
        return sum(size_of(getattr(value, field.name)) for field in fields(value))
    return 32
