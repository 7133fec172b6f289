"""Families of p(x|z): from a decoder's raw output to a distribution over images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent
from torch.nn.functional import softplus


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


def bernoulli(logits: Tensor) -> Independent:
    """Independent binary pixels; `logits` is (batch, c, h, w). Defined for x in {0, 1} only."""
    return Independent(LogitBernoulli(logits), 3)


LIKELIHOODS: dict[str, Callable[[Tensor], Distribution]] = {"bernoulli": bernoulli}


def _traced_bernoulli(logits: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (k, D) and log p(x|z) (k,) from logits (k, D) and x (1, D), in the browser's cheapest operations.

    log p = x l - softplus(l) and softplus(l) = max(l, 0) - log max(p, 1 - p) with
    p = sigmoid(l): the logarithm's argument stays in [1/2, 1], so nothing overflows, and
    the sigmoid, needed anyway, replaces a softplus that costs a third of the run.
    """
    mean = torch.sigmoid(logits)
    normaliser = torch.relu(logits) - torch.log(torch.maximum(mean, 1 - mean))
    return mean, (logits @ x.T).squeeze(1) - normaliser.sum(1)


# The same likelihoods as plain operations, for export; a test holds each to its distribution.
TRACED: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {"bernoulli": _traced_bernoulli}
