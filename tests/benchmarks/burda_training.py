"""Training as Burda, Grosse & Salakhutdinov (2016) did, for tests/benchmarks/burda.py.

Not `explorer.training`: their optimiser and schedule are others, and minibatches of 20 for 9.8
million steps want a step that is one CUDA graph.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.functional import softplus

from explorer.checkpoint.weights import write_file
from explorer.config import ModelConfig
from explorer.datasets.binarise import dynamic
from explorer.models import VAE, build

MODEL = ModelConfig(latent=50, hidden=(200, 200), activation="tanh")
BATCH = 20
STEPS_A_GRAPH = 50
STATE_FILE = "burda.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
_CHUNK = 6_000


@dataclass(frozen=True)
class Stage:
    epochs: int
    learning_rate: float


def schedule(stages: int) -> tuple[Stage, ...]:
    """Stages of 3^i epochs, whose rates fall from 1e-3 to 1e-4 in equal ratios; theirs are 8."""
    last = max(stages - 1, 1)
    return tuple(Stage(3**i, 1e-3 * 10 ** (-i / last)) for i in range(stages))


def initialise(model: VAE, images: Tensor, seed: int) -> None:
    """Their initial weights, in place: Glorot & Bengio's uniform ones, biases 0, but the output's at the mean image.

    Drawn on the CPU, so that every device begins at the same.

    Args:
        images: uint8 (n, 1, 28, 28), whose mean pixels, kept within [0.001, 0.999], the output's bias gives.
    """
    generator = torch.Generator().manual_seed(seed)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer in layers:
            bound = math.sqrt(6 / (layer.in_features + layer.out_features))
            layer.weight.copy_(torch.empty(layer.weight.shape).uniform_(-bound, bound, generator=generator))
            layer.bias.zero_()
        mean = images.float().mean(0).flatten() / 255
        layers[-1].bias.copy_(mean.clamp(0.001, 0.999).logit())


def summed_elbo(model: VAE, x: Tensor, eps: Tensor) -> Tensor:
    """The minibatch's ELBO, a sum in nats (a scalar), at z = loc + scale * eps.

    `inference.elbo` without distributions: those check their arguments, which reads from the
    device and so cannot be part of a CUDA graph.
    """
    loc, scale = model.encoder.parameters_of(x)
    logits = model.decoder.network(loc + scale * eps)
    kl = 0.5 * (loc.square() + scale.square() - 1).sum() - scale.log().sum()
    return (x * logits - softplus(logits)).sum() - kl


class Trainer:
    """The run: a model, Adam and an epoch's draws, all on the device.

    An epoch's order, pixels and noise are drawn before it, from the seed and its number alone: a
    step draws nothing, and a resumed run goes on with the same numbers.

    Args:
        images: uint8 (n, 1, 28, 28), n a multiple of BATCH, on the device.
    """

    def __init__(self, images: Tensor, stages: tuple[Stage, ...], seed: int) -> None:
        self.images, self.stages, self.seed = images, stages, seed
        self.device, self.steps = images.device, len(images) // BATCH
        self.model = build(MODEL, seed=seed).to(self.device)
        self.parameters = list(self.model.parameters())
        cuda = self.device.type == "cuda"
        # The rate is a tensor, so that a graph made once reads what a later stage writes there.
        self.rate = torch.tensor(stages[0].learning_rate, device=self.device)
        self.optimiser = torch.optim.Adam(self.parameters, lr=self.rate, eps=1e-4, fused=True, capturable=cuda)
        self.epoch, self.elapsed = 0, 0.0
        self.generator = torch.Generator(self.device)
        self.pixels = torch.zeros(images.shape, device=self.device)
        self.noise = torch.zeros(len(images), MODEL.latent, device=self.device)
        self.first_rows = torch.arange(BATCH, device=self.device)
        self.rows = self.first_rows.clone()
        self.total = torch.zeros((), device=self.device)
        self.advance, self.steps_an_advance = (self._captured(), STEPS_A_GRAPH) if cuda else (self.step, 1)
        if self.steps % self.steps_an_advance:
            raise ValueError(f"an epoch of {self.steps} steps is not made of graphs of {self.steps_an_advance}.")
        initialise(self.model, images, seed)

    def step(self) -> None:
        """One minibatch, of the rows whose turn it is."""
        value = summed_elbo(self.model, self.pixels.index_select(0, self.rows), self.noise.index_select(0, self.rows))
        gradients = torch.autograd.grad(-value, self.parameters)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.optimiser.step()
        self.total += value.detach()
        self.rows += BATCH

    def _captured(self) -> Callable[[], None]:
        """Fifty steps as one CUDA graph. What it needs is made by steps beforehand, which are then undone."""
        stream = torch.cuda.Stream(self.device)
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.device(self.device), torch.cuda.stream(stream):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream(self.device).wait_stream(stream)
        self.rows.copy_(self.first_rows)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self.device), torch.cuda.graph(graph):
            for _ in range(STEPS_A_GRAPH):
                self.step()
        # In place, for the graph knows addresses. The weights are overwritten by `initialise`.
        for kept in self.optimiser.state.values():
            for moment in _MOMENTS:
                kept[moment].zero_()
        return graph.replay

    def draw(self) -> None:
        """The epoch's order, pixels and noise."""
        self.generator.manual_seed((self.seed << 24) + self.epoch)
        order = torch.randperm(len(self.images), generator=self.generator, device=self.device)
        for pixels, chosen in zip(self.pixels.split(_CHUNK), order.split(_CHUNK), strict=True):
            pixels.copy_(dynamic(self.images.index_select(0, chosen), self.generator))
        self.noise.normal_(generator=self.generator)
        self.rows.copy_(self.first_rows)

    def run_epoch(self) -> float:
        """One epoch; its mean ELBO, nats an image.

        Raises:
            RuntimeError: it is no longer finite.
        """
        began = time.perf_counter()
        self.rate.fill_(self.stages[self.stage].learning_rate)
        self.draw()
        self.total.zero_()
        for _ in range(self.steps // self.steps_an_advance):
            self.advance()
        value = self.total.item() / (self.steps * BATCH)  # waits for the device
        if not math.isfinite(value):
            raise RuntimeError(f"The ELBO stopped being a finite number in epoch {self.epoch + 1:,}.")
        self.epoch += 1
        self.elapsed += time.perf_counter() - began
        return value

    @property
    def images_a_second(self) -> float:
        return self.epoch * self.steps * BATCH / self.elapsed

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    @property
    def stage(self) -> int:
        """Which stage the next epoch is of."""
        ends = itertools.accumulate(stage.epochs for stage in self.stages)
        return next((i for i, end in enumerate(ends) if self.epoch < end), len(self.stages) - 1)

    def tensors(self) -> dict[str, Tensor]:
        """What a run goes on from: weights and moments."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, parameter in enumerate(self.parameters):
            kept = self.optimiser.state[parameter]
            tensors |= {f"adam.{index}.{name}": kept[name] for name in _MOMENTS}
        return tensors

    def _facts(self) -> str:
        return json.dumps({"stages": len(self.stages), "seed": self.seed, "images": len(self.images)})

    def save(self, folder: Path) -> None:
        """The run after a whole epoch, in one file, whole or not at all."""
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.tensors().items()}
        facts = {"run": self._facts(), "counters": json.dumps({"epoch": self.epoch, "elapsed": self.elapsed})}
        write_file(folder / STATE_FILE, save(tensors, metadata=facts))

    def restore(self, folder: Path) -> None:
        """Goes on from a saved run.

        Raises:
            ValueError: there is none, it is of another schedule or seed, or it is damaged.
        """
        path = folder / STATE_FILE
        if not path.is_file():
            raise ValueError(f"{path} is missing: there is no run to resume here.")
        if not self.optimiser.state:  # Adam makes its moments at the first step; what that changes is read over
            self.step()
        try:
            with safe_open(path, framework="pt") as file, torch.no_grad():
                facts = file.metadata()
                if facts["run"] != self._facts():
                    raise ValueError(f"{path} is of the run {facts['run']}: resume it with the same settings.")
                for name, value in self.tensors().items():
                    value.copy_(file.get_tensor(name))
            counters = json.loads(facts["counters"])
            self.epoch, self.elapsed = int(counters["epoch"]), float(counters["elapsed"])
        except (SafetensorError, KeyError, TypeError, RuntimeError):
            raise ValueError(f"{path} is damaged: begin anew in another folder.") from None
