"""Starts the processes that work for a data folder, when there is work for them, while a server is up."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from ..files.leftovers import sweep
from .database import Database
from .endings import cause, memory_kills
from .maps.table import Fits
from .measuring.queue import Measurements
from .presence import Presence
from .processes import MAPS, MEASURING, is_there, spawn
from .training.job import JobError
from .training.table import Jobs

LOOK_SECONDS, FAULT_SECONDS = 2.0, 30.0
# Until the next try, where a process could not start; and where one for maps ended while a map waits.
AGAIN_SECONDS = 60.0
SOON_SECONDS = 5.0

_expected = threading.Event()


def expect_work() -> None:
    """Tells this server's supervisor to look at once, and to have a worker ready: somebody is about to train."""
    _expected.set()


def devices() -> tuple[str, ...]:
    """The devices that get a worker: every GPU, else the processor."""
    if torch.cuda.is_available():
        return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
    return ("mps",) if torch.backends.mps.is_available() else ("cpu",)


@dataclass
class _Child:
    """A process that was started, and what was so then.

    Attributes:
        again: when another may be started at the earliest, by `time.monotonic`, if this one cannot work.
        pause: seconds until another one, if a signal ends this one before it was seen at work.
        worked: whether it was seen at work.
    """

    process: subprocess.Popen[bytes]
    kills: int
    again: float
    pause: float
    worked: bool = False


class Supervisor:
    """A thread that says that the server lives, and starts a worker where one is wanted and there is none.

    A worker is a process of its own: a restart of the server leaves it alone. Its file lock, not this thread,
    decides that there is only one. None is there while there is nothing to do.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._ended = threading.Event()
        self._children: dict[str, _Child] = {}
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stops watching; a worker that is busy finishes what it does."""
        self._ended.set()
        _expected.set()

    def processes(self) -> list[subprocess.Popen[bytes]]:
        """Those it has started, also those that have ended."""
        return [child.process for child in self._children.values()]

    def _watch(self) -> None:
        wait = 0.0
        sweep(self.data_dir)
        while not self._ended.is_set():
            expected = _expected.wait(wait)
            _expected.clear()
            if self._ended.is_set():
                return
            wait = LOOK_SECONDS
            try:
                database = Database(self.data_dir)
                Presence(database).server_beat(os.getpid())
                self._train(Jobs(database), expected)
                if Measurements(database).any():
                    self._have(MEASURING, "--measure")
                self._fit_maps(Fits(database))
            except (JobError, OSError, sqlite3.Error) as error:  # such as a full disk: it may pass
                logging.getLogger("explorer").warning("No worker for training: %s", error)
                wait = FAULT_SECONDS

    def _train(self, jobs: Jobs, expected: bool) -> None:
        """A worker for each run that waits, as far as there are devices, and for one whose worker is gone."""
        queued, running = jobs.demand()
        wanted = queued or int(expected)
        for device in devices():
            if device in running or wanted > 0:
                self._have(device, "--device", device, "--while-served")
                wanted -= device not in running

    def _fit_maps(self, fits: Fits) -> None:
        """A process where a map waits, and where one is being fitted: its own may have died in the midst of it."""
        wanted = fits.open_states()
        if wanted:
            again = SOON_SECONDS if "waiting" in wanted else AGAIN_SECONDS
            self._have(MAPS, "--maps", "--while-served", again=again)

    def _have(self, name: str, *arguments: str, again: float = AGAIN_SECONDS) -> None:
        """Starts a process unless it is there; one that cannot start, or finds another, is not tried in haste."""
        child, why, pause = self._children.get(name), (), LOOK_SECONDS
        if child is not None:
            code = child.process.poll()
            if code is None:
                child.worked = child.worked or is_there(self.data_dir, name)
                return
            if code < 0 and not child.worked:  # such as a library that crashes as it is imported
                child.again = min(child.again, time.monotonic() + child.pause)
                pause = min(2 * child.pause, AGAIN_SECONDS)
            may_wait = code > 0 or (code == 0 and name == MAPS) or (code < 0 and not child.worked)
            if may_wait and time.monotonic() < child.again:
                return
            why = ("--after", cause(code, memory_kills() - child.kills)) if code else ()
        if is_there(self.data_dir, name):
            return
        kills = memory_kills()
        spawned = spawn(self.data_dir, *arguments, *why)
        self._children[name] = _Child(spawned, kills, time.monotonic() + again, pause)
