"""Any Gaussian q: its covariance, its KL and its ELBO, against torch, scipy and the identity."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import integrate
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from explorer.inference import elbo, gaussian_kl, gaussian_rule, gaussian_terms, stretched
from explorer.models import VAE
from tests.helpers.oracle import Oracle, binary_images, tiny_model


def random_plane(d: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(d, 2, generator=generator, dtype=torch.float64))
    return basis, torch.rand(d, generator=generator, dtype=torch.float64) + 0.05


@pytest.mark.parametrize("d", [2, 3, 16, 64])
def test_stretched_has_the_standard_deviations_it_was_asked_for(d: int) -> None:
    basis, scale = random_plane(d, d)
    for sigma in ([0.01, 3.0], [1.0, 1.0], [1e-4, 1e-4]):
        factor = stretched(scale, basis, torch.tensor(sigma))
        covariance = factor @ factor.T
        along = (basis.T @ covariance @ basis).diagonal().sqrt()
        torch.testing.assert_close(along, torch.tensor(sigma, dtype=torch.float64), rtol=1e-6, atol=1e-9)
        assert torch.linalg.eigvalsh(covariance).min() > 0


@pytest.mark.parametrize("d", [3, 16])
def test_stretched_leaves_the_orthogonal_complement_as_it_was(d: int) -> None:
    basis, scale = random_plane(d, d)
    factor = stretched(scale, basis, torch.tensor([0.2, 5.0]))
    outside = torch.linalg.svd(basis, full_matrices=True).U[:, 2:]
    covariance, before = factor @ factor.T, torch.diag(scale.square())
    torch.testing.assert_close(outside.T @ covariance @ outside, outside.T @ before @ outside)


@pytest.mark.parametrize("d", [2, 3, 16])
def test_stretched_at_the_encoder_s_own_sizes_is_the_encoder_s_q(d: int) -> None:
    basis, scale = random_plane(d, d)
    own = (basis.T @ torch.diag(scale.square()) @ basis).diagonal().sqrt()
    torch.testing.assert_close(stretched(scale, basis, own), torch.diag(scale))


def test_on_a_map_that_is_the_space_q_is_exactly_diagonal() -> None:
    sigma = torch.tensor([0.125, 2.0])
    plane = torch.eye(2, dtype=torch.float64)
    assert torch.equal(stretched(torch.tensor([0.5, 0.25]), plane, sigma), torch.diag(sigma.double()))
    line = stretched(torch.tensor([0.5]), torch.eye(1, 2, dtype=torch.float64), sigma)
    assert torch.equal(line, torch.tensor([[0.125]], dtype=torch.float64))


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_sizes_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="scales above zero"):
        stretched(torch.ones(2), torch.eye(2), torch.tensor([1.0, bad]))


@pytest.mark.parametrize("d", [1, 2, 5, 40])
def test_gaussian_kl_against_torch(d: int) -> None:
    generator = torch.Generator().manual_seed(d)
    factor = torch.randn(d, d, generator=generator, dtype=torch.float64) + 2 * torch.eye(d)
    loc = torch.randn(d, generator=generator, dtype=torch.float64)
    q = MultivariateNormal(loc, factor @ factor.T)
    expected = kl_divergence(q, MultivariateNormal(torch.zeros(d).double(), torch.eye(d).double()))
    torch.testing.assert_close(gaussian_kl(loc, factor), expected, rtol=1e-7, atol=1e-9)
    assert gaussian_kl(torch.zeros(d), torch.eye(d)) == 0


def test_the_encoder_s_own_q_gives_the_encoder_s_kl(model: VAE, x: Tensor) -> None:
    q = model.posterior(x).base_dist
    torch.testing.assert_close(
        gaussian_kl(q.loc[0], torch.diag(q.scale[0])), elbo(model, x).kl[0].double(), rtol=1e-5, atol=1e-6
    )


def test_reconstruction_against_adaptive_quadrature(model: VAE, x: Tensor) -> None:
    loc, sigma, oracle = np.array([0.8, -0.4]), np.array([0.5, 1.5]), Oracle(model, x)

    def integrand(b: float, a: float) -> float:
        eps = np.array([[a, b]])
        return float(oracle.log_likelihood(loc + sigma * eps)[0] * np.exp(oracle.log_prior(eps)[0]))

    expected, _ = integrate.dblquad(integrand, -7, 7, -7, 7, epsabs=1e-5, epsrel=1e-6)
    terms = gaussian_terms(model, x, torch.from_numpy(loc), torch.diag(torch.from_numpy(sigma)), gaussian_rule(2, 576))
    assert terms.log_likelihood.item() == pytest.approx(expected, abs=1e-3)
    assert terms.standard_error is None


# The error of a rule of n nodes for a q of this size, in nats: narrow ones are easy.
@pytest.mark.parametrize(
    ("sigma", "nodes", "tolerance"),
    [(0.05, 64, 1e-4), (0.3, 64, 1e-4), (1.0, 64, 3e-2), (1.0, 576, 1e-3), (2.0, 64, 0.5), (2.0, 576, 5e-2)],
)
def test_a_rule_is_as_good_as_q_is_narrow(sigma: float, nodes: int, tolerance: float) -> None:
    rule = gaussian_rule(2, nodes)
    for seed in range(3):
        model, x = tiny_model(seed=seed), binary_images(1, seed=seed)
        loc, scale = np.array([0.5, -0.5]), np.array([sigma, sigma])
        expected = Oracle(model, x, *((14, 561) if sigma > 0.1 else (2, 401))).reconstruction(loc, scale)
        terms = gaussian_terms(model, x, torch.from_numpy(loc), torch.diag(torch.from_numpy(scale)), rule)
        assert abs(terms.log_likelihood.item() - expected) < tolerance


@pytest.mark.parametrize("seed", range(3))
def test_while_q_is_dragged_elbo_and_kl_to_the_posterior_add_up_to_log_p(seed: int) -> None:
    model, x = tiny_model(seed=seed), binary_images(1, seed=seed)
    oracle, rule = Oracle(model, x), gaussian_rule(2, 576)
    log_p = oracle.log_evidence()
    for loc, sigma in [((0.0, 0.0), (1.0, 1.0)), ((1.5, -1.0), (0.4, 0.7)), ((-2.0, 0.5), (0.2, 0.9))]:
        m, s = np.array(loc), np.array(sigma)
        factor = stretched(torch.ones(2), torch.eye(2), torch.tensor(sigma))
        terms = gaussian_terms(model, x, torch.tensor(loc), factor, rule)
        assert terms.value.item() <= log_p
        assert terms.value.item() + oracle.kl_to_posterior(m, s) == pytest.approx(log_p, abs=1e-3)


@pytest.mark.parametrize("d", [2, 5])
def test_the_factor_is_used_as_it_is_and_not_transposed(d: int) -> None:
    """For p(x|z) = N(Wz, I) the reconstruction is a quadratic of m and F F^T, which a rule gets right."""
    generator = torch.Generator().manual_seed(d)
    w, factor = (torch.randn(3, d, generator=generator), torch.randn(d, d, generator=generator))
    loc, x = torch.randn(d, generator=generator), torch.randn(1, 1, 1, 3, generator=generator)
    model = SimpleNamespace(
        parameters=lambda: iter([w]),
        likelihood=lambda z: Independent(Normal((z @ w.T).view(-1, 1, 1, 3), 1.0), 3),
    )
    terms = gaussian_terms(model, x, loc, factor, gaussian_rule(d, 64 if d == 2 else 16_384, replicates=8))
    spread = (w @ factor @ factor.T @ w.T).trace()
    expected = -0.5 * ((x.flatten() - w @ loc).square().sum() + spread) - 1.5 * np.log(2 * np.pi)
    tolerance = 1e-4 if terms.standard_error is None else 5.4 * terms.standard_error.item()  # t_7's 99.9 %
    assert abs(terms.log_likelihood.item() - expected.item()) < tolerance
    assert abs(spread - (w @ factor.T @ factor @ w.T).trace()) > 20 * tolerance  # the other way round is told apart


def test_a_slanted_q_in_many_dimensions_against_monte_carlo() -> None:
    model, x = tiny_model(6), binary_images(1)
    basis, scale = random_plane(6, 0)
    loc, factor = torch.linspace(-1, 1, 6).double(), stretched(scale, basis, torch.tensor([0.5, 1.0]))
    terms = gaussian_terms(model, x, loc, factor, gaussian_rule(6, 4096, replicates=8))
    eps = np.random.default_rng(0).standard_normal((200_000, 6))
    z = loc.numpy() + eps @ np.linalg.cholesky((factor @ factor.T).numpy()).T
    # Only the density at points is asked of the oracle: its grid would have 6 dimensions.
    oracle = Oracle(model, x, points=2)
    draws = oracle.log_likelihood(z)
    assert terms.standard_error is not None
    error = np.hypot(draws.std() / np.sqrt(len(draws)), terms.standard_error.item())
    assert abs(terms.log_likelihood.item() - draws.mean()) < 4 * error  # 4 standard errors
    assert terms.standard_error.item() < 0.05


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_q_that_is_not_finite_is_refused(model: VAE, x: Tensor, bad: float) -> None:
    rule = gaussian_rule(2, 4)
    with pytest.raises(ValueError, match="finite"):
        gaussian_terms(model, x, torch.tensor([0.0, bad]), torch.eye(2), rule)
    with pytest.raises(ValueError, match="finite"):
        gaussian_terms(model, x, torch.zeros(2), torch.diag(torch.tensor([1.0, bad])), rule)
