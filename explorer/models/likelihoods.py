"""Families of p(x|z): from a decoder's raw output to a distribution over images.

A family says how many numbers a pixel it needs, holds what parameters of its own it has,
and gives its distribution twice: as torch's object, and as plain operations (`traced`) for
the browser and the server's engine. Nothing elsewhere branches on a family's name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent
from torch.nn.functional import softplus

from .distributions import (
    WHITE,
    ContinuousBernoulli,
    DiscretisedLogistic,
    LogitBernoulli,
    SharedScaleNormal,
    cb_log_normaliser,
    cb_mean,
)

# The continuous Bernoulli's density at black or white is at most about its |logit|. Without a bound,
# pixels that are always black drove logits to 70,000 in 20 s of training on MNIST: a density for
# differences 250 times finer than a grey level, and the only thing that the ELBO still saw.
MOST_LOGIT = 255.0
# The Gaussian's scale stays above exp(-6), 0.6 of an 8-bit grey level: below that, pixels that
# never change would send the density to infinity (Rybkin, Daniilidis & Levine 2021, appendix).
LEAST_LOG_SCALE = -6.0
# Of the logistic's scale: from 0.23 of a grey level, where a bin holds 79 % of its mass, to 20
# times white, where nearly all is at the two ends.
LOG_SCALES = (-7.0, 3.0)
# Where the scales of a new network stand: about the spread of an image's own pixels.
FIRST_LOG_SCALE = -1.0
FIRST_LOGISTIC_LOG_SCALE = -2.0


# How far beyond its bounds a softly clamped value may go.
SOFT = 0.25


def softly_clamped(value: Tensor, low: float, high: float) -> Tensor:
    """Values between two bounds as they are; those beyond lie within SOFT of one, with a slope that never dies.

    A hard clamp has none there: what a network once sends beyond it learns nothing any more.
    """
    within = value.clamp(low, high)
    beyond = (value - within).clamp(-1e6, 1e6)
    return within + beyond / (1 + beyond.abs() / SOFT)


class Likelihood(Protocol):
    """What a decoder asks of a family; an nn.Module, so that its parameters are the decoder's.

    Attributes:
        outputs: numbers a colour channel of a pixel that the network must give.
        continuous: whether log p(x|z) is a log-density, which can be positive.
    """

    outputs: int
    continuous: bool

    def __call__(self, raw: Tensor) -> Distribution:
        """p(x|z) over images (c, h, w) from a network's output (batch, outputs * c, h, w)."""
        ...

    def traced(self, raw: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (k, D) and log p(x|z) (k,) from the output (k, outputs * c, h, w) and one x (1, D).

        In the browser's cheapest operations. A test holds each to its distribution.
        """
        ...

    def linear(self, raw: Tensor) -> tuple[Tensor, Tensor] | None:
        """log p(x|z) = <weights, x> + offset + carrier(x): weights (k, D) and offset (k,); None where it is not so.

        What makes log p(x|z) of many images at many z one product of matrices: true of exponential
        families whose sufficient statistic is x itself.
        """
        ...

    def carrier(self, x: Tensor) -> Tensor:
        """The part of log p(x|z) that does not depend on z (batch,), for x (batch, D); needed beside `linear`."""
        ...


def _like(x: Tensor, raw: Tensor, outputs: int = 1) -> Tensor:
    """x (1, D) in the image's own shape (1, c, h, w)."""
    return x.view(1, raw.shape[1] // outputs, raw.shape[2], raw.shape[3])


def _total(values: Tensor) -> Tensor:
    """Sum over an image's pixels (k, c, h, w): by rows, then columns, so that float32 loses little."""
    return values.sum(3).sum(2).sum(1)


class BernoulliLikelihood(nn.Module):
    """Independent binary pixels, from logits. Defined for x in {0, 1} only."""

    outputs, continuous = 1, False

    def forward(self, raw: Tensor) -> Independent:
        return Independent(LogitBernoulli(raw), 3)

    def traced(self, raw: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """log p = x l - softplus(l) and softplus(l) = max(l, 0) - log max(p, 1 - p), p = sigmoid(l).

        The logarithm's argument stays in [1/2, 1], so nothing overflows, and the sigmoid,
        needed anyway, replaces a softplus that costs a third of the run.
        """
        logits = raw.flatten(1)
        mean = torch.sigmoid(logits)
        normaliser = torch.relu(logits) - torch.log(torch.maximum(mean, 1 - mean))
        return mean, (logits @ x.T).squeeze(1) - normaliser.sum(1)

    def linear(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        logits = raw.flatten(1)
        return logits, -softplus(logits).sum(1)

    def carrier(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x))


class ContinuousBernoulliLikelihood(nn.Module):
    """Independent grey values in [0, 1], from logits kept within ±MOST_LOGIT (Loaiza-Ganem & Cunningham 2019)."""

    outputs, continuous = 1, True

    @staticmethod
    def logits_of(raw: Tensor) -> Tensor:
        """Nearly the output itself while that is small; its slope never dies."""
        return raw / (1 + raw.abs() / MOST_LOGIT)

    def forward(self, raw: Tensor) -> Independent:
        return Independent(ContinuousBernoulli(self.logits_of(raw)), 3)

    def traced(self, raw: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.logits_of(raw)
        return cb_mean(logits).flatten(1), _total(logits * (_like(x, raw) - 0.5) - cb_log_normaliser(logits))

    def linear(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.logits_of(raw)
        return logits.flatten(1), -_total(0.5 * logits + cb_log_normaliser(logits))

    def carrier(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x))


class GaussianLikelihood(nn.Module):
    """Independent Gaussian pixels around sigmoid(output), with one learnt scale for all of them.

    The sigma-VAE of Rybkin, Daniilidis & Levine (2021), with its scale bounded below.
    """

    outputs, continuous = 1, True

    def __init__(self) -> None:
        super().__init__()
        self.free_log_scale = nn.Parameter(torch.tensor(FIRST_LOG_SCALE))

    @property
    def log_scale(self) -> Tensor:
        """log sigma, a scalar above LEAST_LOG_SCALE and nearly `free_log_scale` well above it."""
        return LEAST_LOG_SCALE + softplus(self.free_log_scale - LEAST_LOG_SCALE)

    def forward(self, raw: Tensor) -> Independent:
        return Independent(SharedScaleNormal(torch.sigmoid(raw), self.log_scale), 3)

    def traced(self, raw: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_scale = torch.sigmoid(raw), self.log_scale
        deviation = (_like(x, raw) - mean) * (-log_scale).exp()
        size = x.shape[1] * (log_scale + 0.5 * math.log(2 * math.pi))
        return mean.flatten(1), -0.5 * _total(deviation * deviation) - size

    def linear(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        mean, precision = torch.sigmoid(raw), (-2 * self.log_scale).exp()
        return (mean * precision).flatten(1), -0.5 * precision * _total(mean * mean)

    def carrier(self, x: Tensor) -> Tensor:
        size = x.shape[1] * (self.log_scale + 0.5 * math.log(2 * math.pi))
        return -0.5 * (-2 * self.log_scale).exp() * x.square().sum(1) - size


class DiscretisedLogisticLikelihood(nn.Module):
    """Independent 8-bit values (grey / 255), with a location and a scale for every pixel.

    Kingma et al. (2016) and Salimans et al. (2017); the network's first half of channels gives the
    locations, the second the scales.
    """

    outputs, continuous = 2, False

    @staticmethod
    def parameters_of(raw: Tensor) -> tuple[Tensor, Tensor]:
        """Location and log-scale (batch, c, h, w)."""
        loc, log_scale = raw.chunk(2, dim=1)
        return loc + 0.5, softly_clamped(log_scale + FIRST_LOGISTIC_LOG_SCALE, *LOG_SCALES)

    def forward(self, raw: Tensor) -> Independent:
        return Independent(DiscretisedLogistic(*self.parameters_of(raw)), 3)

    def traced(self, raw: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The same probability with one logarithm a pixel, and the mean of the logistic cut at 0 and 1.

        That mean, an integral where the exact one is a sum of 255 terms, is within a
        tenth of a grey level of it. The distribution's own `mean` is the exact one.
        """
        loc, log_scale = self.parameters_of(raw)
        scale, inverse = log_scale.exp(), (-log_scale).exp()
        # softplus(t) = max(t, 0) + log(1 + exp(-|t|)), so that no large numbers are subtracted.
        below, above = 1 + (-loc.abs() * inverse).exp(), 1 + (-(loc - 1).abs() * inverse).exp()
        mean = loc.clamp(0, 1) + scale * torch.log(below / above)
        value = _like(x, raw, 2)
        has_lower, has_upper = (value > 0).to(x.dtype), (value < 1).to(x.dtype)
        middle, half = (value - loc) * inverse, inverse * (0.5 / WHITE)
        upper, lower, width = -half - middle, middle - half, 2 * half
        # 1 - exp(-w), by its series where the subtraction would lose digits.
        series = width * (1 - width * (1 / 2 - width * (1 / 6 - width / 24)))
        inside = torch.where(width < 0.05, series, 1 - (-width).exp())
        within = 1 + has_lower * has_upper * (inside - 1)
        ends = (1 + has_upper * (-upper.abs()).exp()) * (1 + has_lower * (-lower.abs()).exp())
        log_prob = torch.log(within / ends) - has_upper * torch.relu(upper) - has_lower * torch.relu(lower)
        return mean.flatten(1), _total(log_prob)

    def linear(self, raw: Tensor) -> None:
        """A bin's probability is not linear in its value."""

    def carrier(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x))


LIKELIHOODS: dict[str, Callable[[], Likelihood]] = {
    "bernoulli": BernoulliLikelihood,
    "continuous-bernoulli": ContinuousBernoulliLikelihood,
    "gaussian": GaussianLikelihood,
    "discretised-logistic": DiscretisedLogisticLikelihood,
}
