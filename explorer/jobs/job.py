"""One training job as the table keeps it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from ..config import Config

# What may still go on; the other states, stopped, failed and done, are ends.
ACTIVE = ("queued", "running", "paused")


class JobError(ValueError):
    """Something that cannot be done with a job; the message says why."""


def not_yours(thing: str, person: str) -> str:
    """The sentence for whoever may not steer a "run" or a "map".

    Args:
        person: the mark of who asks, "" for nobody.
    """
    if not person:
        return f"Your browser sends no cookie, so it is not known which {thing}s are yours: allow cookies and reload."
    return f"View only. The person who started this {thing} controls it."


@dataclass(frozen=True)
class Job:
    """A row of the table.

    Attributes:
        id: eight hexadecimal digits; name: of the model it makes, and of its folder.
        person: who may steer it, a mark of `explorer.owners`.
        state: queued, running, paused, stopped, failed or done.
        wanted: "run", "pause" or "stop", what its person asks for.
        config: what is trained.
        created, started, finished: seconds since 1970.
        device: where it runs or ran; beat: when the worker last said that it is alive.
        attempt: how often it was taken up; deaths: how often a worker ended in the midst of it.
        message: why it failed, or what it waits for; notes: what was changed on the way.
        progress: the newest report, as metrics.jsonl has it, without the KL per dimension.
        facts: steps_per_epoch, speed and what the held-out files hold; `measuring` while its model waits to be
            measured, or the share that is done; `ended`, why its worker ended last in the midst of it.
        pace: steps a second in slow motion; 0 holds, None is full speed.
        allowed: in a held run, the step up to which it may go.
        rank: of its place in the queue, the lowest first.
    """

    id: str
    name: str
    person: str
    state: str
    wanted: str
    config: Config
    tensorboard: bool
    created: float
    started: float | None
    finished: float | None
    device: str | None
    beat: float | None
    attempt: int
    deaths: int
    message: str | None
    notes: tuple[str, ...]
    progress: dict[str, Any]
    facts: dict[str, Any]
    pace: float | None
    allowed: int
    rank: float

    @property
    def step(self) -> int:
        """Steps done, as far as was reported."""
        return int(self.progress.get("step", 0))

    @classmethod
    def read(cls, row: sqlite3.Row) -> Job:
        """From a row of the table.

        Raises:
            JobError: the row is not as this version writes it.
        """
        values = dict(row)
        try:
            values["config"] = Config.from_json(values["config"])
            values["notes"] = tuple(json.loads(values["notes"]))
            values["progress"], values["facts"] = json.loads(values["progress"]), json.loads(values["facts"])
        except ValueError as error:
            raise JobError(f"The run {values['name']} cannot be read: {error}") from None
        values["tensorboard"] = bool(values["tensorboard"])
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})
