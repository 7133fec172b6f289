"""The table of training jobs, shared by servers and workers.

Every change is one short transaction, so two servers, two clicks or two workers cannot
both have their way: a job is claimed by an update that only the first can make.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection
from typing import Any

from ...config import Config
from ...files.names import free_name, is_name, name_from
from ...files.owners import may_change
from ..database import Database
from ..endings import sentence
from ..shares import Share
from .actions import changes_of
from .job import ACTIVE, Job, JobError, not_yours

# Runs that wait, run or pause.
SHARE = Share(of_one=4, of_network=100, of_all=200)
# The same settings by the same person within this time are one click too many.
DOUBLE_CLICK_SECONDS = 3.0
# A worker that ends so often in the midst of one job would do so for ever.
MAX_DEATHS = 3
# A running job that nobody has heard of for so long has no worker, whatever its device.
LOST_SECONDS = 900.0


class Jobs:
    """The jobs in a data folder's database."""

    def __init__(self, database: Database) -> None:
        self._open, self.data_dir = database.open, database.data_dir

    # What people ask for

    def submit(
        self,
        config: Config,
        *,
        person: str,
        name: str | None = None,
        tensorboard: bool = False,
        taken: Collection[str] = (),
        network: str = "",
    ) -> Job:
        """Puts a run at the end of the queue; the same click twice gives the same job.

        Args:
            name: wished for the model; a free one like it is taken.
            taken: names that other models have.
            network: from which it is asked for, see `Share`.

        Raises:
            JobError: this person, the network or everybody together has too many runs under way.
        """
        text, now = config.to_json(), time.time()
        with self._open(write=True) as table:
            again = table.execute(
                "SELECT * FROM jobs WHERE person = ? AND config = ? AND created > ? AND state IN ('queued', 'running')",
                (person, text, now - DOUBLE_CLICK_SECONDS),
            ).fetchone()
            if again:
                return Job.read(again)
            active = table.execute(f"SELECT person, network FROM jobs WHERE state IN {ACTIVE}").fetchall()
            full = SHARE.full(person, network, [(row["person"], row["network"]) for row in active])
            if full == "one":
                raise JobError(
                    f"You have {SHARE.of_one} runs that wait, run or pause: stop one of them, or wait until one is "
                    "done."
                )
            if full:
                raise JobError(f"{len(active)} runs are under way already: try again when some of them are done.")
            used = {row["name"] for row in table.execute("SELECT name FROM jobs")} | set(taken)
            wish = name_from(name) if name else f"{config.training.dataset}-{config.model.latent}d"
            chosen = free_name(wish if is_name(wish) else name_from(wish), used)
            identity = secrets.token_hex(4)
            table.execute(
                "INSERT INTO jobs (id, name, person, network, state, config, tensorboard, created, rank) "
                "VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?)",
                (identity, chosen, person, network, text, int(tensorboard), now, now),
            )
        return self.get(identity)

    def get(self, identity: str) -> Job:
        """One job.

        Raises:
            JobError: there is none of this name.
        """
        with self._open() as table:
            row = table.execute("SELECT * FROM jobs WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise JobError(f"There is no run {identity[:20]!r} here: it may have been deleted.")
        return Job.read(row)

    def owners(self) -> dict[str, str]:
        """The marks of who started each run, by the runs' names."""
        with self._open() as table:
            return {row["name"]: row["person"] for row in table.execute("SELECT name, person FROM jobs")}

    def all(self, limit: int = 200) -> list[Job]:
        """The newest jobs, the newest first, without those that cannot be read, see `damaged`."""
        return self._read_all(limit)[0]

    def damaged(self) -> list[str]:
        """A sentence for each row that cannot be read, damaged or of another version."""
        return self._read_all(-1)[1]

    def names(self) -> dict[str, bool]:
        """The names of all runs, those that cannot be read among them, and whether each may still write its folder."""
        with self._open() as table:
            rows = table.execute("SELECT name, state FROM jobs").fetchall()
        return {str(row["name"]): row["state"] in ACTIVE for row in rows}

    def _read_all(self, limit: int) -> tuple[list[Job], list[str]]:
        with self._open() as table:
            rows = table.execute("SELECT * FROM jobs ORDER BY created DESC, rowid DESC LIMIT ?", (limit,)).fetchall()
        found, damaged = [], []
        for row in rows:
            try:
                found.append(Job.read(row))
            except JobError as error:
                damaged.append(str(error))
        return found, damaged

    def place(self, job: Job) -> int | None:
        """How many queued jobs come up to and including this one; None where it does not wait."""
        if job.state != "queued":
            return None
        with self._open() as table:
            query = "SELECT count(*) FROM jobs WHERE state = 'queued' AND rank <= (SELECT rank FROM jobs WHERE id = ?)"
            return int(table.execute(query, (job.id,)).fetchone()[0])

    def others_wait(self) -> bool:
        """Whether any job is queued."""
        with self._open() as table:
            return table.execute("SELECT 1 FROM jobs WHERE state = 'queued' LIMIT 1").fetchone() is not None

    def ask(self, identity: str, action: str, *, person: str, local: bool = False, pace: float | None = None) -> Job:
        """Pauses, resumes, stops a job, or sets its slow motion.

        Args:
            action: "pause", "resume", "stop", "step" (hold, and one minibatch), "epoch" (hold,
                and one epoch), or "pace" (`pace` steps a second; 0 holds, None is full speed).
            local: the person sits at the machine that serves, and may steer anybody's.

        Raises:
            JobError: it is not this person's, it is over, or the action is not one of these.
        """
        with self._open(write=True) as table:
            row = table.execute("SELECT * FROM jobs WHERE id = ?", (identity,)).fetchone()
            if row is None:
                raise JobError("This run is not here any more.")
            job = Job.read(row)
            if not may_change(job.person, person, local):
                raise JobError(not_yours("run", person))
            changes = changes_of(job, action, pace)
            assignments = ", ".join(f"{column} = ?" for column in changes)
            table.execute(f"UPDATE jobs SET {assignments} WHERE id = ?", (*changes.values(), identity))
        return self.get(identity)

    # What a worker says and asks

    def claim(self, device: str) -> Job | None:
        """The job that has waited longest, now this device's; None where none waits."""
        with self._open(write=True) as table:
            row = table.execute(
                "UPDATE jobs SET state = 'running', device = ?, beat = ?, attempt = attempt + 1, message = NULL, "
                "started = coalesce(started, ?) WHERE rowid = (SELECT rowid FROM jobs WHERE state = 'queued' "
                "ORDER BY rank, rowid LIMIT 1) AND state = 'queued' RETURNING *, rowid AS row",
                (device, time.time(), time.time()),
            ).fetchone()
        if row is None:
            return None
        try:
            return Job.read(row)
        except JobError as error:  # damaged or of another version: nobody can carry it out
            with self._open(write=True) as table:
                query = "UPDATE jobs SET state = 'failed', finished = ?, message = ? WHERE rowid = ?"
                table.execute(query, (time.time(), str(error), row["row"]))
            return self.claim(device)

    def beat(self, job: Job, **values: Any) -> Job | None:
        """Says that the worker lives, with what is new (progress, facts); gives the job as its person wants it now.

        Returns:
            None where the job is no longer this attempt's.
        """
        columns = {name: json.dumps(value) for name, value in values.items()} | {"beat": time.time()}
        assignments = ", ".join(f"{column} = ?" for column in columns)
        with self._open(write=True) as table:
            row = table.execute(
                f"UPDATE jobs SET {assignments} WHERE id = ? AND state = 'running' AND attempt = ? RETURNING *",
                (*columns.values(), job.id, job.attempt),
            ).fetchone()
        return Job.read(row) if row else None

    def forget(self, identity: str, *, person: str, local: bool = False) -> Job:
        """Takes a run that is over out of the table; its files are left to the caller.

        Args:
            local: the person sits at the machine that serves, and may delete anybody's.

        Raises:
            JobError: it is not this person's, or not over.
        """
        job = self.get(identity)
        if not may_change(job.person, person, local):
            raise JobError(not_yours("run", person))
        with self._open(write=True) as table:
            query = f"DELETE FROM jobs WHERE id = ? AND state NOT IN {ACTIVE}"
            if not table.execute(query, (identity,)).rowcount:
                raise JobError(f"This run is still {job.state}: stop it first.")
        return job

    def note(self, job: Job, sentence: str) -> None:
        """Keeps a sentence about what was changed on the way."""
        with self._open(write=True) as table:
            row = table.execute("SELECT notes FROM jobs WHERE id = ?", (job.id,)).fetchone()
            notes = [*json.loads(row["notes"]), sentence] if row else []
            table.execute("UPDATE jobs SET notes = ? WHERE id = ?", (json.dumps(notes[-20:]), job.id))

    def pause(self, job: Job) -> None:
        """Asks for a pause as its person would."""
        with self._open(write=True) as table:
            table.execute("UPDATE jobs SET wanted = 'pause' WHERE id = ?", (job.id,))

    def change(self, job: Job, config: Config) -> None:
        """The settings with which it really runs, where they could not be kept."""
        with self._open(write=True) as table:
            table.execute("UPDATE jobs SET config = ? WHERE id = ?", (config.to_json(), job.id))

    def settle(
        self, job: Job, state: str, message: str | None = None, *, last: bool = False, measure: bool = False
    ) -> None:
        """The end of an attempt: paused, queued again, stopped, failed or done.

        What its person asked for while the pause was being written counts: a run to be
        stopped or gone on with is queued again, and one that gives way to others may be paused.

        Args:
            last: behind all that wait now.
            measure: it has made a model, which waits to be measured.
        """
        with self._open(write=True) as table:
            row = table.execute(
                "SELECT wanted, rank FROM jobs WHERE id = ? AND attempt = ? AND state = 'running'",
                (job.id, job.attempt),
            ).fetchone()
            if row is None:
                return
            wanted = row["wanted"] if state in ("paused", "queued") and row["wanted"] == "stop" else "run"
            if state in ("paused", "queued"):
                state = "paused" if row["wanted"] == "pause" else "queued"
            now = time.time()
            table.execute(
                "UPDATE jobs SET state = ?, message = ?, finished = ?, wanted = ?, beat = ?, rank = ? WHERE id = ?",
                (state, message, None if state in ACTIVE else now, wanted, now, now if last else row["rank"], job.id),
            )
            if measure:
                query = "UPDATE jobs SET facts = json_set(facts, '$.measuring', 'waiting') WHERE id = ?"
                table.execute(query, (job.id,))

    def demand(self) -> tuple[int, set[str]]:
        """Number of queued jobs, and the devices of those that run; a device long silent is not named."""
        with self._open() as table:
            rows = table.execute("SELECT state, device, beat FROM jobs WHERE state IN ('queued', 'running')").fetchall()
        lost = time.time() - LOST_SECONDS
        running = [row for row in rows if row["state"] == "running"]
        silent = sum(1 for row in running if (row["beat"] or 0) < lost)
        return len(rows) - len(running) + silent, {row["device"] for row in running if (row["beat"] or 0) >= lost}

    def orphans(self, device: str, why: str = "") -> None:
        """Queues again what was left running: by this device's last worker, or by one that is long silent.

        Only the holder of the device's lock may ask. A job whose worker ended too often is
        to be stopped by the next one, which makes a model of what was learnt.

        Args:
            why: the device's last worker ended, see `endings.cause`; "" where nobody knows.
        """
        with self._open(write=True) as table:
            table.execute(
                "UPDATE jobs SET state = 'queued', deaths = deaths + 1, "
                "facts = CASE WHEN json_valid(facts) THEN json_set(facts, '$.ended', ?) ELSE facts END, "
                "wanted = CASE WHEN deaths + 1 >= ? THEN 'stop' ELSE wanted END "
                "WHERE state = 'running' AND (device = ? OR beat < ?)",
                (why, MAX_DEATHS, device, time.time() - LOST_SECONDS),
            )
            table.execute(
                "UPDATE jobs SET state = 'failed', finished = ?, message = ? WHERE state = 'queued' AND deaths > ?",
                (time.time(), sentence("this run", MAX_DEATHS + 1, why), MAX_DEATHS),
            )
