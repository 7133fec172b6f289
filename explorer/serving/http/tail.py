"""Files of JSON lines that grow while many watch them: each line is read once."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any


class _Tail:
    """One file as far as it was read."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.identity: tuple[int, int] | None = None
        self.offset = 0
        self.rows: list[Any] = []

    def read(self, path: Path) -> list[Any]:
        with self.lock:
            try:
                with path.open("rb") as file:
                    facts = path.stat()
                    identity = (facts.st_ino, facts.st_dev)
                    if identity != self.identity or facts.st_size < self.offset:  # it was written anew
                        self.identity, self.offset, self.rows = identity, 0, []
                    file.seek(self.offset)
                    fresh = file.read()
            except OSError:
                return []
            whole = fresh.rfind(b"\n") + 1
            for line in fresh[:whole].splitlines():
                try:
                    # NaN is no number that a browser could read.
                    self.rows.append(json.loads(line, parse_constant=lambda _: None))
                except (ValueError, RecursionError):
                    continue
            self.offset += whole
            return list(self.rows)


class Tails:
    """The files last read, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._tails: OrderedDict[Path, _Tail] = OrderedDict()

    def rows(self, path: Path) -> list[Any]:
        """Every whole line of a file, decoded; none where there is no file."""
        with self._lock:
            tail = self._tails.setdefault(path, _Tail())
            self._tails.move_to_end(path)
            while len(self._tails) > self.limit:
                self._tails.popitem(last=False)
        return tail.read(path)
