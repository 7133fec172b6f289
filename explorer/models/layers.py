"""Dense layers that know how they are trained: in bfloat16 where that is quicker, in float32 where it must be."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PreciseLinear(nn.Linear):
    """A dense layer that stays in float32 when its neighbours run in bfloat16.

    For the layers next to z: a bfloat16 near 2 moves in steps of 1/64, as coarse as a
    narrow posterior is wide.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.is_meta or not torch.is_autocast_enabled(input.device.type):  # on meta, sizes alone are counted
            return super().forward(input)
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.float())


class QuickLinear(nn.Linear):
    """A dense layer whose step on a CPU in bfloat16 takes no detour.

    Autocast's own way casts the transposed weights' gradient back element by element,
    which takes longer than the product itself; here every gradient comes out in the
    weights' own layout. The products are the same; the bias's gradient is summed in float32.
    """

    def forward(self, input: Tensor) -> Tensor:
        quick = input.device.type == "cpu" and torch.is_grad_enabled() and torch.is_autocast_enabled("cpu")
        return _HalfProduct.apply(input, self.weight, self.bias) if quick else super().forward(input)


class _HalfProduct(torch.autograd.Function):
    """x W^T + b in bfloat16: x (batch, in), W (out, in), b (out,)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        half, narrow = x.to(torch.bfloat16), weight.to(torch.bfloat16)
        ctx.save_for_backward(half, narrow)
        ctx.dtype = x.dtype
        return F.linear(half, narrow, bias.to(torch.bfloat16))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        half, narrow = ctx.saved_tensors
        inner = (gradient @ narrow).to(ctx.dtype) if ctx.needs_input_grad[0] else None
        return inner, (gradient.T @ half).float(), gradient.sum(0, dtype=torch.float32)
