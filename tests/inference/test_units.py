"""Rates by dimension, the information in z and the aggregate posterior, against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor

from explorer.inference import units as module
from explorer.inference.units import Units, aggregate_log_density, kl_by_dimension, measure_units


def codes(n: int, d: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator), 0.1 + torch.rand(n, d, generator=generator)


def measured(loc: Tensor, scale: Tensor, draws: int = 20_000) -> Units:
    return measure_units(loc, scale, draws=draws, generator=torch.Generator().manual_seed(1))


def test_the_kl_of_a_dimension_is_the_integral() -> None:
    loc, scale = codes(4, 2)
    found = kl_by_dimension(loc, scale)
    for i in range(4):
        for j in range(2):
            q = stats.norm(loc[i, j].item(), scale[i, j].item())
            value, _ = integrate.quad(
                lambda z, q=q: q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z)), -12, 12, limit=200
            )
            assert found[i, j].item() == pytest.approx(value, abs=1e-7)


def test_the_aggregate_density_is_the_mixtures(monkeypatch: pytest.MonkeyPatch) -> None:
    loc, scale = codes(30, 3)
    z = 2 * torch.randn(50, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    parts = zip(loc.double().numpy(), scale.double().numpy(), strict=True)
    brute = np.log(np.mean([stats.norm(m, s).pdf(z.numpy()).prod(1) for m, s in parts], 0))
    assert aggregate_log_density(loc, scale, z).tolist() == pytest.approx(brute.tolist(), abs=1e-9)
    monkeypatch.setattr(module, "PAIRS", 70)
    assert aggregate_log_density(loc, scale, z).tolist() == pytest.approx(brute.tolist(), abs=1e-9)


def test_the_aggregate_density_of_narrow_codes_far_out_keeps_its_digits() -> None:
    """z^2 / s^2 - 2 z m / s^2 + m^2 / s^2 is a difference of numbers near 1e8."""
    loc, scale = torch.full((1, 2), 5.0), torch.full((1, 2), 1e-3)
    z = loc.double() + 2e-3
    exact = stats.norm(5.0, float(scale[0, 0])).logpdf(z.numpy()).sum()
    assert aggregate_log_density(loc, scale, z).item() == pytest.approx(exact, abs=1e-4)


def test_rate_information_and_marginal_against_integrals() -> None:
    """A few codes of one dimension, where both parts of the rate are integrals over a line."""
    loc, scale = codes(5, 1)
    each = [stats.norm(m, s) for m, s in zip(loc[:, 0].tolist(), scale[:, 0].tolist(), strict=True)]
    z = np.linspace(-9, 9, 20_001)
    density = np.array([q.pdf(z) for q in each])
    mixture = density.mean(0)
    inside = np.where(density > 0, density * np.log(np.maximum(density, 1e-300) / np.maximum(mixture, 1e-300)), 0)
    information = np.trapezoid(inside.mean(0), z)
    marginal = np.trapezoid(mixture * (np.log(np.maximum(mixture, 1e-300)) - stats.norm.logpdf(z)), z)
    # Of five images all are drawn from, but once each: repeated, they say what the integrals are.
    found = measured(loc.repeat(2_000, 1), scale.repeat(2_000, 1), draws=2_000)
    assert abs(found.information - information) < 4 * found.error
    assert abs(found.marginal - marginal) < 4 * found.error
    assert found.rate == pytest.approx(information + marginal, abs=1e-6)
    assert 0 < found.error < 0.05


@pytest.mark.parametrize(("n", "d"), [(1, 2), (7, 2), (300, 2), (2_000, 6)])
def test_the_rate_falls_in_two_and_no_image_says_more_than_its_number(n: int, d: int) -> None:
    loc, scale = codes(n, d)
    found = measured(loc, scale, draws=1_000)
    assert found.n == n
    assert found.rate == pytest.approx(found.information + found.marginal, abs=1e-9)
    assert found.rate == pytest.approx(kl_by_dimension(loc, scale).sum(1).mean().item(), abs=1e-9)
    assert found.kl.sum().item() == pytest.approx(found.rate, abs=1e-9)
    assert found.information <= math.log(n) + 1e-9


def test_codes_far_apart_say_which_image_it_was() -> None:
    loc, scale = codes(64, 2)
    found = measured(100 * loc, 0.01 * scale)
    assert found.information == pytest.approx(math.log(64), abs=1e-6)


def test_collapse_says_nothing() -> None:
    found = measured(torch.zeros(50, 3), torch.ones(50, 3))
    assert (found.rate, found.information, found.marginal) == pytest.approx((0, 0, 0), abs=1e-12)
    assert not found.active.any() and found.variance.tolist() == [0, 0, 0]


def test_a_unit_is_active_where_its_mean_moves() -> None:
    """Burda, Grosse & Salakhutdinov (2016): variance over the images above 0.01, whatever the scale."""
    loc = torch.randn(4_000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.09, 0.12])
    found = measured(loc, torch.full_like(loc, 0.5), draws=10)
    assert found.active.tolist() == [True, False, True]
    assert found.variance.tolist() == pytest.approx(loc.double().numpy().var(0).tolist())


def test_few_draws_are_within_their_standard_error() -> None:
    """Forty estimates scatter around the exact one as they say."""
    loc, scale = codes(400, 2)
    grid = torch.randn(40_000, 2, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    rows = torch.arange(len(grid)) % 400
    z = loc.double()[rows] + scale.double()[rows] * grid
    own = torch.distributions.Normal(loc.double()[rows], scale.double()[rows]).log_prob(z).sum(1)
    exact = (own - aggregate_log_density(loc, scale, z)).mean().item()
    away = []
    for seed in range(40):
        found = measure_units(loc, scale, draws=200, generator=torch.Generator().manual_seed(seed))
        away.append((found.information - exact) / found.error)
    assert 0.6 < np.std(away) < 1.5 and abs(np.mean(away)) < 0.6


def test_the_density_is_the_same_however_few_pairs_there_are_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = torch.Generator().manual_seed(3)
    loc, z = (torch.randn(n, 3, generator=draw, dtype=torch.float64) for n in (50, 20))
    scale = torch.rand(50, 3, generator=draw, dtype=torch.float64) + 0.1
    whole = aggregate_log_density(loc, scale, z)
    monkeypatch.setattr(module, "PAIRS", 1)
    torch.testing.assert_close(aggregate_log_density(loc, scale, z), whole, rtol=0, atol=1e-12)
