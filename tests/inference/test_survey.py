"""The gaps of many images, against an oracle that knows the model by its weights and optimises by another method."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

import explorer
import explorer.inference.gaps.survey as surveying
from explorer.datasets import load_dataset
from explorer.datasets.binarise import repeatable
from explorer.inference.gaps.climb import best_gaussian
from explorer.inference.gaps.search import best_gaussians
from explorer.inference.gaps.survey import affordable, survey
from explorer.inference.quadrature.integral import integrated
from explorer.inference.quadrature.lattice import fitted_lattice
from explorer.models import VAE
from tests.helpers.oracle import Oracle, binary_images, tiny_model

N = 24


@pytest.fixture(scope="module")
def sharp() -> VAE:
    return tiny_model(gain=3.0)


@pytest.fixture(scope="module")
def x() -> Tensor:
    return binary_images(N)


@pytest.fixture(scope="module")
def found(sharp: VAE, x: Tensor) -> surveying.Survey:
    return survey(sharp, x)


def best_elbo(oracle: Oracle, full: bool) -> float:
    """The best ELBO of a family by BFGS from several starts, its expectation by Gauss-Hermite with 24 x 24 nodes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    eps = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    weight = np.outer(weights, weights).ravel() / weights.sum() ** 2

    def loss(v: np.ndarray) -> float:
        factor = np.array([[np.exp(v[2]), 0], [v[4] if full else 0, np.exp(v[3])]])
        kl = 0.5 * ((factor**2).sum() + (v[:2] ** 2).sum() - 2) - v[2] - v[3]
        return kl - weight @ oracle.log_likelihood(v[:2] + eps @ factor.T)

    joint = oracle.log_likelihood(oracle.grid) + oracle.log_prior(oracle.grid)
    starts = [oracle.grid[joint.argmax()], oracle.loc]
    return -min(minimize(loss, [*start, -1, -1, 0]).fun for start in starts)


@pytest.mark.parametrize("i", [0, 5, 11])
def test_every_column_is_the_oracles(found: surveying.Survey, sharp: VAE, x: Tensor, i: int) -> None:
    oracle = Oracle(sharp, x[i])
    assert found.log_evidence[i].item() == pytest.approx(oracle.log_evidence(), abs=0.01)
    assert found.elbo[i].item() == pytest.approx(oracle.reconstruction() - oracle.kl_to_prior(), abs=5e-3)
    assert found.diagonal[i].item() == pytest.approx(best_elbo(oracle, full=False), abs=5e-3)
    assert found.full[i].item() == pytest.approx(best_elbo(oracle, full=True), abs=5e-3)
    assert found.inference_gap[i].item() == pytest.approx(oracle.kl_to_posterior(), abs=0.01)


def test_the_bounds_stand_in_their_order_and_the_gaps_add_up(found: surveying.Survey) -> None:
    assert found.exact.all() and (found.error <= 0.01).all() and len(found) == N
    assert (found.elbo <= found.diagonal).all() and (found.diagonal <= found.full).all()
    assert (found.full <= found.log_evidence + found.error + 1e-3).all()
    torch.testing.assert_close(found.approximation_gap + found.amortization_gap, found.inference_gap)


def test_an_image_has_the_same_gaps_in_any_company(found: surveying.Survey, sharp: VAE, x: Tensor) -> None:
    order = torch.arange(N - 1, -1, -3)
    other = survey(sharp, x[order])
    for name in ("log_evidence", "elbo", "diagonal", "full"):
        torch.testing.assert_close(getattr(other, name), getattr(found, name)[order], atol=0.011, rtol=0)
    torch.testing.assert_close(other.elbo, found.elbo[order], atol=1e-5, rtol=0)


def test_a_climb_from_the_peak_finds_what_a_lost_encoder_does_not(x: Tensor) -> None:
    model = tiny_model(gain=6.0)
    with torch.no_grad():
        [*model.encoder.parameters()][-1][:2] += torch.tensor([3.0, -3.0])  # of the means
    found = survey(model, x)
    q = model.posterior(x).base_dist
    nearest = best_gaussian(model, x, q.loc, q.scale.diag_embed(), family="full")
    assert (found.full >= nearest.elbo - 0.02).all()
    assert (found.full > nearest.elbo + 0.1).any()


def test_where_quadrature_fails_one_image_is_sampled_and_the_others_are_not(
    found: surveying.Survey, sharp: VAE, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = surveying.integrated

    def failing(*arguments, **options):
        for row, cells in real(*arguments, **options):
            yield row, dataclasses.replace(cells, value=math.nan, error=math.inf) if row == 7 else cells

    monkeypatch.setattr(surveying, "integrated", failing)
    again = survey(sharp, x)
    assert again.exact.tolist() == [i != 7 for i in range(N)]
    assert again.error[7] < 0.1
    assert abs(again.log_evidence[7] - found.log_evidence[7]) < 5 * again.error[7] + 0.01
    torch.testing.assert_close(again.elbo, found.elbo, atol=1e-5, rtol=0)


def test_beyond_two_dimensions_draws_from_the_best_gaussian_agree_with_draws_from_the_prior() -> None:
    model, x = tiny_model(latent=4, gain=2.0), binary_images(6)
    found = survey(model, x)
    assert not found.exact.any() and (found.error < 0.05).all()
    z = torch.randn(400_000, 4, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        log_likelihood = torch.stack([model.likelihood(z).log_prob(image).double() for image in x])
    weight = (log_likelihood - log_likelihood.amax(1, keepdim=True)).exp()
    value = weight.mean(1).log() + log_likelihood.amax(1)
    error = weight.std(1) / weight.mean(1) / len(z) ** 0.5
    assert ((found.log_evidence - value).abs() < 5 * (found.error + error)).all()
    assert torch.equal(survey(model, x).log_evidence, found.log_evidence)  # seeded


def test_above_two_dimensions_modes_are_found_that_the_encoder_misses() -> None:
    """From a narrow q far out the search ends as high as from the prior's middle."""
    model, x = tiny_model(latent=3, gain=4.0), binary_images(4)
    far = torch.full((4, 3), 6.0, dtype=torch.float64)
    factor = 0.05 * torch.eye(3, dtype=torch.float64).expand(4, -1, -1)
    began, diagonal, full = best_gaussians(model, x, far, factor, [None] * 4)
    near = best_gaussians(model, x, torch.zeros(4, 3, dtype=torch.float64), 10 * factor, [None] * 4)
    assert (began.elbo < diagonal.elbo).all() and (diagonal.elbo <= full.elbo).all()
    for found, other in zip((diagonal, full), near[1:], strict=True):
        assert (found.elbo >= other.elbo - 0.1).all()


@pytest.mark.parametrize("latent", [1, 2, 3])
def test_a_search_that_begins_where_nothing_is_finite_ends(latent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scale at its floor, a mean a million deviations out, and one that is not a number beside a sound image."""
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", False)  # as in the app
    model, x = tiny_model(latent=latent, gain=2.0), binary_images(4)
    loc = torch.zeros(4, latent, dtype=torch.float64)
    loc[1], loc[2] = 1e6, math.nan
    factor = torch.eye(latent, dtype=torch.float64).repeat(4, 1, 1)
    factor[0] *= 1e-6
    encoder, diagonal, full = best_gaussians(model, x, loc, factor, [None] * 4)
    sound = torch.tensor([0, 1, 3])
    assert (diagonal.elbo >= encoder.elbo)[sound].all() and (full.elbo >= diagonal.elbo)[sound].all()


def test_progress_only_rises_and_nothing_given_is_changed(sharp: VAE, x: Tensor) -> None:
    told: list[float] = []
    before = x.clone()
    survey(sharp, x[:8], progress=told.append)
    assert told == sorted(told) and told[-1] == pytest.approx(1) and torch.equal(x, before)
    with pytest.raises(ValueError, match="at least one image"):
        survey(sharp, x[:0])


def test_a_costlier_decoder_has_fewer_images_for_the_same_work() -> None:
    cheap, many = affordable(tiny_model(), 1e9), affordable(tiny_model(latent=8), 1e9)
    assert cheap > many > 0 and affordable(tiny_model(), 2e9) == pytest.approx(2 * cheap, abs=1)


HARD = (964, 224, 685, 782, 550)  # of mnist-2d, whose posteriors have several peaks


@pytest.mark.parametrize(("images", "starts"), [(HARD[:2], 3), pytest.param(HARD, 50, marks=pytest.mark.slow)])
def test_no_random_start_finds_a_better_gaussian(images: tuple[int, ...], starts: int) -> None:
    """Draws of p(z|x), each with scales of its own: within 0.02 nats of the best of them, for both families."""
    model = explorer.load("mnist-2d")
    x = repeatable(load_dataset("mnist", "test").images[:1_000], "dynamic")[list(images)]
    found = survey(model, x)
    lattice = fitted_lattice(model, model.posterior(x).mean, most=8_000)
    generator = torch.Generator().manual_seed(1)
    for row, cells in integrated(model, x, 0.01, lattice):
        mass = (cells.log_joint - cells.log_joint.amax()).exp()
        at = torch.multinomial(mass, starts, replacement=True, generator=generator)
        loc = lattice.place(cells.index, cells.level)[at].clone()
        factor = (0.06 * torch.randn(starts, 2, generator=generator, dtype=torch.float64).exp()).diag_embed()
        for family in ("diagonal", "full"):
            best = best_gaussian(model, x[row].expand(starts, -1, -1, -1), loc, factor, family=family).elbo.amax()
            assert getattr(found, family)[row] >= best - 0.02, (images[row], family)
    assert (found.diagonal <= found.full).all() and (found.full <= found.log_evidence + found.error + 0.01).all()
