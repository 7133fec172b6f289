"""The process that measures trained models behind whatever is trained next: one for each data folder.

It is the last in everybody's way (`NICENESS`), takes a thread, and ends when nothing is left to measure.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from ...checkpoint.catalogue import kept_folder
from ...checkpoint.data import load_model_data
from ...checkpoint.publish import measure
from ...checkpoint.weights import CheckpointError, load_checkpoint
from ...datasets import Dataset, DatasetError
from ...training.recipes import command_for
from ..database import Database
from ..faults import growing, no_place, until_written
from ..presence import Presence
from ..processes import MEASURING, lock_file
from ..training.job import Job
from .queue import Measurements

NICENESS = 19
BEAT_SECONDS = 1.0
# The test numbers of a run from the page: four draws of z per image instead of sixteen.
SAMPLES = 4


class Gone(Exception):
    """The run was deleted meanwhile."""


def measure_models(data_dir: Path, why: str = "") -> bool:
    """Measures what waits for it; False where another process does already.

    Args:
        why: the last such process ended, see `endings.cause`; "" where nobody knows.
    """
    database = Database(data_dir)
    waiting, presence = Measurements(database), Presence(database)
    try:
        with FileLock(lock_file(data_dir, MEASURING), timeout=0.5):
            torch.distributions.Distribution.set_default_validate_args(False)
            torch.set_num_threads(1)
            if hasattr(os, "nice"):
                os.nice(NICENESS)
            until_written(lambda: presence.worker_beat(MEASURING, os.getpid()))
            until_written(lambda: waiting.orphans(why))
            waits = growing()
            while (job := waiting.claim()) is not None:
                if carry_out(waiting, job, kept_folder()):
                    waits = growing()
                else:
                    time.sleep(next(waits))
            presence.worker_gone(MEASURING)
    except Timeout:
        return False
    return True


def carry_out(waiting: Measurements, job: Job, models: Path) -> bool:
    """Measures one run's model; False where the disk is in the way, so that it waits again."""
    last = time.monotonic()

    def alive(share: float) -> None:
        nonlocal last
        if time.monotonic() - last > BEAT_SECONDS:
            last = time.monotonic()
            if not waiting.report(job, share):
                raise Gone

    note = None
    try:
        folder = models / job.name
        test = load_model_data(load_checkpoint(folder))
        wishes = {"train": _training_images(folder)}
        command = command_for(job.config, f"runs/{job.name}")
        wishes |= {"name": job.name, "command": command, "samples": SAMPLES, "progress": alive}
        try:
            measure(folder, test, device=_device(job), **wishes)
        except torch.OutOfMemoryError:  # what is trained meanwhile has the device's memory
            measure(folder, test, device=torch.device("cpu"), **wishes)
    except Gone:
        return True
    except Exception as error:  # a model that cannot be measured is kept all the same
        if no_place(error):
            logging.getLogger("explorer").warning("Run %s waits to be measured: %s", job.id, error)
            until_written(lambda: waiting.again(job))
            return False
        if isinstance(error, (CheckpointError, DatasetError)):
            logging.getLogger("explorer").warning("Run %s was not measured: %s", job.id, error)
        else:
            logging.getLogger("explorer").error("Run %s was not measured.", job.id, exc_info=error)
        note = f"The model is kept, but it could not be measured ({type(error).__name__})."
    until_written(lambda: waiting.end(job, note))
    return True


def _training_images(folder: Path) -> Dataset | None:
    """The training split of a model; None where it is not there any more."""
    try:
        return load_model_data(load_checkpoint(folder), "train")
    except DatasetError:
        return None


def _device(job: Job) -> torch.device:
    kind = str(job.device or "cpu").partition(":")[0]
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}.get(kind, lambda: False)
    return torch.device(job.device if there() else "cpu")
