"""When a run reports, what its waiting costs, and how often something may be done beside it."""

from __future__ import annotations

import time

import pytest
import torch

from explorer.config import ModelConfig, TrainingConfig
from explorer.datasets import load_dataset
from explorer.models import build
from explorer.training import Cadence, Speed, start, train
from explorer.training import reporting as thrift_module
from explorer.training.reporting import Thrift

CPU = torch.device("cpu")
MODEL = ModelConfig((1, 8, 8), 2, hidden=(16,))


def running(config: TrainingConfig, cadence: Cadence):
    model = build(MODEL, seed=0)
    images = load_dataset("digits").images
    return train(model, config, images, start(model, config, CPU), Speed(1, False, ""), cadence)


def test_a_report_comes_after_so_many_steps_and_that_can_change_between_two() -> None:
    cadence = Cadence(seconds=60.0, steps=3)
    seen = []
    for progress in running(TrainingConfig("digits", epochs=2, seconds=0.0), cadence):
        seen.append(progress.step)
        cadence.steps = 5
    assert seen == [3, 8, 13, 18, 22]


def test_waiting_is_no_part_of_a_budget_in_seconds() -> None:
    cadence = Cadence(seconds=0.05)
    began = time.monotonic()
    elapsed = 0.0
    for progress in running(TrainingConfig("digits", seconds=0.5), cadence):
        elapsed = progress.elapsed
        with cadence.holding():
            time.sleep(0.1)
    assert elapsed == pytest.approx(0.5, abs=0.1)
    assert time.monotonic() - began > 0.5 + 4 * 0.1


def test_the_weight_of_the_kl_is_reported() -> None:
    config = TrainingConfig("digits", epochs=2, seconds=0.0, beta=4.0, kl_warm_up=0.5)
    betas = [progress.beta for progress in running(config, Cadence(seconds=0.0))]
    assert betas[:12] == pytest.approx([4 * step / 11 for step in range(12)]) and set(betas[12:]) == {4.0}


def test_thrift_takes_its_share_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(thrift_module.time, "monotonic", lambda: now)
    thrift, spent = Thrift(0.1, least=0.5), 0.0
    for _ in range(1_000):
        if thrift.due():
            with thrift.spending():
                now += 0.3
                spent += 0.3
        now += 0.01
    assert 0.05 < spent / now <= 0.1 + 0.3 / now
