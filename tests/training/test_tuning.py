"""Choosing threads and precision by timing, without leaving a trace."""

from __future__ import annotations

import pytest
import torch

from explorer.config import ModelConfig
from explorer.models import build
from explorer.training import choose_speed


def test_choosing_a_speed_leaves_the_model_and_the_threads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.training.speed.TRIAL_SECONDS", 0.01)
    config = ModelConfig((1, 8, 8), 2, hidden=(16,))
    images = torch.randint(256, (50, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    model, threads, before = build(config, seed=0), torch.get_num_threads(), images.clone()
    speed = choose_speed(model, images, 32)
    twin = build(config, seed=0).state_dict()
    assert all(torch.equal(value, twin[name]) for name, value in model.state_dict().items())
    assert torch.get_num_threads() == threads and torch.equal(images, before)
    assert speed.threads >= 1 and "times the slowest" in speed.reason


def test_what_is_given_is_taken_and_not_timed() -> None:
    model, images = build(ModelConfig((1, 8, 8), 2, hidden=(16,))), torch.zeros(50, 1, 8, 8, dtype=torch.uint8)
    speed = choose_speed(model, images, 32, threads=1, bfloat16=True)
    assert (speed.threads, speed.bfloat16) == (1, True) and "as asked" in speed.reason
