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

from ..config import Config
from ..names import free_name, is_name, name_from
from .database import Database
from .job import ACTIVE, Job, JobError

# A person's runs that wait or run at once, and everybody's.
MAX_ACTIVE, MAX_QUEUE = 4, 100
# The same settings by the same person within this time are one click too many.
DOUBLE_CLICK_SECONDS = 3.0
# A worker that ends so often in the midst of one job would do so for ever.
MAX_DEATHS = 3
LONGEST_PACE = 1_000.0


class Jobs:
    """The jobs in a data folder's database."""

    def __init__(self, database: Database) -> None:
        self._open = database.open

    # What people ask for

    def submit(
        self,
        config: Config,
        *,
        person: str,
        name: str | None = None,
        tensorboard: bool = False,
        taken: Collection[str] = (),
    ) -> Job:
        """Puts a run at the end of the queue; the same click twice gives the same job.

        Args:
            name: wished for the model; a free one like it is taken.
            taken: names that other models have.

        Raises:
            JobError: this person, or everybody together, has too many runs under way.
        """
        text, now = config.to_json(), time.time()
        with self._open(write=True) as table:
            again = table.execute(
                "SELECT * FROM jobs WHERE person = ? AND config = ? AND created > ? AND state IN ('queued', 'running')",
                (person, text, now - DOUBLE_CLICK_SECONDS),
            ).fetchone()
            if again:
                return Job.read(again)
            states = [row["person"] for row in table.execute(f"SELECT person FROM jobs WHERE state IN {ACTIVE}")]
            if states.count(person) >= MAX_ACTIVE:
                raise JobError(
                    f"You have {MAX_ACTIVE} runs that wait, run or pause: stop one of them, or wait until one is done."
                )
            if len(states) >= MAX_QUEUE:
                raise JobError(f"{MAX_QUEUE} runs are waiting already: try again when some of them are done.")
            used = {row["name"] for row in table.execute("SELECT name FROM jobs")} | set(taken)
            wish = name_from(name) if name else f"{config.training.dataset}-{config.model.latent}d"
            chosen = free_name(wish if is_name(wish) else name_from(wish), used)
            identity = secrets.token_hex(4)
            table.execute(
                "INSERT INTO jobs (id, name, person, state, config, tensorboard, created, rank) "
                "VALUES (?, ?, ?, 'queued', ?, ?, ?, ?)",
                (identity, chosen, person, text, int(tensorboard), now, now),
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

    def all(self, limit: int = 200) -> list[Job]:
        """The newest jobs, the newest first."""
        with self._open() as table:
            rows = table.execute("SELECT * FROM jobs ORDER BY created DESC, rowid DESC LIMIT ?", (limit,)).fetchall()
        return [Job.read(row) for row in rows]

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

    def ask(self, identity: str, action: str, *, person: str, pace: float | None = None) -> Job:
        """Pauses, resumes, stops a job, or sets its slow motion.

        Args:
            action: "pause", "resume", "stop", "step" (hold, and one minibatch), "epoch" (hold,
                and one epoch), or "pace" (`pace` steps a second; 0 holds, None is full speed).

        Raises:
            JobError: it is not this person's, it is over, or the action is not one of these.
        """
        with self._open(write=True) as table:
            row = table.execute("SELECT * FROM jobs WHERE id = ?", (identity,)).fetchone()
            if row is None:
                raise JobError("This run is not here any more.")
            job = Job.read(row)
            if job.person != person:
                raise JobError("This run is somebody else’s: you can watch it, and duplicate it to change something.")
            changes = _changes(job, action, pace)
            assignments = ", ".join(f"{column} = ?" for column in changes)
            table.execute(f"UPDATE jobs SET {assignments} WHERE id = ?", (*changes.values(), identity))
        return self.get(identity)

    # What a worker says and asks

    def claim(self, device: str) -> Job | None:
        """The job that has waited longest, now this device's; None where none waits."""
        with self._open(write=True) as table:
            row = table.execute(
                "UPDATE jobs SET state = 'running', device = ?, beat = ?, attempt = attempt + 1, message = NULL, "
                "started = coalesce(started, ?) WHERE id = (SELECT id FROM jobs WHERE state = 'queued' "
                "ORDER BY rank, rowid LIMIT 1) AND state = 'queued' RETURNING *",
                (device, time.time(), time.time()),
            ).fetchone()
        return Job.read(row) if row else None

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

    def settle(self, job: Job, state: str, message: str | None = None) -> None:
        """The end of an attempt: paused, stopped, failed, done, or queued again."""
        finished = None if state in ACTIVE else time.time()
        with self._open(write=True) as table:
            table.execute(
                "UPDATE jobs SET state = ?, message = ?, finished = ?, wanted = 'run', beat = ? "
                "WHERE id = ? AND attempt = ? AND state = 'running'",
                (state, message, finished, time.time(), job.id, job.attempt),
            )

    def orphans(self, device: str) -> None:
        """Queues again what a worker of this device left running when it ended; only its successor may ask."""
        with self._open(write=True) as table:
            table.execute(
                "UPDATE jobs SET state = 'queued', deaths = deaths + 1 WHERE state = 'running' AND device = ?",
                (device,),
            )
            table.execute(
                "UPDATE jobs SET state = 'failed', finished = ?, message = ? WHERE state = 'queued' AND deaths >= ?",
                (
                    time.time(),
                    f"The worker process ended {MAX_DEATHS} times in the midst of this run, perhaps for want of "
                    "memory: try a smaller network, batch or image size. What was learnt so far is kept.",
                    MAX_DEATHS,
                ),
            )


def _changes(job: Job, action: str, pace: float | None) -> dict[str, Any]:
    """What an action changes in the row."""
    if job.state not in ACTIVE:
        raise JobError(f"This run is {job.state}, so there is nothing to {action}.")
    if action == "pause":
        return {"wanted": "pause"} if job.state == "running" else {"state": "paused"}
    if action == "resume":
        if job.state == "paused":
            return {"state": "queued", "wanted": "run", "pace": None, "deaths": 0}
        return {"wanted": "run", "pace": None}
    if action == "stop":
        if job.state == "running":
            return {"wanted": "stop"}
        if job.attempt:  # it has learnt something: a worker makes a model of it
            return {"state": "queued", "wanted": "stop", "rank": 0.0}
        return {"state": "stopped", "finished": time.time(), "message": "It was stopped before it had begun."}
    held = {"pace": 0.0, "wanted": "run"} | ({"state": "queued"} if job.state == "paused" else {})
    if action == "step":
        return held | {"allowed": max(job.allowed, job.step) + 1}
    if action == "epoch":
        return held | {"allowed": max(job.allowed, job.step) + int(job.facts.get("steps_per_epoch", 1))}
    if action == "pace":
        if pace is not None and not 0 <= pace <= LONGEST_PACE:  # false for NaN too
            raise JobError(f"A pace is between 0 and {LONGEST_PACE:g} steps a second.")
        return held | {"pace": pace, "allowed": 0}
    raise JobError(f"There is nothing called {action[:20]!r} to do with a run.")
