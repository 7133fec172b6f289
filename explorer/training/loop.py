"""The training loop: a generator that yields progress, for the command line and the page alike.

What makes it quick: the data set is one uint8 tensor on the device, shuffled by one
permutation an epoch; nothing is read back from the device within a step; matrix
products run in bfloat16 where that was measured to be faster; memory freed by one step
is kept for the next. `python -m tests.benchmarks.training_throughput` measures it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..config import TrainingConfig
from ..datasets.binarise import fixed, observed
from ..inference import elbo
from ..models import VAE
from .clock import Clock
from .objectives import loss
from .reporting import Cadence
from .schedule import one_cycle, warm_up
from .speed import Speed, keep_freed_memory


class TrainingDiverged(RuntimeError):
    """The loss stopped being a finite number; the weights are no longer usable."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands, averaged over the images seen since the last report.

    `elbo` is reconstruction - KL whatever beta the loss uses. Nats an image. The held-out
    terms are there only where somebody measured them.
    """

    step: int
    epoch: float
    fraction: float
    elapsed: float
    remaining: float
    images_per_second: float
    log_likelihood: float
    kl: float
    elbo: float
    learning_rate: float
    beta: float
    kl_per_dimension: tuple[float, ...]
    heldout_log_likelihood: float | None = None
    heldout_kl: float | None = None
    heldout_elbo: float | None = None
    heldout_active: int | None = None


@dataclass
class RunState:
    """All that a run must find again after a pause or a kill, beside the weights, to end with the same bits.

    Attributes:
        elapsed: seconds of the budget that were spent, see `clock`.
        speed: threads and precision of the arithmetic; None until they are chosen.
    """

    optimiser: torch.optim.Optimizer
    noise: torch.Generator
    step: int = 0
    elapsed: float = 0.0
    speed: Speed | None = None


def start(model: VAE, config: TrainingConfig, device: torch.device) -> RunState:
    """A fresh run of `model`, which must already be on `device`."""
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=device.type in ("cpu", "cuda"),
    )
    return RunState(optimiser, torch.Generator(device).manual_seed(config.seed + 1))


def train(
    model: VAE,
    config: TrainingConfig,
    images: Tensor,
    state: RunState,
    speed: Speed,
    cadence: Cadence | None = None,
) -> Iterator[Progress]:
    """Runs until the budget is spent, yielding about twice a second and once at the end.

    Closing the generator, or an exception thrown into it, leaves `model` and `state`
    as they were after the last whole step, so that the run can be saved and resumed.

    Args:
        model: on the images' device; its weights are changed in place.
        config: the budget and the hyper-parameters.
        images: uint8 (n, c, h, w), the training set, on the device.
        state: where to go on; `start` gives a fresh one.
        speed: threads and precision, see `tuning`.
        cadence: how often to yield, which the listener may change between two reports.

    Raises:
        TrainingDiverged: the loss is no longer finite.
    """
    count = images.shape[0]
    batch = min(config.batch_size, count)
    steps_per_epoch = count // batch
    observe = _observer(images, config.binarisation, state.noise)
    model.train()
    torch.set_num_threads(speed.threads)
    keep_freed_memory()
    report = _Report(model, config, state, batch, steps_per_epoch, cadence or Cadence())
    fraction = _spent(config, state, steps_per_epoch)
    while fraction < 1.0:
        position = state.step % steps_per_epoch
        if position == 0 or report.order is None:
            report.order = _order(config.seed, state.step // steps_per_epoch, count, images.device)
        chosen = report.order[position * batch : (position + 1) * batch]
        x = observe(chosen)
        rate = config.learning_rate * one_cycle(fraction)
        beta = config.beta * warm_up(fraction, config.kl_warm_up)
        _step(model, config, state, x, rate, beta, speed, report)
        state.step += 1
        state.elapsed += report.clock.lap()
        fraction = _spent(config, state, steps_per_epoch)
        if report.due() or fraction >= 1.0:
            yield report.take(fraction, rate, beta)
    model.eval()


def _observer(images: Tensor, how: str, noise: torch.Generator) -> Callable[[Tensor], Tensor]:
    """From the numbers of some images to what the likelihood sees of them, float32."""
    # index_select copies whole images: on a CPU nine times faster than images[chosen].
    if how == "fixed":  # drawn for the whole set in its own order
        still = fixed(images)
        return lambda chosen: still.index_select(0, chosen)
    return lambda chosen: observed(images.index_select(0, chosen), how, noise)


def _step(
    model: VAE,
    config: TrainingConfig,
    state: RunState,
    x: Tensor,
    rate: float,
    beta: float,
    speed: Speed,
    report: _Report,
) -> None:
    with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=speed.bfloat16):
        terms = elbo(model, x, generator=state.noise)
    parameters = [parameter for group in state.optimiser.param_groups for parameter in group["params"]]
    for parameter in parameters:
        parameter.grad = None
    loss(terms, beta=beta, free_bits=config.free_bits).backward()
    torch.nn.utils.clip_grad_norm_(parameters, config.gradient_norm, foreach=True)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    state.optimiser.step()
    report.add(terms.log_likelihood.detach(), terms.kl_per_dimension.detach())


class _Report:
    """Sums kept on the device, and the run's clock."""

    def __init__(
        self,
        model: VAE,
        config: TrainingConfig,
        state: RunState,
        batch: int,
        steps_per_epoch: int,
        cadence: Cadence,
    ) -> None:
        self.config, self.state, self.batch, self.steps_per_epoch = config, state, batch, steps_per_epoch
        self.cadence, self.clock = cadence, Clock(cadence)
        self.order: Tensor | None = None
        self.sums = torch.zeros(1 + model.config.latent, device=next(model.parameters()).device)
        self.steps = 0
        self.reported = state.elapsed

    def add(self, log_likelihood: Tensor, kl_per_dimension: Tensor) -> None:
        self.sums[0] += log_likelihood.sum()
        self.sums[1:] += kl_per_dimension.sum(0)
        self.steps += 1

    def due(self) -> bool:
        steps = self.cadence.steps
        waited = self.state.elapsed - self.reported
        return waited >= self.cadence.seconds or (steps is not None and self.steps >= steps)

    def take(self, fraction: float, rate: float, beta: float) -> Progress:
        images = self.steps * self.batch
        log_likelihood, *kl = (self.sums / images).tolist()  # the one read-back, twice a second
        elapsed = self.state.elapsed
        speed = images / max(elapsed - self.reported, 1e-9)
        self.sums.zero_()
        self.steps, self.reported = 0, elapsed
        if not math.isfinite(log_likelihood) or not all(map(math.isfinite, kl)):
            raise TrainingDiverged(
                f"The ELBO stopped being a finite number at step {self.state.step:,}: "
                "try a learning rate three times smaller."
            )
        remaining = 0.0 if fraction >= 1 else elapsed * (1 - fraction) / max(fraction, 1e-9)
        return Progress(
            step=self.state.step,
            epoch=self.state.step / self.steps_per_epoch,
            fraction=min(fraction, 1.0),
            elapsed=elapsed,
            remaining=remaining,
            images_per_second=speed,
            log_likelihood=log_likelihood,
            kl=sum(kl),
            elbo=log_likelihood - sum(kl),
            learning_rate=rate,
            beta=beta,
            kl_per_dimension=tuple(kl),
        )


def _spent(config: TrainingConfig, state: RunState, steps_per_epoch: int) -> float:
    if config.epochs:
        return state.step / (config.epochs * steps_per_epoch)
    return state.elapsed / config.seconds


def _order(seed: int, epoch: int, count: int, device: torch.device) -> Tensor:
    """Every epoch's permutation follows from the seed alone, so a resumed run sees the same one."""
    generator = torch.Generator().manual_seed((seed << 24) + epoch)
    return torch.randperm(count, generator=generator).to(device)
