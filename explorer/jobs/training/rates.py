"""How long a run will take, from how fast this machine was at others."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from ...config import ModelConfig, TrainingConfig
from ...models import build, multiply_adds
from ...training import choose_speed, start, train
from ...training.reporting import Cadence

SECONDS = 0.4
# Three networks that differ in size and kind, whose step times give the machine's figures.
_TRIALS = {
    "small": ModelConfig(hidden=(16,)),
    "mlp": ModelConfig(hidden=(512, 256)),
    "conv": ModelConfig(network="conv", hidden=(32, 64, 128)),
}
BATCH = 128


def cost(model: ModelConfig) -> int:
    """Multiply-adds of one image through encoder and decoder, counted without computing anything."""
    with torch.device("meta"):
        network = build(model)
        image, z = torch.zeros(1, *model.image_shape), torch.zeros(1, model.latent)
    return multiply_adds(network.encoder.network, image) + multiply_adds(network.decoder.network, z)


def measure_rates(device: torch.device, wanted: Callable[[], bool] = lambda: True) -> dict[str, float] | None:
    """Seconds a step of each trial network on this device, at a batch of 128 images.

    Args:
        wanted: asked between two of them; where it says no there are no rates.
    """
    images = torch.randint(0, 255, (1_024, 1, 28, 28), dtype=torch.uint8, device=device)
    rates = {}
    trial = build(_TRIALS["mlp"], seed=0).to(device)
    speed = choose_speed(trial, images, BATCH)
    for name, model in _TRIALS.items():
        if not wanted():
            return None
        config = TrainingConfig(seconds=SECONDS, batch_size=BATCH)
        network = build(model, seed=0).to(device)
        state = start(network, config, device)
        began = time.perf_counter()
        for _ in train(network, config, images, state, speed, Cadence()):
            pass
        rates[name] = (time.perf_counter() - began) / max(state.step, 1)
    return rates


def estimate(model: ModelConfig, training: TrainingConfig, images: int, rates: dict[str, float]) -> float:
    """Seconds a run of `images` images is likely to take, give or take a factor of two.

    A step costs a fixed time and one in proportion to its multiply-adds; both come from the
    trials of `measure_rates`. A budget in seconds takes what it says.
    """
    if training.seconds:
        return training.seconds
    fixed = rates["small"]
    slope = max(rates[model.network] - fixed, 1e-6) / (cost(_TRIALS[model.network]) * BATCH)
    batch = min(training.batch_size, images)
    steps = training.epochs * max(images // batch, 1)
    return steps * (fixed + slope * cost(model) * batch)
