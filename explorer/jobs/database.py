"""The data folder's database: SQLite with a write-ahead log, a connection for each transaction."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from .job import JobError

FILE = "jobs.sqlite"
BUSY_SECONDS = 15

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, person TEXT NOT NULL, state TEXT NOT NULL,
    wanted TEXT NOT NULL DEFAULT 'run', config TEXT NOT NULL, tensorboard INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL, started REAL, finished REAL, device TEXT, beat REAL,
    attempt INTEGER NOT NULL DEFAULT 0, deaths INTEGER NOT NULL DEFAULT 0, message TEXT,
    notes TEXT NOT NULL DEFAULT '[]', progress TEXT NOT NULL DEFAULT '{}', facts TEXT NOT NULL DEFAULT '{}',
    pace REAL, allowed INTEGER NOT NULL DEFAULT 0, rank REAL NOT NULL, network TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS workers (device TEXT PRIMARY KEY, pid INTEGER NOT NULL, beat REAL NOT NULL, rates TEXT);
CREATE TABLE IF NOT EXISTS servers (pid INTEGER PRIMARY KEY, beat REAL NOT NULL);
CREATE TABLE IF NOT EXISTS fits (
    id TEXT PRIMARY KEY, person TEXT NOT NULL, model TEXT NOT NULL, settings TEXT NOT NULL, state TEXT NOT NULL,
    progress REAL NOT NULL DEFAULT 0, stop INTEGER NOT NULL DEFAULT 0, message TEXT, created REAL NOT NULL,
    deaths INTEGER NOT NULL DEFAULT 0, network TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS exchanged (owner TEXT PRIMARY KEY, at REAL NOT NULL);
"""


def jobs_file(data_dir: Path) -> Path:
    """Where a data folder's table lies."""
    return data_dir / FILE


class DatabaseFault(JobError):
    """The database cannot be used just now; the same call may go through later."""


class Database:
    """The database in one data folder.

    Args:
        data_dir: the data folder, made when it is missing.

    Raises:
        DatabaseFault: the folder cannot be written. So may each transaction.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.path = data_dir, jobs_file(data_dir)
        self._create()

    def _create(self) -> None:
        with self._faults():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as table:
                table.execute("PRAGMA journal_mode=WAL")
                table.executescript(_SCHEMA)

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise DatabaseFault(
                f"The data folder cannot be written ({error}), so nothing can be trained or fitted here: make room or "
                "give another folder, by EXPLORER_DATA."
            ) from None

    @contextlib.contextmanager
    def open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction."""
        if not self.path.exists():  # somebody emptied the data folder
            self._create()
        with self._faults(), contextlib.closing(self._connect()) as table:
            if not write:
                yield table
                return
            table.execute("BEGIN IMMEDIATE")
            try:
                yield table
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    table.execute("ROLLBACK")
                raise
            table.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        table = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        table.row_factory = sqlite3.Row
        table.execute("PRAGMA synchronous=NORMAL")
        return table
