"""Nodes and weights for expectations under a Gaussian: exactness, and honest errors."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from explorer.inference import gaussian_rule


def moment(power: int) -> float:
    """E[eps^power] = (power - 1)!! for even powers, 0 for odd ones."""
    return float(math.prod(range(power - 1, 0, -2))) if power % 2 == 0 else 0.0


@pytest.mark.parametrize("count", [1, 2, 5, 8, 12])
def test_gauss_hermite_is_exact_up_to_degree_2n_minus_1_and_no_further(count: int) -> None:
    rule = gaussian_rule(1, count)
    assert rule.nodes.shape == (count, 1)
    for power in range(2 * count):
        size = rule.expectation(rule.nodes[:, 0].abs() ** power).item()
        assert abs(rule.expectation(rule.nodes[:, 0] ** power).item() - moment(power)) < 1e-11 * max(size, 1)
    assert rule.expectation(rule.nodes[:, 0] ** (2 * count)).item() < moment(2 * count) * (1 - 1e-6)


def test_gauss_hermite_in_two_dimensions_is_exact_in_each() -> None:
    rule = gaussian_rule(2, 64)
    assert rule.nodes.shape == (64, 2)
    for a in range(0, 16):
        for b in range(0, 16, 3):
            value = rule.expectation(rule.nodes[:, 0] ** a * rule.nodes[:, 1] ** b).item()
            assert value == pytest.approx(
                moment(a) * moment(b), rel=1e-10, abs=1e-10 * moment(a + a % 2) * moment(b + b % 2)
            )


@pytest.mark.parametrize(("dimensions", "count"), [(1, 32), (1, 256), (2, 64), (2, 576), (2, 1024)])
def test_negligible_nodes_that_were_dropped_move_nothing(dimensions: int, count: int) -> None:
    rule = gaussian_rule(dimensions, count)
    assert len(rule) <= count
    assert rule.weights.sum().item() == pytest.approx(1, abs=1e-14)
    # E[exp(a.eps)] = exp(|a|^2/2) and E[cos(a.eps)] = exp(-|a|^2/2); 1e-5 is what the constant in rules.py claims.
    along = rule.nodes.sum(1)
    assert rule.expectation(torch.exp(along)).item() == pytest.approx(math.exp(dimensions / 2), rel=1e-5)
    assert rule.expectation(torch.cos(along)).item() == pytest.approx(math.exp(-dimensions / 2), rel=1e-5)
    # Log-likelihoods that fall by thousands of nats towards the edge: a quartic of eps.
    assert rule.expectation(-100 * rule.nodes[:, 0] ** 4).item() == pytest.approx(-300, rel=1e-4)


def test_more_nodes_than_float64_has_weights_for_are_refused() -> None:
    assert gaussian_rule(1, 256).weights.isfinite().all()
    with pytest.raises(ValueError, match="512 nodes"):
        gaussian_rule(1, 512)


def test_a_grid_is_the_largest_square_that_was_paid_for() -> None:
    for count in range(1, 65):
        assert len(gaussian_rule(2, count)) == math.isqrt(count) ** 2


@pytest.mark.parametrize("dimensions", [3, 16, 64, 200])
def test_replicated_rules_have_the_gaussian_s_moments(dimensions: int) -> None:
    rule = gaussian_rule(dimensions, 512, replicates=8)
    assert rule.nodes.shape == (512, dimensions) and rule.replicates == 8
    assert rule.weights.sum().item() == pytest.approx(1, abs=1e-12)
    assert torch.isfinite(rule.nodes).all()
    # Each node has its mirror image, so odd functions integrate exactly.
    torch.testing.assert_close(
        (rule.weights[:, None] * rule.nodes).sum(0), torch.zeros(dimensions).double(), atol=1e-12, rtol=0
    )
    squares = rule.nodes.square()
    assert rule.expectation(squares.mean(1)).item() == pytest.approx(1, abs=0.02)
    assert (squares.mean(0) - 1).abs().max() < 0.15


def test_replicates_differ_and_the_seed_repeats() -> None:
    rule = gaussian_rule(5, 256, replicates=4, seed=3)
    blocks = rule.nodes.view(4, 64, 5)
    assert all(not torch.allclose(blocks[i], blocks[j]) for i in range(4) for j in range(i))
    assert torch.equal(rule.nodes, gaussian_rule(5, 256, replicates=4, seed=3).nodes)
    assert not torch.equal(rule.nodes, gaussian_rule(5, 256, replicates=4, seed=4).nodes)


@pytest.mark.parametrize(("nodes", "replicates"), [(512, 8), (500, 8), (64, 1), (3, 8)])
def test_a_replicate_is_a_power_of_two_and_its_mirror(nodes: int, replicates: int) -> None:
    rule = gaussian_rule(3, nodes, replicates=replicates)
    half = len(rule) / (2 * replicates)
    assert math.log2(half).is_integer()
    assert half == 1 or 2 * replicates * half <= nodes < 4 * replicates * half


@pytest.mark.parametrize("dimensions", [3, 16, 64])
def test_the_standard_error_is_honest(dimensions: int) -> None:
    """error / standard error of 8 replicates follows Student's t with 7 degrees of freedom, near enough.

    (Not for a function as skewed as a lognormal of variance 7, which no t interval covers well.)
    """
    a = torch.linspace(0.2, 0.5, dimensions, dtype=torch.float64)
    a = a / (2 * a.norm())
    expected = math.exp(a.square().sum().item() / 2)
    inside, runs = 0, 150
    for run in range(runs):
        rule = gaussian_rule(dimensions, 256, replicates=8, seed=1_000 * (run + 1))
        values = torch.exp(rule.nodes @ a)
        error = rule.standard_error(values)
        assert error is not None and error > 0
        inside += bool(abs(rule.expectation(values) - expected) < 2.365 * error)  # t_7's 97.5 % quantile
    # Binomial(150, 0.95): mean 142.5, standard error 2.7 runs; the tolerance is 4 of them.
    assert abs(inside - 142.5) <= 10.8


def test_the_standard_error_is_that_of_the_mean_of_the_replicates() -> None:
    rule = gaussian_rule(3, 64, replicates=4)
    values = torch.rand(64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    blocks = values.view(4, 16).mean(1).numpy()
    error = rule.standard_error(values)
    assert error is not None and error.item() == pytest.approx(stats.sem(blocks), rel=1e-12)
    assert rule.expectation(values).item() == pytest.approx(blocks.mean(), rel=1e-12)


def test_quasi_random_nodes_beat_random_ones() -> None:
    a = torch.full((4,), 0.5, dtype=torch.float64)
    rule = gaussian_rule(4, 512, replicates=8)
    error = rule.standard_error(torch.exp(rule.nodes @ a))
    plain = math.sqrt((math.e**2 - math.e) / 512)  # sd of a lognormal with variance 1 of its logarithm
    assert error is not None and error < plain / 2


def test_a_quadrature_claims_no_standard_error() -> None:
    rule = gaussian_rule(2, 64)
    assert rule.standard_error(torch.ones(64)) is None


@pytest.mark.parametrize(("dimensions", "nodes"), [(1, 0), (2, 0), (0, 8), (3, 0)])
def test_an_empty_rule_is_refused(dimensions: int, nodes: int) -> None:
    with pytest.raises(ValueError):
        gaussian_rule(dimensions, nodes)


@pytest.mark.parametrize("dimensions", [3, 16])
def test_a_whitened_rule_integrates_every_quadratic_exactly(dimensions: int) -> None:
    rule = gaussian_rule(dimensions, 64, whiten=True)
    moments = (rule.weights[:, None] * rule.nodes).T @ rule.nodes
    torch.testing.assert_close(moments, torch.eye(dimensions, dtype=torch.float64), atol=1e-12, rtol=0)
    assert (rule.weights[:, None] * rule.nodes).sum(0).abs().max() < 1e-12
