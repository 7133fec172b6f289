"""The tables of jobs.sqlite, as an ordered list of changes: `PRAGMA user_version` says how many a file has had.

A change that is released is never edited: what is to be otherwise becomes the next one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from ..files.owners import hide_words, mark_of

# SQL statements, or a function of the connection where SQL is not enough. It is called within a transaction, which it
# must neither commit nor roll back (`executescript` commits).
Migration = str | Callable[[sqlite3.Connection], None]

# Files made before there were versions have these tables too, under version 0.
_FIRST_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, person TEXT NOT NULL, state TEXT NOT NULL,
    wanted TEXT NOT NULL DEFAULT 'run', config TEXT NOT NULL, tensorboard INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL, started REAL, finished REAL, device TEXT, beat REAL,
    attempt INTEGER NOT NULL DEFAULT 0, deaths INTEGER NOT NULL DEFAULT 0, message TEXT,
    notes TEXT NOT NULL DEFAULT '[]', progress TEXT NOT NULL DEFAULT '{}', facts TEXT NOT NULL DEFAULT '{}',
    pace REAL, allowed INTEGER NOT NULL DEFAULT 0, rank REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS workers (device TEXT PRIMARY KEY, pid INTEGER NOT NULL, beat REAL NOT NULL, rates TEXT);
CREATE TABLE IF NOT EXISTS servers (pid INTEGER PRIMARY KEY, beat REAL NOT NULL);
CREATE TABLE IF NOT EXISTS fits (
    id TEXT PRIMARY KEY, person TEXT NOT NULL, model TEXT NOT NULL, settings TEXT NOT NULL, state TEXT NOT NULL,
    progress REAL NOT NULL DEFAULT 0, stop INTEGER NOT NULL DEFAULT 0, message TEXT, created REAL NOT NULL,
    deaths INTEGER NOT NULL DEFAULT 0
);
"""


def _hide_words(table: sqlite3.Connection) -> None:
    """Owners were the very words in people's cookies: rows and names of files hold marks instead, see `owners`.

    Also new: client networks, by which shares are counted, turns of fits, and old words that were exchanged for signed
    ones.
    """
    table.create_function("mark_of", 1, mark_of, deterministic=True)
    for name in ("jobs", "fits"):
        table.execute(f"ALTER TABLE {name} ADD COLUMN network TEXT NOT NULL DEFAULT ''")
        table.execute(f"UPDATE {name} SET person = mark_of(person) WHERE typeof(person) = 'text'")  # else damaged
    table.execute("ALTER TABLE fits ADD COLUMN turn INTEGER NOT NULL DEFAULT 0")
    table.execute("CREATE TABLE exchanged (owner TEXT PRIMARY KEY, at REAL NOT NULL)")
    file = table.execute("PRAGMA database_list").fetchone()[2]
    if file:
        hide_words(Path(file).parent / "tables")


# In order: the first makes version 1 of an empty file, the second version 2 of version 1, and so on.
MIGRATIONS: tuple[Migration, ...] = (_FIRST_TABLES, _hide_words)


def version_of(table: sqlite3.Connection) -> int:
    """Number of the MIGRATIONS that a file has had."""
    return max(int(table.execute("PRAGMA user_version").fetchone()[0]), 0)


def migrate(table: sqlite3.Connection) -> None:
    """Applies what a file has not had yet, all of it or none; of two processes at once the second finds it done.

    Args:
        table: in no transaction, and with isolation_level None.
    """
    table.execute("BEGIN IMMEDIATE")
    try:
        for number, change in enumerate(MIGRATIONS[version_of(table) :], version_of(table) + 1):
            if callable(change):
                change(table)
            else:
                for statement in change.split(";"):
                    table.execute(statement)
            table.execute(f"PRAGMA user_version = {number}")
        table.execute("COMMIT")
    except BaseException:
        if table.in_transaction:
            table.execute("ROLLBACK")
        raise
