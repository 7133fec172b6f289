"""Annealed importance sampling: p(x) without bias, also where q(z|x) is of no use."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from explorer.config import ModelConfig
from explorer.inference.evidence.annealed import annealed, schedule
from explorer.inference.evidence.iwae import iwae
from explorer.models import VAE, build
from tests.helpers.linear_gaussian import images, linear_gaussian
from tests.helpers.oracle import Oracle, binary_images, overflowing_model, tiny_model


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("d", [1, 3])
def test_against_the_closed_form(d: int) -> None:
    model, marginal = linear_gaussian(d=d, pixels=8, noise=0.5)
    x = images(marginal, 20)
    estimate = annealed(model, x, steps=60, chains=24, leapfrogs=4, generator=seeded())
    scores = (estimate.value.numpy() - marginal.logpdf(x.flatten(1).numpy())) / estimate.error.numpy()
    assert np.abs(scores).max() < 5 and estimate.error.mean() < 0.3  # 20 errors, each of 24 chains
    assert np.square(scores).mean() < 1 + 4 * math.sqrt(2 / 20)
    assert abs(scores.mean()) < 4 / math.sqrt(20)
    assert estimate.method == "annealed" and estimate.effective_samples.min() > 5


@pytest.mark.parametrize("steps", [1, 3, 12])
def test_weights_are_unbiased_for_p_of_x_after_any_number_of_steps(steps: int) -> None:
    """The mean of exp(value) is p(x) however short the way is; that of value, below log p(x)."""
    model, marginal = linear_gaussian(noise=1.0)
    x = images(marginal, 1)
    log_p = marginal.logpdf(x.flatten(1).numpy()).item()
    estimate = annealed(model, x.expand(8_000, -1, -1, -1), steps=steps, chains=1, leapfrogs=2, generator=seeded())
    ratio = (estimate.value - log_p).exp()
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / math.sqrt(len(ratio))
    assert estimate.value.mean() < log_p
    assert estimate.error.isnan().all()


def test_where_q_misses_the_posterior_iwae_fails_and_annealing_does_not() -> None:
    x = binary_images(6)
    model = tiny_model()
    with torch.no_grad():
        layer = model.encoder.network[1][-1]
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([5.0, -5.0, -4.0, -4.0]))
    exact = np.array([Oracle(model, image).log_evidence() for image in x])
    near_q = iwae(model, x, samples=2_000, generator=seeded())
    assert (exact - near_q.value.numpy() > 4).all() and not (near_q.error > 1).any()
    estimate = annealed(model, x, steps=100, chains=32, leapfrogs=5, generator=seeded())
    assert (np.abs(estimate.value.numpy() - exact) < 5 * estimate.error.numpy()).all()
    assert estimate.error.max() < 0.2


def test_a_longer_way_is_closer() -> None:
    model, marginal = linear_gaussian(d=4, pixels=8, noise=0.2)
    x = images(marginal, 30)
    short, long = (annealed(model, x, steps=steps, chains=4, leapfrogs=4, generator=seeded()) for steps in (5, 80))
    expected = marginal.logpdf(x.flatten(1).numpy())
    assert (expected - short.value.numpy()).mean() > 3 * abs((expected - long.value.numpy()).mean())


def test_an_image_s_chains_belong_to_it_in_chunks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    x = binary_images(5)
    exact = np.array([Oracle(model, image).log_evidence() for image in x])
    assert np.ptp(exact) > 1
    decoded: list[int] = []
    model.decoder.register_forward_hook(lambda _, inputs, __: decoded.append(len(inputs[0])))
    for chains_at_once in (1_000, 24, 9):  # all together, two images at once, one image's chains in parts
        monkeypatch.setitem(annealed.__globals__, "VALUES", chains_at_once * 16)
        decoded.clear()
        shares: list[float] = []
        options = {"steps": 30, "chains": 12, "leapfrogs": 3, "progress": shares.append}
        estimate = annealed(model, x, generator=seeded(1), **options)
        assert max(decoded) <= chains_at_once
        assert (np.abs(estimate.value.numpy() - exact) < 5 * estimate.error.numpy()).all()
        assert estimate.error.max() < 0.4
        assert shares == sorted(shares) and shares[-1] == pytest.approx(1)


def test_it_works_inside_inference_mode_and_leaves_no_gradient_behind(model: VAE, x: Tensor) -> None:
    model.requires_grad_(True)
    outside = annealed(model, x, steps=5, chains=3, generator=seeded(4))
    with torch.inference_mode():
        inside = annealed(model, x[:1] * 1, steps=5, chains=3, generator=seeded(4))
    assert torch.equal(outside.value, inside.value) and not outside.value.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("steps", [1, 2, 7, 500])
def test_temperatures_rise_from_zero_to_one_slowly_at_both_ends(steps: int) -> None:
    temperatures = schedule(steps)
    assert len(temperatures) == steps + 1 and (temperatures[0], temperatures[-1]) == (0.0, 1.0)
    rises = np.diff(temperatures)
    assert (rises > 0).all() and rises[0] == pytest.approx(rises[-1])
    assert steps < 7 or rises[0] < 1 / steps < rises[steps // 2]


def test_improbable_images_and_overflow_give_no_nan() -> None:
    x = binary_images(2)
    estimate = annealed(tiny_model(gain=150.0), x, steps=20, chains=4, generator=seeded())
    assert (estimate.value < -50).all() and torch.isfinite(estimate.value).all() and estimate.error.isnan().all()
    nothing = annealed(overflowing_model(), x, steps=5, chains=4, generator=seeded())
    assert (nothing.value == -math.inf).all() and nothing.error.isnan().all()


@pytest.mark.parametrize("likelihood", ["continuous-bernoulli", "gaussian", "discretised-logistic"])
def test_other_likelihoods_against_draws_of_the_prior(likelihood: str) -> None:
    model = build(ModelConfig((1, 4, 4), 3, hidden=(8,), likelihood=likelihood), seed=0).eval()
    x = torch.rand(3, 1, 4, 4, generator=seeded(2)).mul(255).round() / 255
    from_prior = iwae(model, x, samples=20_000, defensive=1.0, generator=seeded())
    estimate = annealed(model, x, steps=60, chains=16, leapfrogs=4, generator=seeded())
    spread = (from_prior.error.square() + estimate.error.square()).sqrt()
    assert ((estimate.value - from_prior.value).abs() < 5 * spread).all() and spread.max() < 0.3


@pytest.mark.parametrize("options", [{"steps": 0}, {"chains": 0}, {"leapfrogs": 0}])
def test_nonsense_is_refused_in_a_sentence(model: VAE, x: Tensor, options: dict) -> None:
    with pytest.raises(ValueError, match=r"at least one.*0.*\.$"):
        annealed(model, x, **options)


def test_no_images_are_no_numbers(model: VAE) -> None:
    assert annealed(model, binary_images(0)).value.shape == (0,)
