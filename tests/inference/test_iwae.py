"""IWAE-k: a lower bound that tightens, its error, and what its proposal may be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from explorer.config import LIKELIHOODS, ModelConfig
from explorer.inference import elbo
from explorer.inference.evidence.iwae import HEAVY_TAIL, iwae, log_weights
from explorer.models import VAE, build
from tests.helpers.linear_gaussian import images, linear_gaussian
from tests.helpers.oracle import Oracle, binary_images, overflowing_model, tiny_model


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("samples", [1, 2, 29, 50])
def test_with_the_exact_posterior_every_weight_is_p_of_x(samples: int) -> None:
    model, marginal = linear_gaussian()
    x = torch.randn(6, 1, 1, 5, generator=seeded(1), dtype=torch.float64) * 2
    expected = marginal.logpdf(x.flatten(1).numpy())
    estimate = iwae(model, x, samples=samples)
    np.testing.assert_allclose(estimate.value, expected, atol=1e-9)
    np.testing.assert_allclose(estimate.effective_samples, samples, rtol=1e-9)
    # Of fewer than thirty draws no error is known, however even they are.
    assert estimate.error.isnan().all() if samples < 30 else estimate.error.max() < 1e-6
    # And the ELBO is tight: KL(q || p(z|x)) = 0, in expectation over eps.
    many = x[:1].expand(4_000, -1, -1, -1)
    value = elbo(model, many, generator=seeded(2)).value
    assert abs(value.mean() - expected[0]) < 4 * value.std() / math.sqrt(4_000)  # 4 standard errors


def test_agrees_with_quadrature_within_its_standard_error() -> None:
    scores = []
    for seed in range(12):
        model, x = tiny_model(seed=seed), binary_images(1, seed=seed)
        # A q wider than the posterior: bounded weights, for which the delta method holds.
        estimate = iwae(model, x, samples=4_000, widen=1.6, generator=seeded(seed))
        assert 0 < estimate.error.item() < 0.1
        scores.append((estimate.value.item() - Oracle(model, x).log_evidence()) / estimate.error.item())
    assert np.abs(scores).max() < 4  # standard errors
    # The error is neither far too wide: the mean square of 12 standard normals, within 4 standard errors.
    assert 0.2 < np.square(scores).mean() < 1 + 4 * math.sqrt(2 / 12)


def test_the_bound_rises_with_k_and_stays_below_log_p(model: VAE, x: Tensor) -> None:
    log_p, means, errors = Oracle(model, x).log_evidence(), [], []
    many = x.expand(4_000, -1, -1, -1)
    for k in (1, 3, 10, 50):
        draws = iwae(model, many, samples=k, generator=seeded(k)).value
        means.append(draws.mean().item())
        errors.append(draws.std().item() / math.sqrt(len(draws)))
        assert means[-1] < log_p + 3 * errors[-1]
    for lower, higher, a, b in zip(means, means[1:], errors, errors[1:], strict=False):
        assert higher > lower - 3 * math.hypot(a, b)
    assert means[1] - means[0] > 5 * errors[0]  # the rise is seen, not only allowed


def test_one_sample_is_the_elbo_in_expectation_and_claims_no_error(model: VAE, x: Tensor) -> None:
    many = x.expand(20_000, -1, -1, -1)
    estimate = iwae(model, many, samples=1, generator=seeded())
    oracle = Oracle(model, x)
    expected = oracle.reconstruction() - oracle.kl_to_prior()
    error = estimate.value.std() / math.sqrt(20_000)
    assert abs(estimate.value.mean() - expected) < 4 * error  # 4 standard errors
    assert estimate.error.isnan().all()


@pytest.mark.parametrize("defensive", [0.0, 0.3])
def test_chunks_change_nothing_but_the_draws(
    model: VAE, x: Tensor, defensive: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = iwae(model, x, samples=3_000, defensive=defensive, generator=seeded())
    monkeypatch.setitem(log_weights.__globals__, "VALUES", 7 * 16)  # 3,000 is no multiple of 7
    parts = iwae(model, x, samples=3_000, defensive=defensive, generator=seeded(1))
    spread = math.hypot(whole.error.item(), parts.error.item())
    assert abs(whole.value - parts.value).item() < 4 * spread  # 4 standard errors
    assert parts.error.item() == pytest.approx(whole.error.item(), rel=0.3)


@pytest.mark.parametrize(("count", "samples", "size"), [(9, 40, 3), (1, 500, 8), (30, 1, 8), (3, 10, 2)])
def test_memory_is_bounded_whatever_is_asked_for(
    count: int, samples: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model()
    monkeypatch.setitem(log_weights.__globals__, "VALUES", 20 * size * size)
    decoded: list[int] = []
    model = build(ModelConfig((1, size, size), 2, hidden=(8,)), seed=0).eval()
    model.decoder.register_forward_hook(lambda _, inputs, __: decoded.append(len(inputs[0])))
    shares: list[float] = []
    x = binary_images(count, (1, size, size))
    assert iwae(model, x, samples=samples, progress=shares.append).value.shape == (count,)
    assert max(decoded) <= 20 and sum(decoded) == count * samples
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)


def test_an_image_s_estimate_belongs_to_it(model: VAE) -> None:
    """Weights are matched to images; mixing them up is off by whole nats."""
    x = binary_images(5)
    estimate = iwae(model, x, samples=4_000, generator=seeded())
    exact = np.array([Oracle(model, x[i]).log_evidence() for i in range(5)])
    assert np.ptp(exact) > 1
    assert (np.abs(estimate.value.numpy() - exact) < 4 * estimate.error.numpy()).all()
    other = iwae(model, torch.cat([x[:1], 1 - x[1:]]), samples=4_000, generator=seeded())
    assert other.value[0].item() == pytest.approx(estimate.value[0].item(), abs=1e-5)


def test_error_and_effective_sample_size_from_the_weights_themselves(model: VAE, x: Tensor) -> None:
    (log_weight,) = log_weights(model, x, 300, generator=seeded(3))
    w = log_weight.squeeze(1).exp().numpy()
    estimate = iwae(model, x, samples=300, generator=seeded(3))
    assert estimate.value.item() == pytest.approx(math.log(w.mean()), abs=1e-9)
    assert estimate.error.item() == pytest.approx(w.std(ddof=1) / math.sqrt(300) / w.mean(), rel=1e-9)
    assert estimate.effective_samples.item() == pytest.approx(w.sum() ** 2 / (w**2).sum(), rel=1e-9)
    assert estimate.value.dtype == torch.float64 and estimate.method == "iwae"


@pytest.mark.parametrize(("widen", "defensive"), [(3.0, 0.0), (1.0, 0.25), (0.8, 0.5), (1.0, 1.0), (2.0, 1e-6)])
def test_every_proposal_finds_the_same_number(widen: float, defensive: float) -> None:
    model, marginal = linear_gaussian(shift=0.2)
    x = images(marginal, 8)
    estimate = iwae(model, x, samples=20_000, widen=widen, defensive=defensive, generator=seeded())
    scores = (estimate.value.numpy() - marginal.logpdf(x.flatten(1).numpy())) / estimate.error.numpy()
    assert np.abs(scores).max() < 4 and estimate.error.max() < 0.1


@pytest.mark.parametrize(
    ("chunk", "share", "from_prior"), [(1_000, 0.3, 30), (40, 0.3, 30), (40, 0.7, 70), (7, 1e-6, 1)]
)
def test_the_prior_s_share_of_the_draws_is_as_it_was_asked_for(
    chunk: int, share: float, from_prior: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, marginal = linear_gaussian(shift=50.0)
    likelihood, drawn = model.likelihood, []
    model.likelihood = lambda z: drawn.append(z) or likelihood(z)
    monkeypatch.setitem(log_weights.__globals__, "VALUES", chunk * 5)
    iwae(model, images(marginal, 1), samples=100, defensive=share, generator=seeded())
    assert (torch.cat(drawn).abs() < 10).all(1).sum() == from_prior and len(torch.cat(drawn)) == 100


def test_widening_and_the_prior_find_what_a_narrow_q_misses() -> None:
    model, marginal = linear_gaussian(too_narrow=30, shift=0.5)
    x = images(marginal, 4)
    expected = marginal.logpdf(x.flatten(1).numpy())
    narrow = iwae(model, x, samples=1_000, generator=seeded())
    # Too low by far more than the error says: the heavy tail, of which the effective size gives a hint.
    assert not ((expected - narrow.value.numpy()) <= 3 * narrow.error.numpy()).any()
    assert narrow.effective_samples.max() < 50 and narrow.error.isnan().any()  # of 1,000
    for options in ({"widen": 60.0}, {"defensive": 0.5}):
        better = iwae(model, x, samples=20_000, generator=seeded(), **options)
        assert (np.abs(better.value.numpy() - expected) < 4 * better.error.numpy()).all()
        assert better.effective_samples.min() > 100
    assert "effective sample size" in HEAVY_TAIL and HEAVY_TAIL.endswith(".")


def test_improbable_images_do_not_underflow() -> None:
    model, x = tiny_model(gain=150.0), binary_images(1)
    estimate = iwae(model, x, samples=200, generator=seeded())
    assert estimate.value.item() < -200
    assert torch.isfinite(estimate.value).all() and not estimate.error.isinf().any()


@pytest.mark.parametrize("samples", [1, 10])
def test_where_the_decoder_overflows_there_is_no_weight_and_no_nan(samples: int) -> None:
    model = overflowing_model()
    estimate = iwae(model, binary_images(3), samples=samples, generator=seeded())
    assert (estimate.value == -math.inf).all() and estimate.error.isnan().all()
    assert (estimate.effective_samples == 0).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("log_scale", [-1e4, 1e4])
def test_a_degenerate_q_gives_numbers_all_the_same(likelihood: str, log_scale: float) -> None:
    model = build(ModelConfig((1, 4, 4), 2, hidden=(8,), likelihood=likelihood), seed=0).eval()
    with torch.no_grad():
        model.encoder.network[1][-1].bias[2:] = log_scale
    estimate = iwae(model, binary_images(2), samples=50, generator=seeded())
    assert torch.isfinite(estimate.value).all() and not (estimate.error > 1).any()


def test_no_images_are_no_numbers(model: VAE) -> None:
    assert iwae(model, binary_images(0)).value.shape == (0,)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"samples": 0}, "sample"),
        ({"widen": 0.0}, "widened"),
        ({"widen": math.nan}, "widened"),
        ({"widen": math.inf}, "widened"),
        ({"defensive": -0.1}, "prior"),
        ({"defensive": 1.1}, "prior"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(model: VAE, x: Tensor, options: dict, word: str) -> None:
    with pytest.raises(ValueError, match=rf"{word}.*\.$"):
        iwae(model, x, **options)
