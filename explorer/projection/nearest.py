"""The nearest of many points: exactly, and above a stated number approximately."""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch import Tensor

from ..cancellation import check_cancelled

# Up to here every distance is computed. Above, a graph of neighbours is searched (pynndescent, which comes with UMAP;
# Dong, Charikar & Li 2011), which takes minutes to make and finds most of the nearest, not always all.
EXACT_UP_TO = 80_000
MOST_VALUES = 1 << 29  # of all points in float32, which the graph is made of: 2 GiB. More stay exact.
_MAKING = threading.Lock()  # numba's threads bear one at a time on some machines, and two would share the cores
CHUNK_VALUES = 1 << 23


class Nearest:
    """Looks among points (n, D), whose values are divided by `white`: uint8 images are kept as they are."""

    def __init__(self, points: Tensor, white: float = 1.0) -> None:
        self.points, self.white = points.flatten(1), white
        self._index: Any = None

    @property
    def many(self) -> bool:
        """Whether there are so many points that a graph of them is worth its making, and it has room."""
        return len(self.points) > EXACT_UP_TO and self.points.numel() < MOST_VALUES

    def prepare(self) -> None:
        """Makes the graph. It takes minutes and may be done beside: until it is there, answers are exact."""
        from pynndescent import NNDescent

        with _MAKING:
            points = self.points.div(self.white).float().numpy()  # one copy, from uint8 too
            # One core: the server's others have people to serve.
            index = NNDescent(points, metric="euclidean", random_state=0, n_jobs=1)
            index.prepare()
        self._index = index

    @property
    def exact(self) -> bool:
        """Whether every distance is computed."""
        return self._index is None

    def near(self, at: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Rows of the `count` nearest to `at` (D,), nearest first, and their distances (count,)."""
        count = min(count, len(self.points))
        index = self._index
        if index is not None:
            found, distances = index.query(at.float()[None].numpy(), k=count, epsilon=0.2)
            return torch.from_numpy(found[0]).long(), torch.from_numpy(distances[0]).double()
        step = max(1, CHUNK_VALUES // self.points.shape[1])
        # Differences, not the expanded square: among near ones that would lose its digits.
        squares = []
        for part in self.points.split(step):
            check_cancelled()
            squares.append((part.float().div_(self.white) - at.float()).square_().sum(1, dtype=torch.float64))
        found = torch.cat(squares).topk(count, largest=False)
        return found.indices, found.values.sqrt()
