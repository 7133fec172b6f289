"""The worker process: one for each device and data folder, training one job after another.

Started by the app when there is something to do, or by hand with `python -m explorer worker`.
It holds a file lock for its device, so a second one on the same data folder ends at once; what
its predecessor left in the midst is taken up again from its saved state. One that the app
started ends when it has had nothing to do for a while: it holds half a gigabyte.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from ...checkpoint.catalogue import kept_folder
from ...checkpoint.programs import warm_up_exporter
from ...datasets import load_dataset
from ..database import Database
from ..faults import growing, until_written
from ..measuring.queue import Measurements
from ..presence import Presence
from ..processes import MEASURING, is_there, lock_file, spawn
from .job import JobError
from .rates import measure_rates
from .table import Jobs
from .work import Work

POLL_SECONDS, BEAT_SECONDS = 0.25, 1.0
# One that the app started ends when it has had nothing to do for so long.
IDLE_SECONDS = float(os.environ.get("EXPLORER_IDLE_SECONDS") or 60.0)
# Between two looks, by a worker without a server, for models that nobody measures: a process takes a while to start.
MEASURE_SECONDS = 30.0
# An idle worker that was started by a server ends when no server has shown itself for so long.
UNSERVED_SECONDS = 20.0
# Behind whatever people do on the same machine.
NICENESS = 10


def work(data_dir: Path, device: torch.device, *, while_served: bool, why: str = "") -> bool:
    """Works until interrupted; False where another worker has this device already.

    Args:
        while_served: end too when there is nothing to do for a while, or no server is left.
        why: the device's last worker ended, see `endings.cause`; "" where nobody knows.
    """
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", 0)  # one device, one name: the supervisor numbers them all
    name = str(device)
    database = Database(data_dir)
    jobs, waiting, presence = Jobs(database), Measurements(database), Presence(database)
    try:
        with FileLock(lock_file(data_dir, name), timeout=0.5):
            torch.distributions.Distribution.set_default_validate_args(False)
            if hasattr(os, "nice"):
                os.nice(NICENESS)
            over = threading.Event()
            pulse = threading.Thread(target=_beat, args=(presence, name, over), name="pulse", daemon=True)
            pulse.start()
            try:
                until_written(lambda: jobs.orphans(name, why))
                _serve(jobs, waiting, presence, device, while_served)
            finally:
                over.set()
                pulse.join()
                with contextlib.suppress(JobError):
                    presence.worker_gone(name)
    except Timeout:
        return False
    return True


def _beat(presence: Presence, name: str, over: threading.Event) -> None:
    """Says that the worker lives, also while it reads a large data set or measures a model."""
    while True:
        with contextlib.suppress(JobError):
            presence.worker_beat(name, os.getpid())
        if over.wait(BEAT_SECONDS):
            return


def _serve(jobs: Jobs, waiting: Measurements, presence: Presence, device: torch.device, while_served: bool) -> None:
    name = str(device)
    leisure = _leisure(jobs, presence, device)
    waits, busy, again = growing(), time.monotonic(), 0.0
    while True:
        try:
            job = jobs.claim(name)
            if job is not None:
                logging.getLogger("explorer").info("Run %s: %s.", job.id, job.name)
                went = Work(jobs, job, kept_folder(), device).carry_out()
                busy = time.monotonic()
                if went:
                    waits = growing()
                else:
                    _rest(presence, next(waits), while_served)
            elif not while_served and time.monotonic() > again and waiting.any():
                # With a server it is the supervisor that does so.
                again = time.monotonic() + MEASURE_SECONDS
                if not is_there(jobs.data_dir, MEASURING):
                    spawn(jobs.data_dir, "--measure")
            elif next(leisure, None) is not None:
                continue
            elif while_served and (time.monotonic() - busy > IDLE_SECONDS or not presence.is_served(UNSERVED_SECONDS)):
                return
            else:
                time.sleep(POLL_SECONDS)
        except (JobError, OSError) as error:  # the data folder is full, or away: it may come back
            logging.getLogger("explorer").warning("%s", error)
            _rest(presence, next(waits), while_served)


def _rest(presence: Presence, seconds: float, while_served: bool) -> None:
    """Waits until the disk may be written again; a worker that nobody wants any more leaves its run in the queue."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(BEAT_SECONDS, max(until - time.monotonic(), 0)))
        with contextlib.suppress(JobError):
            if while_served and not presence.is_served(UNSERVED_SECONDS):
                return


def _leisure(jobs: Jobs, presence: Presence, device: torch.device) -> Iterator[str]:
    """Does one thing after another that is of use to later runs, while there is nothing else to do."""
    with contextlib.suppress(Exception):
        load_dataset("mnist")  # in memory when the first run wants it
        yield "data"
    warm_up_exporter()
    yield "exporter"
    name = str(device)
    # What the estimates of a run's length are made from. A GPU that others have filled: they can be done without.
    while not presence.has_rates(name):
        try:
            rates = measure_rates(device, wanted=lambda: not jobs.others_wait())
        except RuntimeError:
            return
        if rates is not None:
            presence.keep_rates(name, rates)
        yield "rates"
