"""Importance estimates of log p(x): a lower bound that tightens, and its error."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Independent, Normal

from explorer.inference import elbo
from explorer.inference.evidence import log_evidence
from explorer.models import VAE

from .oracle import Oracle, binary_images, tiny_model


def linear_gaussian(seed: int = 0, d: int = 2, pixels: int = 5, noise: float = 0.7) -> tuple[SimpleNamespace, object]:
    """p(x|z) = N(Wz + b, noise²), with q(z|x) its exact posterior where W has orthogonal columns; and p(x)."""
    generator = torch.Generator().manual_seed(seed)
    w, _ = torch.linalg.qr(torch.randn(pixels, d, generator=generator, dtype=torch.float64))
    w = w * torch.tensor([2.0, 0.5], dtype=torch.float64)
    b = torch.randn(pixels, generator=generator, dtype=torch.float64)
    # Bishop (2006), eq. 2.116: precision I + WᵀW / noise², diagonal here.
    variance = 1 / (1 + w.square().sum(0) / noise**2)

    def posterior(x: Tensor) -> Independent:
        loc = variance * ((x.flatten(1) - b) @ w) / noise**2
        return Independent(Normal(loc, variance.sqrt().expand_as(loc)), 1)

    def likelihood(z: Tensor) -> Independent:
        return Independent(Normal((z @ w.T + b).view(-1, 1, 1, pixels), noise), 3)

    zero = torch.zeros(d, dtype=torch.float64)
    model = SimpleNamespace(
        prior=lambda: Independent(Normal(zero, zero + 1), 1), posterior=posterior, likelihood=likelihood
    )
    covariance = (w @ w.T + noise**2 * torch.eye(pixels)).numpy()
    return model, stats.multivariate_normal(b.numpy(), covariance)


@pytest.mark.parametrize("samples", [1, 2, 50])
def test_with_the_exact_posterior_every_weight_is_p_of_x(samples: int) -> None:
    model, marginal = linear_gaussian()
    x = torch.randn(6, 1, 1, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2
    expected = marginal.logpdf(x.flatten(1).numpy())
    estimate = log_evidence(model, x, samples=samples)
    np.testing.assert_allclose(estimate.value, expected, atol=1e-9)
    if samples > 1:
        assert estimate.standard_error.max() < 1e-6
    # And the ELBO is tight: KL(q || p(z|x)) = 0, in expectation over eps.
    many = x[:1].expand(4_000, -1, -1, -1)
    value = elbo(model, many, generator=torch.Generator().manual_seed(2)).value
    assert abs(value.mean() - expected[0]) < 4 * value.std() / math.sqrt(4_000)  # 4 standard errors


def test_agrees_with_quadrature_within_its_standard_error() -> None:
    scores = []
    for seed in range(12):
        model, x = tiny_model(seed=seed), binary_images(1, seed=seed)
        # A q wider than the posterior: bounded weights, for which the delta method holds.
        with torch.no_grad():
            model.encoder.network[1][-1].bias[2:] += 0.5
        estimate = log_evidence(model, x, samples=4_000, generator=torch.Generator().manual_seed(seed))
        assert 0 < estimate.standard_error.item() < 0.1
        scores.append((estimate.value.item() - Oracle(model, x).log_evidence()) / estimate.standard_error.item())
    assert np.abs(scores).max() < 4  # standard errors
    # The error is neither far too wide: the mean square of 12 standard normals, within 4 standard errors.
    assert 0.2 < np.square(scores).mean() < 1 + 4 * math.sqrt(2 / 12)


def test_the_bound_rises_with_k_and_stays_below_log_p(model: VAE, x: Tensor) -> None:
    log_p, means, errors = Oracle(model, x).log_evidence(), [], []
    many = x.expand(4_000, -1, -1, -1)
    for k in (1, 3, 10, 50):
        draws = log_evidence(model, many, samples=k, generator=torch.Generator().manual_seed(k)).value
        means.append(draws.mean().item())
        errors.append(draws.std().item() / math.sqrt(len(draws)))
        assert means[-1] < log_p + 3 * errors[-1]
    for lower, higher, a, b in zip(means, means[1:], errors, errors[1:], strict=False):
        assert higher > lower - 3 * math.hypot(a, b)
    assert means[1] - means[0] > 5 * errors[0]  # the rise is seen, not only allowed


def test_one_sample_is_the_elbo_in_expectation_and_claims_no_error(model: VAE, x: Tensor) -> None:
    many = x.expand(20_000, -1, -1, -1)
    estimate = log_evidence(model, many, samples=1, generator=torch.Generator().manual_seed(0))
    oracle = Oracle(model, x)
    expected = oracle.reconstruction() - oracle.kl_to_prior()
    error = estimate.value.std() / math.sqrt(20_000)
    assert abs(estimate.value.mean() - expected) < 4 * error  # 4 standard errors
    assert torch.isinf(estimate.standard_error).all()


def test_chunks_change_nothing_but_the_draws(model: VAE, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = log_evidence(model, x, samples=3_000, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("explorer.inference.evidence.CHUNK", 7)  # 3,000 is no multiple of it
    parts = log_evidence(model, x, samples=3_000, generator=torch.Generator().manual_seed(1))
    spread = math.hypot(whole.standard_error.item(), parts.standard_error.item())
    assert abs(whole.value - parts.value).item() < 4 * spread  # 4 standard errors
    assert parts.standard_error.item() == pytest.approx(whole.standard_error.item(), rel=0.3)


def test_an_image_s_estimate_belongs_to_it(model: VAE) -> None:
    """Weights are matched to images; mixing them up is off by whole nats."""
    x = binary_images(5)
    estimate = log_evidence(model, x, samples=4_000, generator=torch.Generator().manual_seed(0))
    exact = np.array([Oracle(model, x[i]).log_evidence() for i in range(5)])
    assert np.ptp(exact) > 1
    assert (np.abs(estimate.value.numpy() - exact) < 4 * estimate.standard_error.numpy()).all()
    other = log_evidence(
        model, torch.cat([x[:1], 1 - x[1:]]), samples=4_000, generator=torch.Generator().manual_seed(0)
    )
    assert other.value[0].item() == pytest.approx(estimate.value[0].item(), abs=1e-5)


def test_improbable_images_do_not_underflow() -> None:
    model, x = tiny_model(gain=150.0), binary_images(1)
    estimate = log_evidence(model, x, samples=200, generator=torch.Generator().manual_seed(0))
    assert estimate.value.item() < -200
    assert torch.isfinite(estimate.value).all() and torch.isfinite(estimate.standard_error).all()


def test_an_unknown_method_and_no_samples_are_refused(model: VAE, x: Tensor) -> None:
    with pytest.raises(ValueError, match="importance"):
        log_evidence(model, x, method="guess")
    with pytest.raises(ValueError, match="sample"):
        log_evidence(model, x, samples=0)
