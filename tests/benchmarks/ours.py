"""Our training loop as a contender."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from explorer.config import ModelConfig, TrainingConfig
from explorer.datasets import load_dataset
from explorer.models import build, count_parameters
from explorer.training import choose_speed, start, train
from tests.benchmarks.contest import Rate, clocked

CPU = torch.device("cpu")


class Ours:
    """A run of our loop on the bundled MNIST, in the way a command runs it."""

    def __init__(self, model: ModelConfig, batch: int) -> None:
        torch.distributions.Distribution.set_default_validate_args(False)
        self.images, self.batch = load_dataset("mnist").images, batch
        self.model = build(model, seed=0)
        self.speed = choose_speed(self.model, self.images, batch)
        self.weights, self.note = count_parameters(self.model), self.speed.reason

    def turn(self, seconds: float) -> Rate:
        config = TrainingConfig(seconds=seconds, batch_size=self.batch)
        state = start(self.model, config, CPU)

        def batches() -> Iterator[int]:
            before = 0
            for progress in train(self.model, config, self.images, state, self.speed):
                yield (progress.step - before) * self.batch
                before = progress.step

        return clocked(batches)
