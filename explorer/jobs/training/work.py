"""One claimed job carried out, from its first step or its saved state to a model one can open."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import time
from pathlib import Path

import torch

from ...checkpoint.programs import warm_up_exporter
from ...checkpoint.publish import open_up
from ...checkpoint.weights import CheckpointError
from ...config import Config, ConfigError
from ...datasets import Dataset, DatasetError, load_dataset
from ...training import STATE_FILE, Cadence, MetricsError, Progress, Run, TrainingDiverged
from ...training.recipes import command_for
from ..database import DatabaseFault
from ..endings import sentence
from ..faults import no_place, until_written
from .job import Job
from .pacing import Pacer
from .snapshots import Snapshots
from .table import MAX_DEATHS, Jobs

# While others wait a run gives way after so long, and goes to the end of the queue.
TURN_SECONDS = float(os.environ.get("EXPLORER_TURN_SECONDS") or 120.0)
QUEUE_SECONDS = 1.0
# What makes a model of a run takes seconds to import: by this share of the budget it is there.
WARM_SHARE = 0.5
# A worker that has lived so long with a job was not killed by it.
SETTLED_SECONDS = 60.0
_HELD_OUT = ("heldout_log_likelihood", "heldout_kl", "heldout_elbo")


class Lost(Exception):
    """The job is no longer this worker's."""


class Work:
    """A job under way.

    Args:
        jobs: the table; job: the one that was claimed.
        models: the folder that holds a folder for each model.
        device: where to compute.
    """

    def __init__(self, jobs: Jobs, job: Job, models: Path, device: torch.device) -> None:
        self.jobs, self.job, self.device = jobs, job, device
        self.folder = models / job.name
        self._held_out: dict[str, object] = {}
        self._made = False
        self._began = self._looked = time.monotonic()

    def carry_out(self) -> bool:
        """Runs until the job is done, paused, stopped, failed or has given way, and says so in the table.

        Returns:
            False where the disk is full or away: the job waits as it was last kept, to be tried again after a while.
        """
        try:
            trained = self._trained()
            if trained is not None:
                self._make_model(*trained)
        except Lost:
            return True
        except Exception as error:  # whatever it is, the worker lives on and the person reads a sentence
            reason, explained = no_place(error), ""
            if reason is None:
                try:
                    explained = self._explain(error)
                except Exception as fault:  # no place for what was to be kept
                    reason = no_place(fault) or str(fault)
            if reason is not None:
                self._hold(reason)
                return False
            until_written(lambda: self.jobs.settle(self.job, "failed", explained, measure=self._made))
        return True

    def _hold(self, reason: str) -> None:
        said = (
            f"A file could not be written ({reason}): make room on the disk. The run is held as it was last kept, and "
            "tried again by itself after a while."
        )
        logging.getLogger("explorer").warning("Run %s is held: %s.", self.job.id, reason)
        until_written(lambda: self.jobs.settle(self.job, "queued", said))

    def _explain(self, error: Exception) -> str:
        """What went wrong, and what to do, in a sentence or two."""
        if isinstance(error, TrainingDiverged):
            return f"{error} {self._keep_last()}"
        if isinstance(error, (DatasetError, CheckpointError, ConfigError, MetricsError)):
            return str(error)
        if isinstance(error, MemoryError):
            return "The memory of this machine was not enough: try a smaller network."
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            return (
                f"A file could not be written or read ({reason}): look after the data folder, then duplicate this run."
            )
        logging.getLogger("explorer").error("Run %s failed.", self.job.id, exc_info=error)
        return f"Something unforeseen went wrong ({type(error).__name__}): see the worker’s log."

    def _trained(self) -> tuple[Run, Dataset, bool] | None:
        """The run, its test split and whether its budget was spent; None where it was paused."""
        while True:
            try:
                return self._train()
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
            self._halve()  # not above: the error's traceback holds the run, and its memory

    def _train(self) -> tuple[Run, Dataset, bool] | None:
        config = self.job.config
        train, test = (load_dataset(config.training.dataset, split) for split in ("train", "test"))
        if train.image_shape != config.model.image_shape:
            raise DatasetError(
                f"The pictures of {config.training.dataset} have the shape {train.image_shape}; "
                f"this run was made for {config.model.image_shape}."
            )
        cadence = Cadence()
        if self.job.pace is not None:
            cadence.steps = 1  # held from its first step on
        resume = (self.folder / STATE_FILE).is_file()
        run = Run(
            config,
            train,
            self.folder,
            self.device,
            resume=resume,
            heldout=test,
            cadence=cadence,
            tensorboard=self.job.tensorboard,
        )
        snapshots = Snapshots(self.folder, run.heldout, config.model.latent, run.state.step)
        if not resume:
            run.save()
            snapshots.take(run.model, 0, 0.0, 0.0)
        facts = {
            "steps_per_epoch": run.steps_per_epoch,
            "images": len(train),
            "data_sha256": train.sha256,
            "speed": run.speed.reason,
            "device": self.device.type,
            "heldout": snapshots.facts,
        }
        facts |= {"ended": self.job.facts["ended"]} if self.job.facts.get("ended") else {}
        self._beat(facts=facts)
        whole = self._steps(run, snapshots)
        return None if whole is None else (run, test, whole)

    def _steps(self, run: Run, snapshots: Snapshots) -> bool | None:
        """True when the budget was spent, False when it was stopped, None when it was paused."""
        first = run.kept
        if self.job.wanted != "run":
            return self._leave(run, snapshots)
        pacer = Pacer(self.jobs, run.cadence)
        for progress in run:
            slow = run.cadence.steps is not None
            # In slow motion what is done beside the steps would use up most of a budget in seconds.
            with run.cadence.holding() if slow else contextlib.nullcontext():
                snapshots.maybe(run.model, progress, slow=slow)
            # What goes on from a later state each time comes to its end, however often its worker is killed.
            settled = time.monotonic() - self._began > SETTLED_SECONDS or run.kept > first
            self._report(progress, **({"deaths": 0} if settled else {}))
            if progress.fraction >= 1:
                return True
            if progress.fraction >= WARM_SHARE:
                with run.cadence.holding():
                    warm_up_exporter()
            if self.job.pace is not None or slow:
                with run.cadence.holding():
                    self.job = pacer.hold(self.job, progress.step) or self._lost()
            if self.job.wanted != "run":
                return self._leave(run, snapshots)
            if self.job.pace is None and self._others_are_due():
                return self._give_way(run, snapshots)
        return True

    def _others_are_due(self) -> bool:
        """Whether this run has had its turn, and others wait."""
        now = time.monotonic()
        if now - self._began < TURN_SECONDS or now - self._looked < min(QUEUE_SECONDS, TURN_SECONDS):
            return False
        self._looked = now
        return self.jobs.others_wait()

    def _give_way(self, run: Run, snapshots: Snapshots) -> None:
        """Keeps the run, and puts it behind all that wait: its budget counts its own seconds alone."""
        self._keep(run, snapshots)
        said = "It has had its turn and gave way to others that wait. It goes on by itself, from where it was."
        self.jobs.settle(self.job, "queued", said, last=True)

    def _keep(self, run: Run, snapshots: Snapshots) -> None:
        run.save()
        snapshots.take(run.model, run.state.step, run.state.step / run.steps_per_epoch, run.state.elapsed)

    def _leave(self, run: Run, snapshots: Snapshots) -> bool | None:
        self._keep(run, snapshots)
        if self.job.wanted == "pause":
            # Whoever pauses after a whole turn has had it.
            self.jobs.settle(self.job, "paused", last=time.monotonic() - self._began > TURN_SECONDS)
            return None
        return False

    def _make_model(self, run: Run, test: Dataset, whole: bool) -> None:
        """Writes the checkpoint and what opening it needs; it is measured afterwards, see `measuring`."""
        ended = time.monotonic()
        config = run.finish(whole=whole)
        state, message = ("done" if whole else "stopped"), None
        if self.job.deaths >= MAX_DEATHS:
            said = sentence("this run", self.job.deaths, self.job.facts.get("ended", ""))
            state, message = "failed", f"{said} What it had learnt by step {run.state.step:,} is kept."
        message = self._open_up(config, test) or message
        self.jobs.settle(self.job, state, message, measure=self._made)
        seconds = time.monotonic() - ended
        logging.getLogger("explorer").info("Run %s can be opened, %.1f s after its last step.", self.job.id, seconds)
        if whole:
            run.discard_state()  # not before: a worker that ends in between need not train again

    def _open_up(self, config: Config, test: Dataset) -> str | None:
        """Makes the checkpoint a model that can be opened; a sentence where something of it could not be made."""
        try:
            open_up(self.folder, test, name=self.job.name, command=command_for(config, f"runs/{self.job.name}"))
            self._made = True
        except Exception as error:
            if no_place(error):
                raise
            logging.getLogger("explorer").error("Run %s was not made ready.", self.job.id, exc_info=error)
            return f"The model is kept, but not all that belongs to it could be made ({type(error).__name__})."
        return None

    def _keep_last(self) -> str:
        """Makes a model of the last good state, where there is one; says what became of it."""
        nothing = "It had not learnt anything worth keeping yet."
        if not (self.folder / STATE_FILE).is_file():
            return nothing
        try:
            train, test = (load_dataset(self.job.config.training.dataset, split) for split in ("train", "test"))
            run = Run(self.job.config, train, self.folder, self.device, resume=True, threads=1, bfloat16=False)
            if not run.state.step:
                return nothing
            self._open_up(run.finish(whole=False), test)
        except Exception as error:
            if no_place(error):
                raise
            logging.getLogger("explorer").error("Run %s was not kept.", self.job.id, exc_info=error)
            return f"Its last good state could not be made a model ({type(error).__name__})."
        return f"The last good state, of step {run.state.step:,}, is kept as the model {self.job.name}."

    def _halve(self) -> None:
        """Out of the device's memory: the same run with half the images a step, from where it was."""
        config = self.job.config
        half = config.training.batch_size // 2
        if half < 1:
            raise MemoryError
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        smaller: Config = dataclasses.replace(config, training=dataclasses.replace(config.training, batch_size=half))
        # A saved state counts its steps in images of the old batch: this one begins anew.
        (self.folder / STATE_FILE).unlink(missing_ok=True)
        self.jobs.change(self.job, smaller)
        self.jobs.note(
            self.job,
            f"The memory of {self.device.type} was not enough for {config.training.batch_size} images per step, so it "
            f"began again with {half}.",
        )
        self.job = dataclasses.replace(self.job, config=smaller)

    def _short(self, progress: Progress) -> dict[str, object]:
        """A report for the table: without the long part, and with the held-out terms last measured."""
        facts = dataclasses.asdict(progress)
        del facts["kl_per_dimension"]
        self._held_out |= {name: facts[name] for name in _HELD_OUT if facts[name] is not None}
        return facts | self._held_out

    def _report(self, progress: Progress, **values: object) -> None:
        try:
            self._beat(progress=self._short(progress), **values)
        except DatabaseFault as error:  # a report can be missed, and an order be heard a moment later
            logging.getLogger("explorer").warning("Run %s was not reported: %s", self.job.id, error)

    def _beat(self, **values: object) -> None:
        self.job = self.jobs.beat(self.job, **values) or self._lost()

    def _lost(self) -> Job:
        raise Lost


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether a device's memory was not enough: on a CPU torch has no error of its own for that."""
    said = str(error)  # also on Apple's GPUs
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in said or "out of memory" in said
