"""The quick dense layer is the plain one: the same products and gradients, but for bfloat16's rounding."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from explorer.models.layers import PreciseLinear, QuickLinear


def gradients(layer: nn.Module, x: torch.Tensor, half: bool) -> dict[str, torch.Tensor]:
    layer, x = copy.deepcopy(layer), x.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        y = layer(x)
    (y.float() * torch.linspace(-1, 1, y.shape[1])).square().sum().backward()
    return {"y": y.detach(), "x": x.grad, "weight": layer.weight.grad, "bias": layer.bias.grad}


@pytest.fixture
def layer() -> QuickLinear:
    torch.manual_seed(0)
    return QuickLinear(30, 20)


def test_in_float32_it_is_the_plain_layer(layer: QuickLinear) -> None:
    x = torch.randn(16, 30)
    plain = nn.Linear(30, 20)
    plain.load_state_dict(layer.state_dict())
    ours, theirs = gradients(layer, x, half=False), gradients(plain, x, half=False)
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_in_bfloat16_its_gradients_are_as_near_to_the_truth_as_autocasts(layer: QuickLinear) -> None:
    x = torch.randn(16, 30)
    plain = nn.Linear(30, 20)
    plain.load_state_dict(layer.state_dict())
    ours, autocast, exact = gradients(layer, x, True), gradients(plain, x, True), gradients(plain, x, False)
    assert ours["y"].dtype == torch.bfloat16 and torch.equal(ours["y"], autocast["y"])
    for name in ("x", "weight", "bias"):
        assert ours[name].dtype == torch.float32 and ours[name].is_contiguous()
        # bfloat16 keeps eight bits: each of the two lies within its rounding of the truth.
        for grad in (ours, autocast):
            assert (grad[name] - exact[name]).norm() < 2**-7 * exact[name].norm()


def test_a_precise_layer_stays_in_float32() -> None:
    layer = PreciseLinear(3, 2)
    x = torch.full((1, 3), 1 + 2**-12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.float32 and torch.equal(y, nn.functional.linear(x, layer.weight, layer.bias))
