"""Fixed nodes for an expectation under a Gaussian, the same in torch and in the browser.

    E[f(eps)], eps ~ N(0, I)   is estimated by   sum_k weight_k f(node_k)

Up to two dimensions: Gauss-Hermite, exact (but for the negligible nodes left out) for
polynomials of degree below twice the nodes along an axis (Golub & Welsch 1969). Above:
randomised quasi-Monte Carlo, scrambled Sobol points (a random linear scramble and a
digital shift: Matousek 1998) mapped through the normal quantile, each with its mirror
image, in independent replicates whose scatter gives a standard error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# A Gauss-Hermite node below this weight moves no sum that is shown (log-likelihoods
# there would have to differ by 1e4 nats to matter at 1e-5); all of them together hold
# less than 1e-7 of the mass.
NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Rule:
    """Nodes (k, d) and weights (k,), float64; the weights sum to 1.

    `replicates` > 1 says that the nodes are that many blocks of equal length, each an estimate of its own; `finer`, by
    how much all of them together are better than their scatter says.
    """

    nodes: Tensor
    weights: Tensor
    replicates: int = 1
    finer: float = 1.0

    def __len__(self) -> int:
        return len(self.weights)

    def expectation(self, values: Tensor) -> Tensor:
        """The estimate from f's values at the nodes (k,), in float64."""
        return (self.weights * values.double()).sum()

    def standard_error(self, values: Tensor) -> Tensor | None:
        """From the scatter of the replicates' means; None for a quadrature."""
        if self.replicates < 2:
            return None
        weights = self.weights.view(self.replicates, -1)
        means = (weights * values.double().view(self.replicates, -1)).sum(1) / weights.sum(1)
        return means.std() / math.sqrt(self.replicates) / self.finer


def gaussian_rule(dimensions: int, nodes: int, *, replicates: int = 1, seed: int = 0, whiten: bool = False) -> Rule:
    """About `nodes` nodes for a standard Gaussian.

    Args:
        dimensions: d >= 1.
        nodes: of the whole rule; a tensor grid takes the largest square up to it, a
            replicated rule the largest power of two a replicate.
        replicates: for d > 2 only.
        seed: of the scrambling.
        whiten: for d > 2, nodes stretched a little so that their second moments are exactly those
            of N(0, I): a few nodes then integrate every quadratic exactly, at the price of a
            small bias beyond. Its replicates are parts of one sequence, so that their scatter overstates the error.

    Raises:
        ValueError: no dimension or no node, or more nodes along an axis than float64 has weights for
            (about 300).
    """
    if dimensions < 1 or nodes < 1:
        raise ValueError(f"a rule needs at least one dimension and one node, not {dimensions} and {nodes}.")
    if dimensions <= 2:
        return _gauss_hermite(dimensions, nodes)
    return _sobol(dimensions, nodes, replicates, seed, whiten)


def _gauss_hermite(dimensions: int, nodes: int) -> Rule:
    with np.errstate(all="ignore"):  # looked at below
        points, weights = np.polynomial.hermite_e.hermegauss(nodes if dimensions == 1 else math.isqrt(nodes))
    weights = weights / weights.sum()
    if not np.isfinite(weights).all():
        raise ValueError(f"{len(points)} nodes along an axis are more than float64 has weights for.")
    grid = np.stack(np.meshgrid(*[points] * dimensions, indexing="ij"), -1).reshape(-1, dimensions)
    product = np.stack(np.meshgrid(*[weights] * dimensions, indexing="ij"), -1).reshape(-1, dimensions).prod(1)
    keep = product > NEGLIGIBLE
    return Rule(torch.from_numpy(grid[keep]), torch.from_numpy(product[keep] / product[keep].sum()))


def _sobol(dimensions: int, nodes: int, replicates: int, seed: int, whiten: bool) -> Rule:
    half = 2 ** int(math.log2(max(nodes // (2 * replicates), 1)))

    def draw(seed: int, count: int) -> Tensor:
        engine = torch.quasirandom.SobolEngine(dimensions, scramble=True, seed=seed)
        return torch.special.ndtri(engine.draw(count, dtype=torch.float64).clamp(1e-9, 1 - 1e-9))

    if whiten:
        draws = draw(seed, half * replicates)
        if len(draws) >= dimensions:
            factor = torch.linalg.cholesky(draws.T @ draws / len(draws))
            draws = torch.linalg.solve_triangular(factor, draws.T, upper=False).T.contiguous()
        blocks = draws.split(half)
    else:
        blocks = tuple(draw(seed + replicate, half) for replicate in range(replicates))
    points = torch.cat([part for eps in blocks for part in (eps, -eps)])
    return Rule(points, torch.full((len(points),), 1 / len(points), dtype=torch.float64), replicates)
