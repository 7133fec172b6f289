"""Threads and precision, chosen by timing a few real steps: machines differ too much to guess."""

from __future__ import annotations

import ctypes
import sys
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from ..inference import elbo
from ..models import VAE, build

TRIAL_SECONDS = 0.25
MOST_THREADS = 1_024
# What torch starts with, before a run sets its own number for the whole process.
ALL_THREADS = torch.get_num_threads()
# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@dataclass(frozen=True)
class Speed:
    """How the loop runs its arithmetic, and the sentence that says why."""

    threads: int
    bfloat16: bool
    reason: str


def keep_freed_memory() -> None:
    """Lets this process keep the memory that a step frees, where the C library is glibc.

    By default glibc hands the larger tensors back to the system when they are freed and
    gets them back as zeroed pages a moment later: a thousand page faults a step at batch
    512, a fifth of the time. Blocks below 32 MB now stay in the heap (mallopt(3)).
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def choose_speed(
    model: VAE, images: Tensor, batch_size: int, *, threads: int | None = None, bfloat16: bool | None = None
) -> Speed:
    """The quickest of {1, all} threads and {float32, bfloat16}, timed on a copy of the model.

    Two threads beside another busy process can be slower than one, and bfloat16 helps
    only where the processor has instructions for it, so both are measured. Takes about
    a second on a CPU; on a GPU bfloat16 is taken where the hardware has it.

    Args:
        threads, bfloat16: given, they are not timed but taken: the same numbers need the
            same arithmetic.
    """
    device = images.device
    if device.type != "cpu":
        has = device.type == "cuda" and torch.cuda.is_bf16_supported()
        precise = has if bfloat16 is None else bfloat16
        return Speed(threads or torch.get_num_threads(), precise, "bfloat16" if precise else "float32")
    keep_freed_memory()
    if threads is not None and bfloat16 is not None:
        return Speed(threads, bfloat16, f"{_words(threads, bfloat16)}, as asked")
    before = torch.get_num_threads()
    trial = build(model.config, seed=0)
    optimiser = torch.optim.AdamW(trial.parameters(), fused=True)
    x = (images[:batch_size] >= 128).float()
    rates: dict[tuple[int, bool], float] = {}
    for count in sorted({1, ALL_THREADS} if threads is None else {threads}):
        torch.set_num_threads(count)
        for half in (False, True) if bfloat16 is None else (bfloat16,):
            rates[count, half] = _rate(trial, optimiser, x, half)
    torch.set_num_threads(before)
    best = max(rates, key=rates.__getitem__)
    gain = rates[best] / min(rates.values())
    return Speed(*best, f"{_words(*best)}, timed at {gain:.1f} times the slowest of {len(rates)} ways")


def _words(threads: int, bfloat16: bool) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''} in {'bfloat16' if bfloat16 else 'float32'}"


def _rate(model: VAE, optimiser: torch.optim.Optimizer, x: Tensor, bfloat16: bool) -> float:
    """Steps a second, after two that warm the caches up."""
    steps, began = -2, time.perf_counter()
    while True:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            loss = -elbo(model, x).value.mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        steps += 1
        if steps == 0:
            began = time.perf_counter()
        elapsed = time.perf_counter() - began
        if steps > 0 and elapsed > TRIAL_SECONDS:
            return steps / elapsed
