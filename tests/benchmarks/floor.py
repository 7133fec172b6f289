"""The arithmetic floor of a training step: its matrix products and convolutions, and nothing else.

For each layer of encoder and decoder the three products of a step are timed on tensors of
its own shapes, in the precision and with the threads that the loop uses: the forward one, the
gradient of the weights and (but for the encoder's first layer, whose input needs none) the
gradient of the input. The sum of their medians is the floor of a step; images a second at the
floor are the batch divided by it. Everything else a step does (noise, likelihood, activations,
optimiser, indexing) is what the loop adds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.models import build
from explorer.training import Speed

REPEATS = 15
BUDGET_SECONDS = 0.15


def floor_rate(config: ModelConfig, batch: int, speed: Speed) -> float:
    """Images a second if a step were nothing but its products."""
    before = torch.get_num_threads()
    torch.set_num_threads(speed.threads)
    model = build(config, seed=0)
    seconds = 0.0
    for network, x in ((model.encoder, torch.zeros(batch, *config.image_shape)), (model.decoder, None)):
        given = x if x is not None else torch.zeros(batch, config.latent)
        for index, (layer, inside, outside) in enumerate(_layers(network, given)):
            needs_input = not (network is model.encoder and index == 0)
            seconds += _layer_seconds(layer, inside, outside, needs_input, speed.bfloat16)
    torch.set_num_threads(before)
    return batch / seconds


@torch.inference_mode()
def _layers(module: nn.Module, x: Tensor) -> list[tuple[nn.Module, torch.Size, torch.Size]]:
    """Every layer with products in it, with the shapes of its input and output."""
    found: list[tuple[nn.Module, torch.Size, torch.Size]] = []
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    hooks = [
        layer.register_forward_hook(lambda layer, inputs, output: found.append((layer, inputs[0].shape, output.shape)))
        for layer in module.modules()
        if isinstance(layer, kinds)
    ]
    module.network(x)
    for hook in hooks:
        hook.remove()
    return found


def _layer_seconds(layer: nn.Module, inside: torch.Size, outside: torch.Size, needs_input: bool, half: bool) -> float:
    kind = torch.bfloat16 if half else torch.float32
    x, gradient, weight = torch.randn(inside).to(kind), torch.randn(outside).to(kind), layer.weight.detach().to(kind)
    if isinstance(layer, nn.Linear):
        works = [lambda: x @ weight.T, lambda: gradient.T @ x]
        if needs_input:
            works.append(lambda: gradient @ weight)
        return sum(map(_median_seconds, works))
    transposed = isinstance(layer, nn.ConvTranspose2d)
    shape = (layer.stride, layer.padding, layer.dilation, transposed, layer.output_padding, layer.groups)

    def backward() -> object:
        mask = [needs_input, True, False]
        return torch.ops.aten.convolution_backward(gradient, x, weight, None, *shape, mask)

    def forward() -> object:
        return torch.ops.aten.convolution(x, weight, None, *shape)

    return _median_seconds(forward) + _median_seconds(backward)


@torch.inference_mode()
def _median_seconds(work: Callable[[], object]) -> float:
    work()
    times: list[float] = []
    while len(times) < REPEATS or sum(times) < BUDGET_SECONDS:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
