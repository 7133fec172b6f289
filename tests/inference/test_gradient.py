"""The ELBO's gradient in a q on the map, against autograd of the ELBO written out and against closed forms."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from explorer.inference import gaussian_rule
from explorer.inference.expectation.gradient import Gradient, elbo_gradient
from explorer.inference.gaps.climb import best_gaussian
from explorer.models import VAE
from tests.helpers.linear_vae import LinearVAE, linear_case
from tests.helpers.oracle import binary_images, tiny_model
from tests.inference.test_decoded import family_model

RULES = {1: 64, 2: 32**2, 3: 4_096}


def basis_of(d: int) -> Tensor:
    """Two orthonormal directions, askew in latent space; one and a column of zeros where d is 1."""
    if d == 1:
        return torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(5)
    return torch.linalg.qr(torch.randn(d, 2, generator=generator, dtype=torch.float64))[0]


def gradient_at(
    model: VAE | LinearVAE, x: Tensor, loc: Tensor, scale: Tensor, basis: Tensor, sigma: Tensor, draws: int = 4
) -> Gradient:
    rule = gaussian_rule(len(loc), RULES[len(loc)])
    generator = torch.Generator().manual_seed(3)
    return elbo_gradient(model, x, loc, scale, basis, sigma, rule=rule, draws=draws, generator=generator)


def elbo(model: VAE, x: Tensor, loc: Tensor, scale: Tensor, basis: Tensor, u: Tensor, sigma: Tensor) -> Tensor:
    """E_q[log p(x|z)] - KL, float64, with the stretched q of the map written as a matrix of its own.

    loc is the mean but for its part in the map's plane, which is u.
    """
    wide, d = copy.deepcopy(model).double(), len(loc)
    columns = [j for j in range(2) if basis[:, j].any()]
    stretch = torch.eye(d, dtype=torch.float64)
    for j in columns:
        b = basis[:, j : j + 1]
        stretch = stretch + (sigma[j] / (scale.diag() @ b).norm() - 1) * b @ b.T
    covariance = stretch @ scale.square().diag() @ stretch.T
    mean = loc + basis @ (u - basis.T @ loc)
    # The rule's nodes are the same, as they belong to F eps with this very F; the covariance serves the KL.
    rule = gaussian_rule(d, RULES[d])
    z = mean + rule.nodes @ (stretch @ scale.diag()).T
    reconstruction = rule.weights @ wide.decoder.likelihood(wide.decoder.network(z)).log_prob(x.double())
    q = torch.distributions.MultivariateNormal(mean, covariance)
    p = torch.distributions.MultivariateNormal(torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64))
    return reconstruction - torch.distributions.kl_divergence(q, p)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_exact_is_autograd_of_the_elbo(d: int, likelihood: str) -> None:
    model = family_model(likelihood, d, gain=1.5)
    x = binary_images(1) if likelihood == "bernoulli" else binary_images(1) * 0.8
    basis, scale = basis_of(d), torch.tensor([0.6, 0.3, 0.9], dtype=torch.float64)[:d]
    loc = torch.tensor([0.4, -0.7, 0.2], dtype=torch.float64)[:d]
    u = (basis.T @ loc).requires_grad_(True)
    sigma = torch.tensor([0.5, 0.8], dtype=torch.float64, requires_grad=True)
    wanted = torch.autograd.grad(elbo(model, x, loc, scale, basis, u, sigma), (u, sigma), allow_unused=True)
    expected = torch.cat([torch.zeros(2).double() if part is None else part for part in wanted])
    found = gradient_at(model, x, loc, scale, basis, sigma.detach())
    assert found.exact.tolist() == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-4)
    if d == 1:
        assert found.exact[[1, 3]].tolist() == [0, 0] and (found.draws[:, [1, 3]] == 0).all()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_single_draws_scatter_around_the_exact_gradient(d: int) -> None:
    model, x = tiny_model(d), binary_images(1)
    scale, sigma = torch.full((d,), 0.4, dtype=torch.float64), torch.tensor([0.5, 0.3], dtype=torch.float64)
    found = gradient_at(model, x, torch.full((d,), 0.3, dtype=torch.float64), scale, basis_of(d), sigma, 20_000)
    assert found.draws.shape == (20_000, 4)
    error = found.draws.std(0) / math.sqrt(20_000)
    assert ((found.draws.mean(0) - found.exact).abs() <= 4 * error).all()
    assert (error[[0, 2]] > 0).all()


def test_the_scatter_of_single_draws_has_a_closed_form() -> None:
    """In a linear model the slope is linear in eps: W^T (x - W z - b) / noise^2, of variance H S H along the map."""
    case = linear_case(2)
    basis, scale = torch.eye(2, dtype=torch.float64), torch.tensor([0.5, 0.2], dtype=torch.float64)
    loc = torch.tensor([0.3, -0.2], dtype=torch.float64)
    found = gradient_at(case.model, case.x, loc, scale, basis, scale, 20_000)
    hessian = np.linalg.inv(case.covariance) - np.eye(2)
    expected = hessian @ np.diag(scale.numpy() ** 2) @ hessian
    assert np.allclose(np.cov(found.draws[:, :2].numpy().T), expected, rtol=0.05, atol=0.05 * expected.max())
    precision = np.linalg.inv(case.covariance)
    by_mean = precision @ (case.mean - loc.numpy())  # of -KL(q || p(z|x)) between two Gaussians
    by_scale = 1 / scale.numpy() - precision.diagonal() * scale.numpy()
    assert found.exact.tolist() == pytest.approx([*by_mean, *by_scale], rel=1e-4, abs=1e-3)


def test_it_vanishes_at_the_best_gaussian() -> None:
    model, x = tiny_model(2), binary_images(1)
    q = model.posterior(x)
    best = best_gaussian(model, x, q.mean.double(), q.stddev.double().diag_embed())
    sigma = best.factor[0].diagonal()
    found = gradient_at(model, x, best.loc[0], sigma, torch.eye(2, dtype=torch.float64), sigma)
    # In units of q's own scales: what a step of one scale would gain.
    assert (found.exact * torch.cat([sigma, sigma])).abs().max() < 0.01
    away = gradient_at(model, x, q.mean[0].double(), q.stddev[0].double(), torch.eye(2).double(), q.stddev[0].double())
    assert away.exact.abs().max() > 0.1


@pytest.mark.parametrize("sigma", [[0.0, 1.0], [1.0, -1.0], [float("nan"), 1.0], [1.0, float("inf")]])
def test_scales_are_finite_and_above_zero(sigma: list[float], model: VAE, x: Tensor) -> None:
    with pytest.raises(ValueError, match=r"finite scales above zero"):
        gradient_at(model, x, torch.zeros(2), torch.ones(2), basis_of(2), torch.tensor(sigma))


def test_the_draws_follow_their_generator(model: VAE, x: Tensor) -> None:
    at = torch.zeros(2), torch.ones(2), basis_of(2), torch.ones(2)
    assert torch.equal(gradient_at(model, x, *at).draws, gradient_at(model, x, *at).draws)
