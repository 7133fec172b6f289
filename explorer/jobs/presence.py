"""Who is there: the workers, how fast they are, and the servers they work for."""

from __future__ import annotations

import json
import time

from .database import Database


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
        """Process and seconds since the last sign of each device's worker."""
        now = time.time()
        with self._open() as table:
            rows = table.execute("SELECT device, pid, beat FROM workers").fetchall()
        return {row["device"]: (row["pid"], now - row["beat"]) for row in rows}

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
        """The rates of the fastest device measured; None where none was yet."""
        with self._open() as table:
            rows = table.execute("SELECT rates FROM workers WHERE rates IS NOT NULL").fetchall()
        return min((json.loads(row["rates"]) for row in rows), key=lambda rates: rates["mlp"], default=None)

    def server_beat(self, pid: int) -> None:
        """A server shows itself; those long silent are forgotten."""
        with self._open(write=True) as table:
            table.execute("INSERT OR REPLACE INTO servers (pid, beat) VALUES (?, ?)", (pid, time.time()))
            table.execute("DELETE FROM servers WHERE beat < ?", (time.time() - 3_600,))

    def is_served(self, seconds: float) -> bool:
        """Whether any server has shown itself within so many seconds."""
        with self._open() as table:
            row = table.execute("SELECT max(beat) AS last FROM servers").fetchone()
        return row["last"] is not None and time.time() - row["last"] < seconds
