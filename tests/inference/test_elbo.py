"""The ELBO and its terms, against closed forms, quadrature in float64 and finite differences."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Normal

from explorer.inference import elbo, gaussian_rule, gaussian_terms, point_terms
from explorer.models import VAE
from tests.helpers.oracle import Oracle, binary_images, tiny_model


def standard(d: int, dtype: torch.dtype = torch.float32) -> Independent:
    return Independent(Normal(torch.zeros(d, dtype=dtype), torch.ones(d, dtype=dtype)), 1)


def free_q(loc: Tensor, scale: Tensor) -> SimpleNamespace:
    """A model whose q(z|x) is given, and whose decoder says nothing about x."""
    return SimpleNamespace(
        prior=lambda: standard(loc.shape[1], loc.dtype),
        posterior=lambda x: Independent(Normal(loc, scale), 1),
        likelihood=lambda z: Independent(Bernoulli(logits=z.new_zeros(len(z), 1, 1, 1)), 3),
    )


def in_float64(model: VAE) -> SimpleNamespace:
    """The same densities, wide enough for finite differences."""
    wide = copy.deepcopy(model).double().requires_grad_(True)

    def posterior(x: Tensor) -> Independent:
        loc, log_scale = wide.encoder.network(x).chunk(2, dim=-1)
        return Independent(Normal(loc, log_scale.exp()), 1)

    return SimpleNamespace(
        weights=list(wide.parameters()),
        prior=lambda: standard(model.config.latent, torch.float64),
        posterior=posterior,
        likelihood=lambda z: Independent(Bernoulli(logits=wide.decoder.network(z)), 3),
    )


def test_kl_is_the_closed_form_and_its_dimensions_sum_to_it() -> None:
    generator = torch.Generator().manual_seed(0)
    loc = torch.randn(7, 3, generator=generator) * 2
    scale = torch.rand(7, 3, generator=generator) * 3 + 0.01
    terms = elbo(free_q(loc, scale), torch.zeros(7, 1, 1, 1))
    m, s = loc.double().numpy(), scale.double().numpy()
    expected = 0.5 * (m**2 + s**2 - 1) - np.log(s)  # Kingma & Welling (2014), appendix B
    np.testing.assert_allclose(terms.kl_per_dimension, expected, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(terms.kl, expected.sum(1), rtol=2e-5)
    assert torch.equal(terms.value, terms.log_likelihood - terms.kl)


def test_kl_is_zero_for_the_prior_and_never_below() -> None:
    near = 1 + torch.linspace(-1e-3, 1e-3, 21)[:, None]
    terms = elbo(free_q(torch.zeros(21, 1), near), torch.zeros(21, 1, 1, 1))
    assert terms.kl.min() >= 0
    assert terms.kl[10] == 0


def test_kl_against_monte_carlo(model: VAE, x: Tensor) -> None:
    q = model.posterior(x)
    generator = np.random.default_rng(0)
    oracle = Oracle(model, x)
    z = oracle.loc + oracle.scale * generator.standard_normal((200_000, 2))
    draws = oracle.log_q(z) - oracle.log_prior(z)
    error = draws.std() / math.sqrt(len(draws))
    assert abs(elbo(model, x).kl.item() - draws.mean()) < 4 * error  # 4 standard errors
    np.testing.assert_allclose(q.mean[0], oracle.loc, rtol=1e-5, atol=1e-6)


def test_bernoulli_log_prob_is_the_sum_over_pixels(model: VAE) -> None:
    x, z = binary_images(6), torch.randn(6, 2, generator=torch.Generator().manual_seed(3))
    log_prob = model.likelihood(z).log_prob(x)
    assert log_prob.shape == (6,)
    p = torch.sigmoid(model.decoder.network(z).double()).numpy()
    np.testing.assert_allclose(log_prob, stats.bernoulli.logpmf(x.numpy(), p).sum((1, 2, 3)), rtol=1e-5)
    by_hand = [Oracle(model, x[i]).log_likelihood(z[i : i + 1].double().numpy())[0] for i in range(6)]
    np.testing.assert_allclose(log_prob, by_hand, rtol=1e-5)


def test_probabilities_of_all_images_sum_to_one() -> None:
    model = tiny_model()
    likelihood = model.likelihood(torch.tensor([[0.7, -1.2]]))
    every = torch.tensor([[(code >> bit) & 1 for bit in range(16)] for code in range(2**16)]).float()
    total = likelihood.log_prob(every.view(-1, 1, 4, 4)).double().exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-4)


def test_grey_pixels_are_refused(model: VAE, x: Tensor) -> None:
    with pytest.raises(ValueError, match="support"):
        elbo(model, x * 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_elbo_is_below_log_p_by_adaptive_quadrature_in_one_dimension(seed: int) -> None:
    model, x = tiny_model(1, seed=seed), binary_images(1, seed=seed)
    oracle = Oracle(model, x)

    def joint(z: float) -> float:
        at = np.array([[z]])
        return math.exp(oracle.log_likelihood(at)[0] + oracle.log_prior(at)[0])

    log_p = math.log(integrate.quad(joint, -9, 9, epsabs=0, epsrel=1e-9)[0])
    assert oracle.log_evidence() == pytest.approx(log_p, abs=1e-7)  # the grid is as good as scipy
    q = model.posterior(x).base_dist
    terms = gaussian_terms(model, x, q.loc[0], torch.diag(q.scale[0]), gaussian_rule(1, 64))
    assert terms.value.item() < log_p
    assert terms.value.item() + oracle.kl_to_posterior() == pytest.approx(log_p, abs=1e-3)


def test_log_p_by_adaptive_quadrature_in_two_dimensions(model: VAE, x: Tensor) -> None:
    oracle = Oracle(model, x)

    def joint(b: float, a: float) -> float:
        at = np.array([[a, b]])
        return math.exp(oracle.log_likelihood(at)[0] + oracle.log_prior(at)[0])

    p, _ = integrate.dblquad(joint, -7, 7, -7, 7, epsabs=0, epsrel=1e-5)
    assert oracle.log_evidence() == pytest.approx(math.log(p), abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_log_p_is_elbo_plus_kl_to_the_posterior(seed: int) -> None:
    model, x = tiny_model(seed=seed), binary_images(1, seed=seed)
    oracle = Oracle(model, x)
    q = model.posterior(x).base_dist
    terms = gaussian_terms(model, x, q.loc[0], torch.diag(q.scale[0]), gaussian_rule(2, 576))
    gap = oracle.log_evidence() - terms.value.item()
    assert gap > 0.01  # else the identity would hold of anything
    assert gap == pytest.approx(oracle.kl_to_posterior(), abs=1e-3)
    assert terms.log_likelihood.item() == pytest.approx(oracle.reconstruction(), abs=1e-3)
    assert terms.kl.item() == pytest.approx(oracle.kl_to_prior(), abs=1e-3)


@pytest.mark.parametrize("samples", [1, 3])
def test_the_reparameterised_estimate_is_unbiased(model: VAE, x: Tensor, samples: int) -> None:
    many = x.expand(20_000, -1, -1, -1)
    terms = elbo(model, many, samples=samples, generator=torch.Generator().manual_seed(0))
    draws = terms.log_likelihood.double()
    error = draws.std() / math.sqrt(len(draws))
    assert abs(draws.mean() - Oracle(model, x).reconstruction()) < 4 * error  # 4 standard errors
    assert error < 0.02


def test_samples_are_averaged_not_summed(model: VAE, x: Tensor) -> None:
    many = x.expand(4_000, -1, -1, -1)
    spread = [
        elbo(model, many, samples=k, generator=torch.Generator().manual_seed(k)).log_likelihood.var().item()
        for k in (1, 8)
    ]
    assert spread[0] / spread[1] == pytest.approx(8, rel=0.2)  # a variance of 4,000 draws: 5 standard errors


def test_gradient_against_finite_differences_of_the_same_draw(model: VAE) -> None:
    x, wide = binary_images(5).double(), in_float64(model)

    def objective() -> Tensor:
        return elbo(wide, x, generator=torch.Generator().manual_seed(4)).value.mean()

    gradients = torch.autograd.grad(objective(), wide.weights)
    generator = torch.Generator().manual_seed(5)
    for _ in range(5):
        directions = [torch.randn(w.shape, generator=generator, dtype=torch.float64) for w in wide.weights]
        values = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                for weight, direction in zip(wide.weights, directions, strict=True):
                    weight.add_(direction, alpha=step)
                values.append(objective().item())
                for weight, direction in zip(wide.weights, directions, strict=True):
                    weight.sub_(direction, alpha=step)
        slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True)).item()
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(slope, rel=1e-6, abs=1e-7)

    # The model as it is trained, in float32, has the same gradient.
    model.requires_grad_(True)
    loss = elbo(model, x.float(), generator=torch.Generator().manual_seed(4)).value.mean()
    for narrow, exact in zip(torch.autograd.grad(loss, list(model.parameters())), gradients, strict=True):
        torch.testing.assert_close(narrow.double(), exact, rtol=1e-3, atol=1e-4)


def test_gradient_of_the_closed_form_kl() -> None:
    loc = torch.tensor([[0.5, -2.0]], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([[0.3, 1.7]], dtype=torch.float64, requires_grad=True)
    by_loc, by_scale = torch.autograd.grad(elbo(free_q(loc, scale), torch.zeros(1, 1, 1, 1)).kl.sum(), (loc, scale))
    torch.testing.assert_close(by_loc, loc)
    torch.testing.assert_close(by_scale, scale - 1 / scale)


def test_an_image_does_not_see_the_rest_of_its_batch(model: VAE) -> None:
    x = binary_images(9)
    one = elbo(model, x, generator=torch.Generator().manual_seed(0))
    other = elbo(model, torch.cat([x[:1], 1 - x[1:]]), generator=torch.Generator().manual_seed(0))
    for name in ("log_likelihood", "kl", "kl_per_dimension", "value"):
        torch.testing.assert_close(getattr(one, name)[0], getattr(other, name)[0], rtol=1e-6, atol=1e-6)
    assert not torch.allclose(one.value[1:], other.value[1:])
    torch.testing.assert_close(elbo(model, x[3:4]).kl, one.kl[3:4], rtol=1e-5, atol=1e-6)


def test_point_terms_are_the_densities(model: VAE, x: Tensor) -> None:
    z = torch.randn(40, 2, generator=torch.Generator().manual_seed(0)) * 2
    terms, oracle, at = point_terms(model, x, z), Oracle(model, x), z.double().numpy()
    np.testing.assert_allclose(terms.log_likelihood, oracle.log_likelihood(at), rtol=1e-5)
    np.testing.assert_allclose(terms.log_prior, oracle.log_prior(at), rtol=1e-9)
    np.testing.assert_allclose(terms.log_posterior, oracle.log_q(at), rtol=1e-4, atol=1e-4)
    weight = oracle.log_likelihood(at) + oracle.log_prior(at) - oracle.log_q(at)
    np.testing.assert_allclose(terms.log_weight, weight, rtol=1e-4, atol=1e-4)


def test_a_point_far_from_q_stays_finite(model: VAE, x: Tensor) -> None:
    terms = point_terms(model, x, torch.tensor([[1e4, -1e4]]))
    assert torch.isfinite(terms.log_weight).all()
    assert terms.log_prior.item() == pytest.approx(-1e8 - math.log(2 * math.pi), rel=1e-9)
