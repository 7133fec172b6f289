"""The loss is minus the ELBO and nothing else, unless it was asked to be a relative of it."""

from __future__ import annotations

import pytest
import torch

from explorer.inference.elbo import Terms
from explorer.training.objectives import loss


def terms(kl: list[list[float]]) -> Terms:
    per_dimension = torch.tensor(kl, dtype=torch.float64, requires_grad=True)
    return Terms(torch.linspace(-90, -70, len(kl), dtype=torch.float64), per_dimension.sum(1), per_dimension)


def test_it_is_minus_the_elbo() -> None:
    t = terms([[1.0, 0.0], [3.0, 2.0]])
    assert loss(t).item() == pytest.approx(-t.value.mean().item())


def test_beta_weighs_the_kl_alone() -> None:
    t = terms([[1.0, 0.0], [3.0, 2.0]])
    assert (loss(t, beta=4.0) - loss(t)).item() == pytest.approx(3 * t.kl.mean().item())


def test_free_bits_are_free_for_each_dimension_on_average_over_the_batch() -> None:
    t = terms([[1.0, 0.1], [3.0, 0.3]])  # means 2 and 0.2
    assert (loss(t, free_bits=0.5) - loss(t)).item() == pytest.approx(0.5 - 0.2)
    loss(t, free_bits=0.5).backward()
    gradient = t.kl_per_dimension.grad
    assert gradient[:, 0].tolist() == [0.5, 0.5] and gradient[:, 1].tolist() == [0.0, 0.0]
    # On average: one image below and one above are neither of them cut off.
    assert loss(terms([[1.0, 0.1], [3.0, 0.9]]), free_bits=0.5).item() == pytest.approx(80 + 2 + 0.5)
    # A dimension above its allowance pays for all of it, not for the rest.
    assert loss(terms([[2.0, 2.0]]), free_bits=0.5).item() == pytest.approx(loss(terms([[2.0, 2.0]])).item())
