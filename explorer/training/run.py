"""A training run as a function of a configuration, a data set and a folder.

The folder holds metrics.jsonl (a line a report), training.safetensors (to resume from)
and, once the run ends or is stopped, the checkpoint.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from ..checkpoint.weights import save_checkpoint
from ..config import Config
from ..datasets import Dataset
from ..models import VAE, build
from .heldout import HeldOut
from .loop import Progress, train
from .loop import start as start_state
from .metrics import METRICS_FILE, Writer, keep_reports, open_writers
from .reporting import Cadence, Thrift
from .speed import Speed, choose_speed
from .state import STATE_FILE, is_sound, load_state, save_state, sweep

# A long run's curve needs no more points than a short one's.
METRICS_SHARE = 1 / 400
# In slow motion every report is wanted, but no more of them than an eye can tell apart.
SLOW_SECONDS, SLOW_ROWS = 0.2, 4_000
# Of the time: for the terms of held-out images, and for keeping a state to resume from.
HELDOUT_SHARE, SAVE_SHARE = 0.04, 0.02
SAVE_SECONDS = float(os.environ.get("EXPLORER_SAVE_SECONDS") or 5.0)


class Run:
    """One run: `for progress in run: ...`, then `run.finish()`.

    Stopping is leaving the loop: everything up to the last whole step is kept.

    Args:
        config: model and training; the model's image shape must be the data set's.
        dataset: the training split.
        folder: where the run lives; made when it is missing.
        device: where to compute.
        resume: go on from the folder's saved state, with the same arithmetic.
        threads, bfloat16: of the arithmetic; left out, as in the saved state, else timed.
        heldout: a split whose first images are measured along the way.
        cadence: how often it reports, see `Cadence`.
        tensorboard: write event files too.

    Attributes:
        kept: the step of the saved state.

    Raises:
        CheckpointError: nothing usable to resume from.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        folder: Path,
        device: torch.device,
        *,
        resume: bool = False,
        threads: int | None = None,
        bfloat16: bool | None = None,
        heldout: Dataset | None = None,
        cadence: Cadence | None = None,
        tensorboard: bool = False,
    ) -> None:
        self.config, self.folder, self.dataset = config, folder, dataset
        self.cadence, self.tensorboard = cadence or Cadence(), tensorboard
        self.model: VAE = build(config.model, seed=config.training.seed).to(device)
        self.images = dataset.images.to(device)
        self.state = (
            load_state(folder, self.model, config, device, dataset.sha256)
            if resume
            else start_state(self.model, config.training, device)
        )
        self.heldout = HeldOut(heldout, config.training.binarisation, device) if heldout else None
        if self.state.speed is None or threads is not None or bfloat16 is not None:
            kept = self.state.speed
            self.state.speed = choose_speed(
                self.model,
                self.images,
                config.training.batch_size,
                threads=kept.threads if kept and threads is None else threads,
                bfloat16=kept.bfloat16 if kept and bfloat16 is None else bfloat16,
            )
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        keep_reports(folder / METRICS_FILE, self.state.step)
        self.kept = self.state.step
        self._measuring = Thrift(HELDOUT_SHARE)
        self._saving = Thrift(SAVE_SHARE, SAVE_SECONDS)

    @property
    def speed(self) -> Speed:
        """Threads and precision, the same from the run's first step to its last."""
        assert self.state.speed is not None
        return self.state.speed

    @property
    def steps_per_epoch(self) -> int:
        return max(len(self.images) // min(self.config.training.batch_size, len(self.images)), 1)

    def __iter__(self) -> Iterator[Progress]:
        with open_writers(self.folder, tensorboard=self.tensorboard) as writers:
            yield from self._reports(writers)

    def _reports(self, writers: list[Writer]) -> Iterator[Progress]:
        due, written, slow = 0.0, -math.inf, 0
        waiting: Progress | None = None
        steps = train(self.model, self.config.training, self.images, self.state, self.speed, self.cadence)
        try:
            for progress in steps:
                now = time.monotonic()
                extra = self.cadence.steps is not None and now - written >= SLOW_SECONDS and slow < SLOW_ROWS
                if progress.fraction >= due or extra:
                    slow += extra
                    progress, waiting = self._measured(progress), None
                    for writer in writers:
                        writer.write(progress)
                    written, due = now, min(progress.fraction + METRICS_SHARE, 1.0)
                else:
                    waiting = progress
                yield progress
                if self._saving.due():
                    with self._saving.spending(), self._beside():
                        self.save()
        finally:
            if waiting is not None:  # where the run was left, its last report is kept too
                for writer in writers:
                    writer.write(waiting)

    def _measured(self, progress: Progress) -> Progress:
        """The report with the held-out terms in it, where it is time for them."""
        if self.heldout is None or not (self._measuring.due() or progress.fraction >= 1):
            return progress
        with self._measuring.spending(), self._beside():
            log_likelihood, kl, active = self.heldout.measure(self.model)
        if not math.isfinite(log_likelihood - kl):
            return progress
        return dataclasses.replace(
            progress,
            heldout_log_likelihood=log_likelihood,
            heldout_kl=kl,
            heldout_elbo=log_likelihood - kl,
            heldout_active=active,
        )

    def _beside(self) -> contextlib.AbstractContextManager[None]:
        """Around what is done between two steps: in slow motion, of which it is the greater part, it is not counted."""
        return contextlib.nullcontext() if self.cadence.steps is None else self.cadence.holding()

    def save(self) -> None:
        """Keeps the run's state, so that it can be resumed from here; a state that is not finite is not kept."""
        if is_sound(self.model):
            save_state(self.folder, self.model, self.config, self.state, self.dataset.sha256)
            self.kept = self.state.step

    def finish(self, *, whole: bool) -> Config:
        """Writes the checkpoint and gives its configuration, with the run's facts in it.

        Args:
            whole: the budget was spent. The state is kept beside until `discard_state`.
        """
        provenance = {
            "data_sha256": self.dataset.sha256,
            "steps": self.state.step,
            "epochs": round(self.state.step / self.steps_per_epoch, 2),
            "seconds": round(self.state.elapsed, 1),
            "finished": whole,
            "speed": dataclasses.asdict(self.speed),
            "torch": torch.__version__,
        }
        config = dataclasses.replace(self.config, provenance=provenance)
        self.model.eval()
        save_checkpoint(self.folder, self.model, config)
        self.save()
        return config

    def discard_state(self) -> None:
        """Drops what a run could be resumed from: it is whole, and all is made of it."""
        (self.folder / STATE_FILE).unlink(missing_ok=True)
