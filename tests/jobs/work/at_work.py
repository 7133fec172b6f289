"""Small runs of the digits, submitted and carried out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from explorer.checkpoint.weights import WEIGHTS_FILE
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import Job, Jobs
from explorer.jobs.training.work import Work

CPU = torch.device("cpu")
ME, YOU = "a" * 32, "b" * 32
STEPS = 11  # 1,437 images of the digits, 128 a step


def config_of(epochs: int = 2, latent: int = 2, **values: object) -> Config:
    training = {"dataset": "digits", "epochs": epochs, "seconds": 0.0, **values}
    return Config(ModelConfig((1, 8, 8), latent, hidden=(16,)), TrainingConfig(**training))


def carry_out(jobs: Jobs, models: Path, config: Config | None = None, **wishes: bool) -> Job:
    job = jobs.submit(config or config_of(), person=ME, **wishes)
    Work(jobs, jobs.claim("cpu"), models, CPU).carry_out()
    return jobs.get(job.id)


def take_up(jobs: Jobs, models: Path) -> None:
    Work(jobs, jobs.claim("cpu"), models, CPU).carry_out()


def same_weights(models: Path, one: str, other: str) -> bool:
    return (models / one / WEIGHTS_FILE).read_bytes() == (models / other / WEIGHTS_FILE).read_bytes()


class Meanwhile:
    """Does something to a running job at a given step, by way of the worker's own beat."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, jobs: Jobs, step: int, act: Callable[[Job], object]) -> None:
        self.done = False
        original = Jobs.beat

        def beat(table: Jobs, job: Job, **values: Any) -> Job | None:
            if not self.done and values.get("progress", {}).get("step", 0) >= step:
                self.done = True
                act(job)
            return original(table, job, **values)

        monkeypatch.setattr(Jobs, "beat", beat)
