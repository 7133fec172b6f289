"""One training job as the table keeps it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...config import Config
from ...files.names import is_name

# What may still go on; the other states, stopped, failed and done, are ends.
ACTIVE = ("queued", "running", "paused")
STATES = (*ACTIVE, "stopped", "failed", "done")
WANTED = ("run", "pause", "stop")


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
        person: who may steer it, a mark of `explorer.files.owners`.
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
            for name, sound in _SOUND.items():
                if not sound(values[name]):
                    raise ValueError(f"{name} is damaged")
            values["config"] = Config.from_json(values["config"])
            values["notes"] = tuple(read_json(values["notes"], list))
            values["progress"], values["facts"] = (read_json(values[name], dict) for name in ("progress", "facts"))
            _check(values["notes"], values["progress"], values["facts"])
        except (ValueError, KeyError, RecursionError) as error:
            raise JobError(f"The run {str(values.get('name'))[:60]!r} cannot be read: {str(error)[:300]}") from None
        values["tensorboard"] = bool(values["tensorboard"])
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})


def is_number(value: Any) -> bool:
    """Whether a value of a row or of JSON is a finite number of a size that times and steps can have."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def is_count(value: Any) -> bool:
    """Whether a value is a whole number from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15


def _or_none(sound: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or sound(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) < 1 << 20


def is_key(value: Any) -> bool:
    """Whether a value can name a row: it stands in addresses and in names of files."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{1,64}", value) is not None


# The columns of a row, each with what a sound value is.
_SOUND: dict[str, Callable[[Any], bool]] = {
    "id": is_key,
    "name": lambda value: isinstance(value, str) and is_name(value),  # the name of a folder, too
    "state": lambda value: value in STATES,
    "wanted": lambda value: value in WANTED,
    **dict.fromkeys(("person", "config", "notes", "progress", "facts"), _is_text),
    **dict.fromkeys(("device", "message"), _or_none(_is_text)),
    **dict.fromkeys(("attempt", "deaths", "allowed", "tensorboard"), is_count),
    **dict.fromkeys(("created", "rank"), is_number),
    **dict.fromkeys(("started", "finished", "beat", "pace"), _or_none(is_number)),
}
# What is counted, compared or shown of a worker's reports.
_PROGRESS = (
    *("step", "epoch", "fraction", "elapsed", "remaining", "images_per_second", "log_likelihood", "kl", "elbo"),
    *("learning_rate", "beta", "heldout_log_likelihood", "heldout_kl", "heldout_elbo", "heldout_active"),
)
_FACTS: dict[str, Callable[[Any], bool]] = {
    "steps_per_epoch": is_count,
    "images": is_count,
    **dict.fromkeys(("data_sha256", "speed", "device"), _is_text),
    "heldout": lambda value: isinstance(value, dict),
}


def read_json(text: str, kind: type) -> Any:
    """JSON text that must hold a list or an object. Raises ValueError where it does not, or holds NaN or infinity."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number")

    found = json.loads(text, parse_constant=refuse)
    if not isinstance(found, kind):
        raise ValueError(f"{str(found)[:40]} stands where a {kind.__name__} should")
    return found


def _check(notes: tuple[Any, ...], progress: dict[str, Any], facts: dict[str, Any]) -> None:
    """Raises ValueError where what a worker reported is not of the kinds that it reports."""
    if not all(map(_is_text, notes)):
        raise ValueError("notes are damaged")
    if not all(progress.get(name) is None or is_number(progress[name]) for name in _PROGRESS):
        raise ValueError("progress is damaged")
    if not all(_FACTS[name](facts[name]) for name in _FACTS.keys() & facts.keys()):
        raise ValueError("facts are damaged")
