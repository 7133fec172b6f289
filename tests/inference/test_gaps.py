"""The best Gaussians of an image and what they leave, against closed forms and a brute search."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import optimize
from torch import Tensor

from explorer.inference import gaussian_rule
from explorer.inference.gaps import climb as module
from explorer.inference.gaps.climb import FAMILIES, best_gaussian, climbed, measured, rule_for
from explorer.inference.quadrature.integral import quadrature
from explorer.inference.quadrature.lattice import make_lattice
from explorer.inference.quadrature.posterior import kl_to_posterior
from explorer.models import VAE
from tests.helpers.linear_vae import LinearCase, linear_case
from tests.helpers.oracle import Oracle, binary_images, tiny_model
from tests.inference.test_decoded import family_model


def start(case: LinearCase, away: float = 1.0, scale: float = 0.3) -> tuple[Tensor, Tensor]:
    d = len(case.mean)
    return torch.from_numpy(case.mean)[None] + away, scale * torch.eye(d, dtype=torch.float64)[None]


def encoders(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    q = model.posterior(x)
    return q.mean.double(), q.stddev.double().diag_embed()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_best_full_gaussian_is_the_posterior_where_that_is_one(d: int) -> None:
    case = linear_case(d)
    found = best_gaussian(case.model, case.x, *start(case), family="full")
    covariance = (found.factor @ found.factor.mT)[0].numpy()
    assert np.allclose(found.loc[0].numpy(), case.mean, atol=1e-3)
    assert np.allclose(covariance, case.covariance, rtol=2e-3, atol=1e-4)
    error = 0 if found.error is None else 4 * found.error.item()
    assert (found.error is None) == (d < 3)
    assert abs(found.elbo.item() - case.log_evidence) < 1e-3 + error  # no gap


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_best_diagonal_gaussian_takes_the_precisions_diagonal(d: int) -> None:
    """The optimum of KL(q || p) over N(m, diag(s^2)) is 1/s_i^2 = P_ii (Bishop 2006, section 10.1.2)."""
    case = linear_case(d)
    found = best_gaussian(case.model, case.x, *start(case), family="diagonal")
    scale = np.linalg.inv(case.covariance).diagonal() ** -0.5
    assert np.allclose(found.loc[0].numpy(), case.mean, atol=0.05 * scale.min())
    assert np.allclose(found.factor[0].numpy(), np.diag(scale), rtol=2e-3, atol=1e-12)
    gap = case.kl_to_posterior(torch.from_numpy(case.mean), torch.from_numpy(np.diag(scale)))
    error = 0 if found.error is None else 4 * found.error.item()
    assert abs(case.log_evidence - found.elbo.item() - gap) < 1e-3 + error
    assert gap > 0.05 or d == 1


@pytest.mark.parametrize(("away", "scale"), [(0.0, 1e-3), (3.0, 0.3), (-8.0, 0.05), (0.5, 5.0)])
@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_reached_from_afar(family: str, away: float, scale: float) -> None:
    case = linear_case(2)
    found = best_gaussian(case.model, case.x, *start(case, away, scale), family=family)
    assert np.allclose(found.loc[0].numpy(), case.mean, atol=2e-3)


@pytest.mark.parametrize("d", [1, 2])
def test_the_elbo_of_any_gaussian_is_log_evidence_less_the_kl(d: int) -> None:
    case, generator = linear_case(d), torch.Generator().manual_seed(0)
    loc = torch.randn(5, d, generator=generator, dtype=torch.float64)
    factor = 0.5 * torch.randn(5, d, d, generator=generator, dtype=torch.float64)
    found = measured(case.model, case.x.expand(5, -1, -1, -1), loc, factor, rule_for(d, fine=True))
    exact = [case.log_evidence - case.kl_to_posterior(m, f) for m, f in zip(loc, factor, strict=True)]
    assert found.elbo.tolist() == pytest.approx(exact, rel=1e-6, abs=1e-4)


def test_no_diagonal_gaussian_that_a_search_finds_is_better() -> None:
    """Where the posterior is none: SciPy's search over (m, log s) on the oracle's brute sums."""
    model = tiny_model(1, gain=4.0)
    for x in binary_images(3)[:, None]:
        oracle = Oracle(model, x, points=2_001)

        def loss(q: np.ndarray, oracle: Oracle = oracle) -> float:
            loc, scale = q[:1], np.exp(q[1:])
            return oracle.kl_to_prior(loc, scale) - oracle.reconstruction(loc, scale)

        begin = np.concatenate([oracle.loc, np.log(oracle.scale)])
        searched = optimize.minimize(loss, begin, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8})
        found = best_gaussian(model, x, *encoders(model, x))
        assert found.elbo.item() == pytest.approx(-searched.fun, abs=2e-3)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "discretised-logistic"])
@pytest.mark.parametrize("gain", [2.0, 8.0])
def test_a_wider_family_is_never_worse_and_none_passes_log_evidence(likelihood: str, gain: float) -> None:
    model = family_model(likelihood, gain=gain if likelihood == "bernoulli" else 1.5)
    generator = torch.Generator().manual_seed(1)
    x = model.likelihood(torch.randn(6, 2, generator=generator)).sample()
    loc, factor = encoders(model, x)
    encoder = measured(model, x, loc, factor, rule_for(2, fine=True))
    diagonal = best_gaussian(model, x, loc, factor)
    full = best_gaussian(model, x, diagonal.loc, diagonal.factor, family="full")
    corner = torch.full((2,), 6.5)
    evidence = quadrature(model, x, tolerance=1e-3, lattice=make_lattice(model, -corner, corner, 90**2))
    assert (diagonal.elbo >= encoder.elbo).all() and (full.elbo >= diagonal.elbo).all()
    assert (full.elbo <= evidence.value + 2e-3).all()


def test_the_gaps_add_up_each_by_an_estimate_of_its_own() -> None:
    """Inference gap = approximation + amortization gap, where a KL to the posterior is a lattice in q's own frame."""
    model, x = tiny_model(2), binary_images(4)
    loc, factor = encoders(model, x)
    best = best_gaussian(model, x, loc, factor)
    corner = torch.full((2,), 6.5)
    evidence = quadrature(model, x, tolerance=1e-5, lattice=make_lattice(model, -corner, corner, 90**2)).value
    fine = gaussian_rule(2, 96**2)  # for a q about as wide as the prior, 32 nodes an axis leave 0.002 nats
    encoder = measured(model, x, loc, factor, fine).elbo
    highest = measured(model, x, best.loc, best.factor, fine).elbo
    for i in range(len(x)):
        one = x[i : i + 1]
        inference = kl_to_posterior(model, one, loc[i], factor[i], evidence[i].item())
        approximation = kl_to_posterior(model, one, best.loc[i], best.factor[i], evidence[i].item())
        amortization = (highest[i] - encoder[i]).item()
        assert inference == pytest.approx(approximation + amortization, abs=2e-4)
        assert amortization >= 0 and approximation > -1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_is_its_images_one_by_one(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = tiny_model(2, gain=5.0), binary_images(5)
    loc, factor = encoders(model, x)
    together = best_gaussian(model, x, loc, factor, family=family)
    alone = [best_gaussian(model, x[i : i + 1], loc[i : i + 1], factor[i : i + 1], family=family) for i in range(5)]
    assert together.elbo.tolist() == pytest.approx([one.elbo.item() for one in alone], abs=1e-3)
    monkeypatch.setattr(module, "VALUES", 1)
    split = best_gaussian(model, x, loc, factor, family=family)
    assert split.elbo.tolist() == pytest.approx(together.elbo.tolist(), abs=1e-3)


def test_what_it_was_given_is_left_as_it_was() -> None:
    model, x = tiny_model(2), binary_images(3)
    loc, factor = encoders(model, x)
    before = loc.clone(), factor.clone()
    climbed(model, x, loc, factor, family="full")
    assert torch.equal(loc, before[0]) and torch.equal(factor, before[1])


def test_an_unknown_family_is_refused(model: VAE, x: Tensor) -> None:
    with pytest.raises(ValueError, match=r"'round' is unknown: choose diagonal or full\."):
        best_gaussian(model, x, *encoders(model, x), family="round")
