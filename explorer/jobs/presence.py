"""Who is there: the workers, how fast they are, and the servers they work for."""

from __future__ import annotations

import contextlib
import json
import time

from .database import Database
from .training.job import is_count, is_number, read_json

_KINDS = {"small", "mlp", "conv"}  # of networks that are timed, see `rates`


class Presence:
    """Signs of life in a data folder's database."""

    def __init__(self, database: Database) -> None:
        self._open = database.open

    def worker_beat(self, device: str, pid: int) -> None:
        """A worker shows itself."""
        with self._open(write=True) as table:
            table.execute(
                "INSERT INTO workers (device, pid, beat) VALUES (?, ?, ?) "
                "ON CONFLICT (device) DO UPDATE SET pid = excluded.pid, beat = excluded.beat",
                (device, pid, time.time()),
            )

    def worker_gone(self, device: str) -> None:
        """A worker ends in good order."""
        with self._open(write=True) as table:
            table.execute("UPDATE workers SET beat = 0 WHERE device = ?", (device,))

    def workers(self) -> dict[str, tuple[int, float]]:
        """Process and seconds since the last sign of each device's worker; a damaged row is left out."""
        now = time.time()
        with self._open() as table:
            rows = table.execute("SELECT device, pid, beat FROM workers").fetchall()
        return {
            row["device"]: (row["pid"], now - row["beat"])
            for row in rows
            if isinstance(row["device"], str) and is_count(row["pid"]) and row["pid"] < 2**31 and is_number(row["beat"])
        }

    def keep_rates(self, device: str, rates: dict[str, float]) -> None:
        """How fast the device is, see `rates`."""
        with self._open(write=True) as table:
            table.execute("UPDATE workers SET rates = ? WHERE device = ?", (json.dumps(rates), device))

    def has_rates(self, device: str) -> bool:
        """Whether the device's rates are known."""
        with self._open() as table:
            query = "SELECT 1 FROM workers WHERE device = ? AND rates IS NOT NULL"
            return table.execute(query, (device,)).fetchone() is not None

    def rates(self) -> dict[str, float] | None:
        """The rates of the fastest device measured; None where none was yet. A damaged row is left out."""
        with self._open() as table:
            rows = table.execute("SELECT rates FROM workers WHERE rates IS NOT NULL").fetchall()
        sound = []
        for row in rows:
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                rates = read_json(row["rates"], dict)
                if set(rates) >= _KINDS and all(is_number(rate) and rate > 0 for rate in rates.values()):
                    sound.append(rates)
        return min(sound, key=lambda rates: rates["mlp"], default=None)

    def server_beat(self, pid: int) -> None:
        """A server shows itself; those long silent are forgotten."""
        with self._open(write=True) as table:
            table.execute("INSERT OR REPLACE INTO servers (pid, beat) VALUES (?, ?)", (pid, time.time()))
            table.execute("DELETE FROM servers WHERE beat < ?", (time.time() - 3_600,))

    def is_served(self, seconds: float) -> bool:
        """Whether any server has shown itself within so many seconds."""
        with self._open() as table:
            numbers = "typeof(beat) IN ('real', 'integer')"
            row = table.execute(f"SELECT max(beat) AS last FROM servers WHERE {numbers}").fetchone()
        return row["last"] is not None and time.time() - row["last"] < seconds
