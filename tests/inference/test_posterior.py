"""The true posterior on a grid, and the KL divergence to it, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from explorer.inference.quadrature.lattice import Lattice, make_lattice
from explorer.inference.quadrature.posterior import SIDE, TruePosterior, kl_to_posterior, true_posterior
from tests.helpers.adaptive import NumpyModel, flat
from tests.helpers.linear_vae import LinearCase, linear_case
from tests.helpers.oracle import Oracle, binary_images, tiny_model
from tests.inference.test_decoded import family_model


def coarse(case: LinearCase, side: int = 60) -> Lattice:
    corner = torch.full((len(case.mean),), 5.0)
    return make_lattice(case.model, -corner, corner, side ** len(case.mean))


def posterior_of(case: LinearCase, tolerance: float = 1e-4, **options: int) -> TruePosterior:
    return true_posterior(case.model, case.x, lattice=coarse(case), tolerance=tolerance, **options)


def middles(posterior: TruePosterior) -> Tensor:
    """z of the middle of every bin, (..., d)."""
    ends = zip(posterior.low, posterior.mass.shape, strict=True)
    axes = [low + posterior.bin * (torch.arange(n) + 0.5) for low, n in ends]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)


CASES = pytest.mark.parametrize(
    ("d", "noise", "far"), [(1, 0.5, 0), (2, 0.5, 0), (1, 0.03, 3), (2, 0.03, 3), (2, 0.3, 7)]
)


@CASES
def test_moments_are_the_gaussians_own(d: int, noise: float, far: float) -> None:
    case = linear_case(d, noise=noise, far=far)
    found = posterior_of(case)
    scale = np.sqrt(case.covariance.diagonal())
    assert found.log_evidence == pytest.approx(case.log_evidence, abs=1e-3)
    assert (abs(found.mean.numpy() - case.mean) < 1e-3 * scale).all()
    assert np.allclose(
        found.covariance.numpy() / np.outer(scale, scale), case.covariance / np.outer(scale, scale), atol=2e-3
    )
    assert (abs(found.peak.numpy() - case.mean) < 0.7 * scale).all()  # a node, and so within half a step


@CASES
def test_every_bin_holds_its_share(d: int, noise: float, far: float) -> None:
    """Against the density at the bin's middle: what is where, and that axis 0 of the masses goes along z_1."""
    case = linear_case(d, noise=noise, far=far)
    found = posterior_of(case)
    assert found.mass.dim() == d and max(found.mass.shape) <= SIDE
    assert found.mass.sum().item() == pytest.approx(1, abs=1e-12)
    z = middles(found)
    density = stats.multivariate_normal(case.mean, case.covariance).pdf(z.numpy().reshape(-1, d))
    expected = torch.from_numpy(np.atleast_1d(density)).view(found.mass.shape) * found.bin**d
    assert 0.5 * (found.mass - expected).abs().sum() < 0.04
    assert torch.allclose((found.mass[..., None] * z).flatten(0, -2).sum(0), found.mean, atol=found.bin / 10)


@pytest.mark.parametrize("side", [16, 40])
def test_fewer_bins_hold_the_same_mass(side: int) -> None:
    case = linear_case(2, noise=0.3)
    fine, few = posterior_of(case), posterior_of(case, side=side)
    assert max(few.mass.shape) <= side < max(fine.mass.shape)
    assert few.mass.sum().item() == pytest.approx(1, abs=1e-12)
    assert few.log_evidence == fine.log_evidence and torch.equal(few.mean, fine.mean)
    ratio = round(few.bin / fine.bin)
    assert few.mass[0, 0].item() == pytest.approx(fine.mass[:ratio, :ratio].sum().item())


@pytest.mark.parametrize("share", [0.5, 0.95])
@pytest.mark.parametrize("d", [1, 2])
def test_a_credible_region_is_the_smallest_that_holds_its_share(share: float, d: int) -> None:
    """Of a Gaussian it is the ellipsoid of a chi-squared quantile, whose volume is known."""
    case = linear_case(d, noise=0.4)
    found = true_posterior(case.model, case.x, lattice=coarse(case, 120), tolerance=1e-4)
    inside = found.mass >= found.level(share)
    held, last = found.mass[inside].sum().item(), found.level(share)
    assert held >= share - 1e-12 and held - last < share
    radius = stats.chi2(d).ppf(share) ** 0.5
    volume = np.sqrt(np.linalg.det(case.covariance)) * (2 * radius if d == 1 else np.pi * radius**2)
    assert inside.sum().item() * found.bin**d == pytest.approx(volume, rel=0.05)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_share_lies_between_0_and_1(share: float) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1"):
        posterior_of(linear_case(1)).level(share)


def test_every_peak_of_the_posterior_is_on_the_grid() -> None:
    """A sharp decoder, against p(x, z) / p(x) in float64 numpy at every bin's middle."""
    model, x = family_model("bernoulli", gain=15.0), binary_images(1, seed=5)
    corner = torch.full((2,), 5.0)
    found = true_posterior(model, x, lattice=make_lattice(model, -corner, corner, 90**2))
    anew, z = NumpyModel(model), middles(found).numpy().reshape(-1, 2)
    density = np.exp(anew.log_joint(z, flat(x[0])) - found.log_evidence) * found.bin**2
    assert 0.5 * np.abs(found.mass.flatten().numpy() - density).sum() < 0.05


@pytest.mark.parametrize("d", [1, 2])
def test_the_kl_is_0_for_the_posterior_itself(d: int) -> None:
    case = linear_case(d, noise=0.4)
    factor = torch.linalg.cholesky(torch.from_numpy(case.covariance))
    kl = kl_to_posterior(case.model, case.x, torch.from_numpy(case.mean), factor, case.log_evidence)
    assert abs(kl) < 2e-5


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("stretch", [0.05, 0.7, 4.0])
def test_the_kl_is_that_of_two_gaussians(stretch: float, d: int) -> None:
    case = linear_case(d, noise=0.4)
    loc = torch.from_numpy(case.mean) + 0.3
    factor = stretch * torch.tensor([[0.8, 0.0], [0.3, 0.5]])[:d, :d].double()
    kl = kl_to_posterior(case.model, case.x, loc, factor, case.log_evidence)
    assert kl == pytest.approx(case.kl_to_posterior(loc, factor), rel=1e-6, abs=1e-4)


@pytest.mark.parametrize("d", [1, 2])
def test_log_evidence_is_elbo_plus_kl(d: int) -> None:
    """The identity, each of its three terms by another hand: two brute sums of the oracle and the rule under test."""
    model, x = tiny_model(d), binary_images(1)
    oracle = Oracle(model, x)
    factor = torch.from_numpy(oracle.scale).diag()
    kl = kl_to_posterior(model, x, torch.from_numpy(oracle.loc), factor, oracle.log_evidence())
    assert kl == pytest.approx(oracle.kl_to_posterior(), abs=1e-4)
    assert oracle.reconstruction() - oracle.kl_to_prior() + kl == pytest.approx(oracle.log_evidence(), abs=1e-4)
