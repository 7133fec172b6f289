"""A training run as a function of a configuration, a data set and a folder.

The folder holds metrics.jsonl (a line a report), training.safetensors (to resume from)
and, once the run ends or is stopped, the checkpoint.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from ..checkpoint import save_checkpoint, write_file
from ..config import Config
from ..datasets import Dataset
from ..models import VAE, build
from .loop import Progress, train
from .loop import start as start_state
from .state import STATE_FILE, load_state, save_state
from .tuning import Speed, choose_speed

METRICS_FILE = "metrics.jsonl"
SAVE_SECONDS = 60.0
# A long run's curve needs no more points than a short one's.
METRICS_SHARE = 1 / 400


class Run:
    """One run: `for progress in run: ...`, then `run.finish()`.

    Stopping is leaving the loop: everything up to the last whole step is kept.

    Args:
        config: model and training; the model's image shape must be the data set's.
        dataset: the training split.
        folder: where the run lives; made when it is missing.
        device: where to compute.
        resume: go on from the folder's saved state.
        threads, bfloat16: of the arithmetic; timed when left out.

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
    ) -> None:
        self.config, self.folder, self.dataset = config, folder, dataset
        self.model: VAE = build(config.model, seed=config.training.seed).to(device)
        self.images = dataset.images.to(device)
        self.state = (
            load_state(folder, self.model, config, device)
            if resume
            else start_state(self.model, config.training, device)
        )
        self.speed: Speed = choose_speed(
            self.model, self.images, config.training.batch_size, threads=threads, bfloat16=bfloat16
        )
        folder.mkdir(parents=True, exist_ok=True)
        _keep_reports(folder / METRICS_FILE, self.state.step)

    def __iter__(self) -> Iterator[Progress]:
        saved, due = time.monotonic(), 0.0
        with (self.folder / METRICS_FILE).open("a", encoding="utf-8") as metrics:

            def write(progress: Progress) -> None:
                metrics.write(json.dumps(dataclasses.asdict(progress)) + "\n")
                metrics.flush()

            waiting: Progress | None = None
            try:
                for progress in train(self.model, self.config.training, self.images, self.state, self.speed):
                    waiting = progress
                    if progress.fraction >= due:
                        write(progress)
                        waiting, due = None, min(progress.fraction + METRICS_SHARE, 1.0)
                    yield progress
                    if time.monotonic() - saved > SAVE_SECONDS:
                        self.save()
                        saved = time.monotonic()
            finally:
                if waiting is not None:  # where the run was left, its last report is kept too
                    write(waiting)

    def save(self) -> None:
        """Keeps the run's state, so that it can be resumed from here."""
        save_state(self.folder, self.model, self.config, self.state)

    def finish(self, *, whole: bool) -> Config:
        """Writes the checkpoint and gives its configuration, with the run's facts in it.

        Args:
            whole: the budget was spent; else the state is kept beside for --resume.
        """
        epochs = self.state.step / max(len(self.images) // self.config.training.batch_size, 1)
        provenance = {
            "data_sha256": self.dataset.sha256,
            "steps": self.state.step,
            "epochs": round(epochs, 2),
            "seconds": round(self.state.elapsed, 1),
            "finished": whole,
            "speed": dataclasses.asdict(self.speed),
            "torch": torch.__version__,
        }
        config = dataclasses.replace(self.config, provenance=provenance)
        self.model.eval()
        save_checkpoint(self.folder, self.model, config)
        if whole:
            (self.folder / STATE_FILE).unlink(missing_ok=True)
        else:
            self.save()
        return config


def _keep_reports(path: Path, step: int) -> None:
    """Drops the reports after `step`: a run that was killed had gone on beyond its saved state."""
    kept = []
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            if json.loads(line)["step"] > step:
                break
        except (ValueError, KeyError, TypeError):
            break  # half a line
        kept.append(line + "\n")
    write_file(path, "".join(kept).encode())
