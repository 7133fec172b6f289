"""Keeps a worker running for each device while a server is up, and one that fits maps while any waits."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch

from ..leftovers import sweep
from .database import Database
from .fits import Fits
from .job import JobError
from .presence import Presence

LOOK_SECONDS = 2.0
# A worker so long silent is taken for gone; a step of a large network may take a while.
SILENT_SECONDS = 30.0
AGAIN_SECONDS = 60.0
SOON_SECONDS = 5.0  # until another process for maps, where one ended while a map waits
MAPS = "maps"
LOG_FILE = "worker.log"
MAX_LOG_BYTES = 1 << 20


def devices() -> tuple[str, ...]:
    """The devices that get a worker: every GPU, else the processor."""
    if torch.cuda.is_available():
        return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
    return ("mps",) if torch.backends.mps.is_available() else ("cpu",)


class Supervisor:
    """A thread that says that the server lives, and starts a worker where there is none.

    A worker is a process of its own, in a session of its own: Ctrl-C in the server's terminal
    and a restart of the server leave it alone. Its file lock, not this thread, decides that
    there is only one.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._ended = threading.Event()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._again: dict[str, float] = {}
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stops watching; a worker that is busy finishes what it does."""
        self._ended.set()

    def _watch(self) -> None:
        wait = 0.0
        sweep(self.data_dir)
        while not self._ended.wait(wait):
            wait = LOOK_SECONDS
            try:
                database = Database(self.data_dir)
                presence = Presence(database)
                presence.server_beat(os.getpid())
                signs = presence.workers()
                for device in devices():
                    child = self._children.get(device)
                    ended = None if child is None else child.poll()
                    if child is not None and ended is None:
                        continue  # it may still be starting
                    # One that ended of itself found another at work, or cannot start: no use in haste.
                    if ended is not None and ended >= 0 and time.monotonic() < self._again.get(device, 0.0):
                        continue
                    pid, silent = signs.get(device, (0, SILENT_SECONDS))
                    if silent >= SILENT_SECONDS or not _exists(pid):
                        self._children[device] = self._spawn("--device", device)
                        self._again[device] = time.monotonic() + AGAIN_SECONDS
                self._fit_maps(Fits(database))
            except (JobError, OSError, sqlite3.Error) as error:  # such as a full disk: it may pass
                logging.getLogger("explorer").warning("No worker for training: %s", error)
                wait = 30.0

    def _fit_maps(self, fits: Fits) -> None:
        """A worker where a map waits, and where one is being fitted: its own may have died in the midst of it."""
        child, wanted = self._children.get(MAPS), fits.open_states()
        busy = child is not None and child.poll() is None
        if not wanted or busy or time.monotonic() < self._again.get(MAPS, 0.0):
            return
        self._children[MAPS] = self._spawn("--maps")
        self._again[MAPS] = time.monotonic() + (SOON_SECONDS if "waiting" in wanted else AGAIN_SECONDS)

    def _spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        path = self.data_dir / LOG_FILE
        too_long = path.is_file() and path.stat().st_size > MAX_LOG_BYTES
        environment = {**os.environ, "EXPLORER_DATA": str(self.data_dir)}
        with path.open("wb" if too_long else "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "explorer", "worker", *arguments, "--while-served"],
                cwd=Path(__file__).resolve().parents[2],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _exists(pid: int) -> bool:
    """Whether there is a process of this number on this machine."""
    if os.name != "posix":
        return True  # not to be asked by a signal there: the silence tells in the end
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
