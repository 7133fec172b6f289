"""A map that is being fitted: a row of the table of fits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...projection import ProjectionError, UmapSettings
from ..training.job import JobError, is_count, is_key, is_number

OPEN = ("waiting", "running")


@dataclass(frozen=True)
class Fit:
    """A row of the table.

    Attributes:
        id: of the map it makes; person: the mark of who asked for it; model: its name.
        state: waiting, running, done, stopped or failed.
        progress: 0 to 1; message: what was done about odd codes, or why it failed.
        stopping: whether it was asked to stop and has not ended yet.
    """

    id: str
    person: str
    model: str
    settings: UmapSettings
    state: str
    progress: float
    message: str | None
    stopping: bool

    @classmethod
    def read(cls, row: sqlite3.Row) -> Fit:
        """From a row of the table.

        Raises:
            JobError: the row is not as this version writes it.
        """
        for name, sound in _SOUND.items():
            if not sound(row[name]):
                raise JobError(f"The map that was asked for cannot be read: {name} is damaged.")
        try:
            settings = UmapSettings.from_json(row["settings"])
        except ProjectionError as error:
            raise JobError(f"The map that was asked for cannot be read: {error}") from None
        names = ("state", "progress", "message")
        stopping = bool(row["stop"]) and row["state"] in OPEN
        return cls(row["id"], row["person"], row["model"], settings, *(row[name] for name in names), stopping)


# The columns of a row, each with what a sound value is.
_SOUND: dict[str, Callable[[Any], bool]] = {
    "id": is_key,
    **dict.fromkeys(("person", "model", "settings"), lambda value: isinstance(value, str)),
    "state": lambda value: value in (*OPEN, "done", "stopped", "failed"),
    "progress": lambda value: is_number(value) and 0 <= value <= 1,
    "stop": is_count,
    "message": lambda value: value is None or isinstance(value, str),
}
