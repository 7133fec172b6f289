"""The data folder's database: SQLite with a write-ahead log, a connection for each transaction."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from . import migrations
from .training.job import JobError

FILE = "jobs.sqlite"
BUSY_SECONDS = 15


def jobs_file(data_dir: Path) -> Path:
    """Where a data folder's table lies."""
    return data_dir / FILE


class DatabaseFault(JobError):
    """The database cannot be used just now; the same call may go through later.

    Attributes:
        kind: "damaged", "full", "busy", "unwritable" or "later", see `_SENTENCES`.
    """

    def __init__(self, sentence: str, kind: str = "unwritable") -> None:
        super().__init__(sentence)
        self.kind = kind


# Each with its reason in the place of the braces. A damaged file is never deleted or replaced here.
_SENTENCES = {
    "damaged": (
        f"The list of runs and maps, {FILE} in the data folder, is damaged ({{}}). It was left as it is: stop the "
        f"app, rename {FILE} and the files {FILE}-wal and {FILE}-shm beside it, and start the app again, which begins "
        "a new list. Models, pictures and maps that are done are files of their own and stay."
    ),
    "full": "The disk of the data folder is full ({}), so nothing can be trained or fitted here: make room on it.",
    "busy": (
        f"Another process has kept {FILE} in the data folder for itself ({{}}): try again in a moment. If that does "
        "not help, look for a process that hangs, or for a copy or a backup that is under way."
    ),
    "unwritable": (
        "The data folder cannot be written ({}), so nothing can be trained or fitted here: see that its disk is there "
        "and that the app may write to it, or give another folder, by EXPLORER_DATA."
    ),
}
_KINDS = {
    **dict.fromkeys((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR), "damaged"),
    sqlite3.SQLITE_FULL: "full",
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), "busy"),
}


def _fault(error: OSError | sqlite3.Error) -> DatabaseFault:
    """A sentence by the code of SQLite or of the system rather than by its words."""
    if isinstance(error, OSError):
        kind = "full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "unwritable"
        return DatabaseFault(_SENTENCES[kind].format(error.strerror or error), kind)
    code = getattr(error, "sqlite_errorcode", None)
    kind = "damaged" if code is None else _KINDS.get(code & 0xFF, "unwritable")
    return DatabaseFault(_SENTENCES[kind].format(error), kind)


class Database:
    """The database in one data folder, brought to this version's tables where it is of an earlier one.

    Args:
        data_dir: the data folder, made when it is missing.

    Raises:
        DatabaseFault: the folder cannot be written, or the file is of a later version. So may each transaction.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.path = data_dir, jobs_file(data_dir)
        with self.open():
            pass

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise _fault(error) from None

    @contextlib.contextmanager
    def open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction."""
        with self._faults(), contextlib.closing(self._connect()) as table:
            self._prepare(table)
            if not write:
                yield table
                return
            table.execute("BEGIN IMMEDIATE")
            try:
                self._refuse_later(table)  # another process may have been quicker
                yield table
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    table.execute("ROLLBACK")
                raise
            table.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        self.data_dir.mkdir(parents=True, exist_ok=True)  # somebody may have emptied or moved it
        table = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        table.row_factory = sqlite3.Row
        table.text_factory = _text
        return table

    def _prepare(self, table: sqlite3.Connection) -> None:
        self._refuse_later(table)
        if migrations.version_of(table) < len(migrations.MIGRATIONS):  # a new file, too
            there = self.path.stat().st_size > 0
            _write_ahead(table)
            migrations.migrate(table)
            if there:
                _wipe(table)
        table.execute("PRAGMA synchronous=NORMAL")

    def _refuse_later(self, table: sqlite3.Connection) -> None:
        """Leaves a file alone that this version does not know how to write."""
        found, known = migrations.version_of(table), len(migrations.MIGRATIONS)
        if found > known:
            raise DatabaseFault(
                f"{FILE} in the data folder was written by a later version of this program (its tables have version "
                f"{found}; this one knows versions up to {known}). It was left as it is: use that later version, or "
                "give another folder, by EXPLORER_DATA.",
                "later",
            )


def _text(content: bytes) -> str:
    """A text of the file; one that is damaged costs its own row and not the whole answer."""
    return content.decode("utf-8", "replace")


def _wipe(table: sqlite3.Connection) -> None:
    """Rids the file and its log of what was changed or deleted in it, as far as nobody else uses them just now."""
    with contextlib.suppress(sqlite3.Error):
        table.execute("VACUUM")
        table.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _write_ahead(table: sqlite3.Connection) -> None:
    """Gives the file its write-ahead log. Of two who do so at once one is refused without a wait, so it tries again."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            table.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
