"""Distributions of one pixel that torch lacks, or computes too slowly or too coarsely.

Each is stable in float32 for any parameter a network can give, and so are its gradients.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Normal, constraints
from torch.distributions.utils import broadcast_all
from torch.nn.functional import logsigmoid, softplus

LEVELS = 256  # grey values of an 8-bit pixel, observed as grey / 255
WHITE = LEVELS - 1
# Below this |logit| the continuous Bernoulli is computed by its Taylor series (within 1e-11 there).
SMALL = 0.5
# A little less: clamped at the very place where the other branch begins, the gradient there would be 0.
BIG = 0.4999


class LogitBernoulli(Bernoulli):
    """torch's Bernoulli with log p = x l - softplus(l) written out.

    The same value as its binary cross-entropy, whose backward pass on a CPU takes several
    times as long.
    """

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits=logits)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return value * self.logits - softplus(self.logits)


class SharedScaleNormal(Normal):
    """A Gaussian whose scale is one number for all pixels, given by its logarithm (a scalar)."""

    def __init__(self, loc: Tensor, log_scale: Tensor) -> None:
        self.log_scale = log_scale
        super().__init__(loc, log_scale.exp())

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        # One number at the end of a chain of one multiplication: torch's own squares and logs every scale.
        deviation = (value - self.loc) * (-self.log_scale).exp()
        return -0.5 * deviation.square() - (self.log_scale + 0.5 * math.log(2 * math.pi))


def cb_log_normaliser(logits: Tensor) -> Tensor:
    """S(l) of the continuous Bernoulli, whose density on [0, 1] is proportional to exp(l x).

    Loaiza-Ganem & Cunningham (2019), eqs. 3 to 8, with l = log(lambda / (1 - lambda)):

        log p(x) = l (x - 1/2) - S(l),    S = log( sinh(l/2) / (l/2) )

    S is even; near 0, where this is log(0/0), by its Taylor series. Operations that ONNX has too.
    """
    size, square = logits.abs(), _small_square(logits)
    series = square * (1 / 24 + square * (-1 / 2_880 + square * (1 / 181_440 - square / 9_676_800)))
    big = size.clamp_min(BIG)
    return torch.where(size < SMALL, series, 0.5 * big + ((1 - (-big).exp()) / big).log())


def cb_mean(logits: Tensor) -> Tensor:
    """E[x] of the continuous Bernoulli: 1/2 + S'(l), which is not sigmoid(l)."""
    size, square = logits.abs(), _small_square(logits)
    series = logits * (1 / 12 + square * (-1 / 720 + square * (1 / 30_240 - square / 1_209_600)))
    big = size.clamp_min(BIG)
    slope = logits.sign() * (1 / (1 - (-big).exp()) - 1 / big - 0.5)
    return 0.5 + torch.where(size < SMALL, series, slope)


def _small_square(logits: Tensor) -> Tensor:
    """l^2, cut where the series is not used: there it must not overflow, nor its gradient."""
    return logits.clamp(-SMALL, SMALL).square()


class ContinuousBernoulli(Distribution):
    """A density on [0, 1] proportional to exp(logit x) (Loaiza-Ganem & Cunningham 2019).

    torch's own loses its digits near logit 0 and saturates at probabilities of 0 and 1 in float32.
    Its mean is not sigmoid(logit).
    """

    arg_constraints: ClassVar = {"logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape)

    @property
    def mean(self) -> Tensor:
        return cb_mean(self.logits)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self.logits * (value - 0.5) - cb_log_normaliser(self.logits)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008 - torch's own signature
        """By the inverse of the distribution function."""
        shape = self._extended_shape(sample_shape)
        u = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        size = self.logits.abs().clamp_min(1e-6)
        falling = -torch.log1p(u * torch.expm1(-size)) / size  # of the logit -|l|
        return torch.where(self.logits > 0, 1 - falling, falling).clamp(0, 1)


class _EightBit(constraints.Constraint):
    """0, 1/255, ..., 1."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        level = value * WHITE
        return (value >= 0) & (value <= 1) & ((level - level.round()).abs() < 1e-3)


class DiscretisedLogistic(Distribution):
    """The 8-bit values that a logistic variable is rounded to; the tails fall to 0 and 255.

        P(x) = F(x + 1/510) - F(x - 1/510),   F(t) = sigmoid((t - loc) / scale),

    with F(-1/510) read as 0 and F(1 + 1/510) as 1 (Kingma et al. 2016, appendix; Salimans et al. 2017,
    eq. 2). The difference is never taken: with a > b the ends of the bin,

        sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)),

    whose three logarithms are exact however far out in a tail the bin lies.

    Args:
        loc: in units of white = 1; log_scale: of the same shape.
    """

    arg_constraints: ClassVar = {"loc": constraints.real, "log_scale": constraints.real}
    support = _EightBit()

    def __init__(self, loc: Tensor, log_scale: Tensor) -> None:
        self.loc, self.log_scale = broadcast_all(loc, log_scale)
        super().__init__(self.loc.shape)

    @property
    def mean(self) -> Tensor:
        """E[x], exactly: the sum over levels of P(x >= level), one level after another to save memory."""
        inverse = (-self.log_scale).exp()
        total = torch.zeros_like(self.loc)
        for level in range(1, LEVELS):
            total += torch.sigmoid((self.loc - (level - 0.5) / WHITE) * inverse)
        return total / WHITE

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        inverse = (-self.log_scale).exp()
        middle, half = (value - self.loc) * inverse, inverse * (0.5 / WHITE)
        has_lower, has_upper = (value > 0).to(middle.dtype), (value < 1).to(middle.dtype)
        ends = has_upper * logsigmoid(middle + half) + has_lower * logsigmoid(half - middle)
        return ends + has_lower * has_upper * torch.log(-torch.expm1(-2 * half))

    @torch.no_grad()
    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008 - torch's own signature
        """A logistic draw, rounded to its level."""
        shape = self._extended_shape(sample_shape)
        u = torch.rand(shape, dtype=self.loc.dtype, device=self.loc.device)
        tiny = torch.finfo(u.dtype).tiny
        draw = self.loc + self.log_scale.exp() * (u.clamp_min(tiny).log() - (-u).log1p())
        return (draw * WHITE).round().clamp(0, WHITE) / WHITE
