"""The database's versions: every file reaches the newest one whole, once, and later ones are left alone."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from explorer.jobs import Database, DatabaseFault, Jobs, jobs_file, migrations
from tests.helpers.places import ROOT

EARLIEST = ROOT / "tests" / "fixtures" / "data_folder_1" / "jobs.sqlite"
NEWEST = len(migrations.MIGRATIONS)


def version(folder: Path) -> int:
    with closing(sqlite3.connect(jobs_file(folder))) as table:
        return migrations.version_of(table)


def tables(path: Path) -> dict[str, list[str]]:
    """The columns of each table, by name."""
    with closing(sqlite3.connect(path)) as table:
        names = [row[0] for row in table.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(row[1] for row in table.execute(f"PRAGMA table_info({name})")) for name in names}


@pytest.fixture
def earliest(tmp_path: Path) -> Path:
    """A folder with a database of before there were versions."""
    shutil.copy(EARLIEST, jobs_file(tmp_path))
    assert version(tmp_path) == 0
    return tmp_path


def test_an_earlier_file_and_a_new_one_end_alike(earliest: Path, tmp_path: Path) -> None:
    new = Database(tmp_path / "new")
    old = Database(earliest)
    assert tables(old.path) == tables(new.path) and version(earliest) == version(tmp_path / "new") == NEWEST
    assert len(Jobs(old).all()) == 5


@pytest.mark.parametrize("value", [b"\xff", "", 5, 2.5, "x" * 100_000])
def test_a_damaged_field_does_not_keep_a_file_from_its_next_version(earliest: Path, value: object) -> None:
    with closing(sqlite3.connect(jobs_file(earliest))) as table:
        for name in ("jobs", "fits"):
            for row in table.execute(f"PRAGMA table_info({name})").fetchall():
                if row[1] not in ("id", "name"):
                    at = f"rowid = (SELECT max(rowid) FROM {name})"
                    table.execute(f"UPDATE {name} SET {row[1]} = ? WHERE {at}", (value,))
        table.commit()
    jobs = Jobs(Database(earliest))
    assert version(earliest) == NEWEST and len(jobs.all()) == 4 and len(jobs.damaged()) == 1


def test_changes_are_applied_once_and_in_order(earliest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    later = (
        "CREATE TABLE later (a TEXT); INSERT INTO later VALUES ('first');",
        lambda table: counted.append(table.execute("UPDATE later SET a = a || ' second'").rowcount),
    )
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, *later))
    for _ in range(3):
        with Database(earliest).open() as table:
            assert [row["a"] for row in table.execute("SELECT a FROM later")] == ["first second"]
    assert counted == [1] and version(earliest) == NEWEST + 2


def test_a_change_that_fails_leaves_the_file_as_it_was(earliest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Database(earliest)
    before = tables(jobs_file(earliest))
    with monkeypatch.context() as patch:
        broken = ("CREATE TABLE half (a TEXT); DELETE FROM jobs;", "INSERT INTO nowhere VALUES (1)")
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, *broken))
        with pytest.raises(DatabaseFault):
            Database(earliest)
        assert tables(jobs_file(earliest)) == before and version(earliest) == NEWEST
    assert len(Jobs(Database(earliest)).all()) == 5


def test_a_file_of_a_later_version_is_refused_and_left_alone(earliest: Path) -> None:
    database = Database(earliest)
    with closing(sqlite3.connect(database.path)) as table:
        table.execute(f"PRAGMA user_version = {NEWEST + 1}")
        table.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = database.path.read_bytes()
    for use in (lambda: Database(earliest), lambda: Jobs(database).all(), lambda: Jobs(database).claim("cpu")):
        with pytest.raises(DatabaseFault, match=f"later version.*version {NEWEST + 1}.*EXPLORER_DATA"):
            use()
    assert database.path.read_bytes() == before


def test_a_later_version_that_comes_meanwhile_is_not_written(earliest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(earliest)
    prepare = database._prepare

    def overtaken(table: sqlite3.Connection) -> None:
        prepare(table)
        with closing(sqlite3.connect(database.path)) as other:
            other.execute(f"PRAGMA user_version = {NEWEST + 1}")

    monkeypatch.setattr(database, "_prepare", overtaken)
    with pytest.raises(DatabaseFault, match="later version"), database.open(write=True) as table:
        table.execute("DELETE FROM jobs")
    with closing(sqlite3.connect(database.path)) as table:
        assert table.execute("SELECT count(*) FROM jobs").fetchone() == (5,)


class Refused(sqlite3.Connection):
    """Refuses the write-ahead log at first, as SQLite does without a wait where another switches to it at once."""

    left = 3

    def execute(self, statement: str, *rest: object) -> sqlite3.Cursor:
        if "journal_mode" in statement and Refused.left:
            Refused.left -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(statement, *rest)


def test_two_who_make_the_write_ahead_log_at_once_are_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Refused))
    with Database(tmp_path).open() as table:
        assert table.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert Refused.left == 0


CODE = """
import sys
from pathlib import Path
from explorer.jobs import Database, migrations
count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
slow = f"{count} INSERT INTO later SELECT i FROM n"
migrations.MIGRATIONS += ("CREATE TABLE later (i INTEGER)", slow)
print("ready", flush=True)
sys.stdin.readline()
with Database(Path(sys.argv[1])).open() as table:
    print(table.execute("SELECT count(*), max(i) FROM later").fetchone()[:])
"""


@pytest.mark.parametrize("fresh", [True, False], ids=["a new file", "an earlier file"])
def test_processes_that_come_at_once_change_a_file_once(tmp_path: Path, fresh: bool) -> None:
    if not fresh:
        shutil.copy(EARLIEST, jobs_file(tmp_path))
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    pipe = subprocess.PIPE
    at_once = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for process in at_once:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in at_once:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0] for process in at_once]
    assert answers == ["(300000, 300000)\n"] * 3
