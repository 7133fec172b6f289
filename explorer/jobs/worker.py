"""The worker process: one for each device and data folder, training one job after another.

Started by the app, or by hand with `python -m explorer worker`. It holds a file lock for
its device, so a second one on the same data folder ends at once; what its predecessor left
in the midst is taken up again from its saved state.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from ..datasets import load_dataset
from ..registry import kept_folder
from .database import Database
from .job import JobError
from .presence import Presence
from .rates import measure_rates
from .table import Jobs
from .work import Work

POLL_SECONDS, BEAT_SECONDS, FAULT_SECONDS = 0.25, 1.0, 10.0
# An idle worker that was started by a server ends when no server has shown itself for so long.
UNSERVED_SECONDS = 20.0
# Behind whatever people do on the same machine.
NICENESS = 10


def lock_file(data_dir: Path, device: str) -> Path:
    """Held by the device's worker while it lives."""
    return data_dir / f"worker-{device.replace(':', '-')}.lock"


def work(data_dir: Path, device: torch.device, *, while_served: bool) -> bool:
    """Works until interrupted; False where another worker has this device already.

    Args:
        while_served: end too when there is nothing to do and no server is left.
    """
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", 0)  # one device, one name: the supervisor numbers them all
    name = str(device)
    database = Database(data_dir)
    jobs, presence = Jobs(database), Presence(database)
    try:
        with FileLock(lock_file(data_dir, name), timeout=0):
            torch.distributions.Distribution.set_default_validate_args(False)
            if hasattr(os, "nice"):
                os.nice(NICENESS)
            jobs.orphans(name)
            over = threading.Event()
            pulse = threading.Thread(target=_beat, args=(presence, name, over), name="pulse", daemon=True)
            pulse.start()
            try:
                _serve(jobs, presence, device, while_served)
            finally:
                over.set()
                pulse.join()
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


def _serve(jobs: Jobs, presence: Presence, device: torch.device, while_served: bool) -> None:
    name, measured = str(device), False
    with contextlib.suppress(Exception):
        load_dataset("mnist")  # in memory when the first run wants it
    while True:
        try:
            job = jobs.claim(name)
        except JobError as error:  # the data folder is full, or away: it may come back
            logging.getLogger("explorer").warning("%s", error)
            time.sleep(FAULT_SECONDS)
            continue
        if job is not None:
            logging.getLogger("explorer").info("Run %s: %s.", job.id, job.name)
            Work(jobs, job, kept_folder(), device).carry_out()
        elif not measured:
            # While there is nothing else to do: what the estimates of a run's length are made from.
            measured = True
            with contextlib.suppress(Exception):  # a GPU that others have filled: estimates can be done without
                presence.keep_rates(name, measure_rates(device))
        elif while_served and not presence.is_served(UNSERVED_SECONDS):
            return
        else:
            time.sleep(POLL_SECONDS)
