"""Images a second of training on one device, by several ways of running a step."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch.nn import functional as F

from explorer.config import ModelConfig, TrainingConfig
from explorer.datasets import load_dataset
from explorer.models import VAE, build
from explorer.training import choose_speed, start, train

MODEL = ModelConfig(latent=16, hidden=(512, 256))
# Way -> the kinds of device that have it. The last two compile encoder and decoder, the last into CUDA graphs.
WAYS = {
    "plain loop": ("cpu", "cuda"),
    "ours": ("cpu", "cuda"),
    "ours, torch.compile": ("cuda",),
    "ours, CUDA graphs": ("cuda",),
}
_MODES = {"ours, torch.compile": "default", "ours, CUDA graphs": "reduce-overhead"}
# Compiling takes longer than a turn: steps that are not counted come first.
WARM_UP_STEPS = 20


def images_a_second(way: str, device: torch.device, batch: int, seconds: float) -> dict[str, float | str]:
    """The rate over `seconds`, after steps that warm up, and how long those took."""
    model = build(MODEL, seed=0).to(device)
    if way in _MODES:
        for network in (model.encoder.network, model.decoder.network):
            network.compile(mode=_MODES[way])
    steps, note = (_plain(model, device, batch), "float32") if way == "plain loop" else _ours(model, device, batch)
    began = time.perf_counter()
    for _ in range(WARM_UP_STEPS):
        next(steps)
    _wait(device)
    warm = time.perf_counter()
    images = 0
    while time.perf_counter() - warm < seconds:
        images += next(steps)
    _wait(device)
    rate = images / (time.perf_counter() - warm)
    return {"images_a_second": round(rate), "warm_up_seconds": round(warm - began, 1), "arithmetic": note}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _ours(model: VAE, device: torch.device, batch: int) -> tuple[Iterator[int], str]:
    images = load_dataset("mnist").images.to(device)
    speed = choose_speed(model, images, batch)
    config = TrainingConfig(seconds=86_400.0, batch_size=batch)
    return _counted(model, config, images, speed, batch), speed.reason


def _counted(model: VAE, config: TrainingConfig, images: torch.Tensor, speed, batch: int) -> Iterator[int]:
    """The images of each report of the loop, which comes many times a second so that a turn ends in time."""
    from explorer.training import Cadence

    before = 0
    cadence = Cadence()
    cadence.seconds = 0.05
    for progress in train(model, config, images, start(model, config, images.device), speed, cadence):
        yield (progress.step - before) * batch
        before = progress.step


def _plain(model: VAE, device: torch.device, batch: int) -> Iterator[int]:
    """A loop as tutorials have it: a DataLoader on the CPU, a copy to the device, Adam, and `.item()` at each step."""
    data = load_dataset("mnist")
    items = torch.utils.data.TensorDataset(data.images.float() / 255)
    loader = torch.utils.data.DataLoader(items, batch_size=batch, shuffle=True, drop_last=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    while True:
        for (grey,) in loader:
            x = torch.bernoulli(grey.to(device))
            optimiser.zero_grad()
            loc, scale = model.encoder.parameters_of(x)
            logits = model.decoder.network(loc + scale * torch.randn_like(scale))
            kl = 0.5 * (loc.square() + scale.square() - 1).sum() - scale.log().sum()
            loss = (F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl) / len(x)
            loss.backward()
            optimiser.step()
            loss.item()
            yield len(x)
