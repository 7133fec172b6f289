"""A budget of time for measuring: what it does not reach is left out, and said."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

from ..models import VAE, multiply_adds
from .quadrature.decoded import is_linear

# A value's log p(x|z) in multiply-adds.
LINEAR_VALUE, OTHER_VALUE = 300, 2_000
# Multiply-adds a second, cautiously: what is not likely to fit into a budget is not begun.
OPERATIONS_A_SECOND = 2e10


class Budget:
    """Seconds that some work may take.

    Args:
        seconds: infinity for no limit.
        clock: by default the processor time of this process, so that the same work is done beside a busy
            neighbour; it takes longer by the clock on the wall.
    """

    def __init__(self, seconds: float = math.inf, clock: Callable[[], float] = time.process_time) -> None:
        self.seconds, self.clock = seconds, clock
        self._began = clock()

    @property
    def left(self) -> float:
        """Seconds, 0 where it is spent."""
        return max(self.seconds - (self.clock() - self._began), 0.0)

    def allows(self, operations: float) -> bool:
        """Whether so many multiply-adds are likely to fit into what is left."""
        return operations <= self.left * OPERATIONS_A_SECOND

    def share(self, part: float) -> Budget:
        """A budget of its own that begins now, of a part of what is left."""
        return Budget(part * self.left, self.clock)

    def blocks(self, count: int, size: int) -> Iterator[slice]:
        """The rows 0 to `count` in blocks of `size`, for as long as there is time: one in any case.

        A block begins where the one before, taken again, would fit into what is left.
        """
        took, began = 0.0, self.clock()
        for first in range(0, count, max(size, 1)):
            if first and self.left <= took:
                return
            yield slice(first, min(first + max(size, 1), count))
            took, began = self.clock() - began, self.clock()


def decoding_operations(model: VAE) -> int:
    """Multiply-adds of one decoded image and its log p(x|z), roughly: 3e10 of them take a second on one core."""
    likelihood = model.decoder.likelihood
    given = model.prior().mean.new_zeros(1, model.config.latent)
    values = model.config.pixels * likelihood.outputs * (LINEAR_VALUE if is_linear(model) else OTHER_VALUE)
    return multiply_adds(model.decoder.network, given) + values
