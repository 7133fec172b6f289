"""Importance sampling around the posterior: the truth is covered, hard images are rescued, or the error is unknown."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from explorer.checkpoint.catalogue import open_model
from explorer.checkpoint.data import load_model_data
from explorer.datasets.binarise import repeatable
from explorer.inference import log_evidence
from explorer.inference.estimate import LEAST_EFFECTIVE
from explorer.inference.evidence.importance import importance, importance_around
from explorer.inference.evidence.proposal import FROM_PRIOR, Proposal, log_t, refitted
from explorer.models import VAE
from tests.helpers.oracle import Oracle, binary_images, overflowing_model, tiny_model


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def mnist() -> tuple[VAE, Tensor]:
    checkpoint = open_model("mnist-16d")
    return checkpoint.model.eval(), repeatable(load_model_data(checkpoint).images[:360], "fixed")


# log p(x) and its standard error by a long run of another proposal, as `tests.benchmarks.evidence` prints them.
LONG = {28: (-88.611, 0.004), 124: (-102.324, 0.010), 149: (-130.713, 0.005), "upper half": (-126.152, 0.014)}


def test_two_standard_errors_cover_a_long_run_of_another_proposal(mnist: tuple[VAE, Tensor]) -> None:
    """The full test, forty images and twenty seeds, is `python -m tests.benchmarks.evidence`."""
    model, x = mnist
    images = [x[name] if isinstance(name, int) else torch.cat([x[351, :, :14], 0 * x[351, :, 14:]], 1) for name in LONG]
    truth = torch.tensor(list(LONG.values()), dtype=torch.float64)
    found = [importance(model, torch.stack(images), generator=seeded(seed)) for seed in range(2)]
    away = torch.stack([one.value for one in found]) - truth[:, 0]
    error = (torch.stack([one.error for one in found]).square() + truth[:, 1].square()).sqrt()
    assert (away.abs() <= 2 * error).double().mean() >= 0.75 and (away.abs() <= 4 * error).all()
    assert error.max() < 0.1


def test_a_q_far_from_the_posterior_does_not_matter(mnist: tuple[VAE, Tensor]) -> None:
    """Of image 149 draws around the encoder's q say -172 ± 0.8; another proposal's long run -130.71."""
    model, x = mnist
    good = log_evidence(model, x[149:150], generator=seeded())
    assert good.method == "importance" and abs(good.value.item() + 130.70) < 0.05
    poor = log_evidence(model, x[149:150], method="iwae", generator=seeded())
    assert poor.value.item() < -150 and math.isnan(poor.error.item())


@pytest.mark.parametrize("d", [1, 2])
def test_against_an_oracle_with_odd_numbers_of_dimensions(d: int) -> None:
    model, x = tiny_model(d), binary_images(5)
    found = importance(model, x, generator=seeded())
    exact = np.array([Oracle(model, image).log_evidence() for image in x])
    assert (np.abs(found.value.numpy() - exact) < 4 * found.error.numpy() + 1e-5).all() and found.error.max() < 0.05
    assert found.effective_samples.min() > 500 and found.value.dtype == torch.float64


def test_an_image_of_probability_near_zero_has_a_number() -> None:
    found = importance(tiny_model(gain=150.0), binary_images(2), generator=seeded())
    assert found.value.isfinite().all() and not found.error.isinf().any()


def test_where_the_model_overflows_there_is_no_weight_and_no_known_error() -> None:
    found = importance(overflowing_model(), binary_images(3), samples=50, generator=seeded())
    assert (found.value == -math.inf).all() and found.error.isnan().all() and (found.effective_samples == 0).all()
    assert importance(tiny_model(), binary_images(0)).value.shape == (0,)


@pytest.mark.parametrize("samples", [1, int(LEAST_EFFECTIVE) - 1])
def test_of_few_draws_the_error_is_unknown(samples: int) -> None:
    found = importance(tiny_model(), binary_images(2), samples=samples, generator=seeded())
    assert found.value.isfinite().all() and found.error.isnan().all()
    with pytest.raises(ValueError, match=r"at least one sample.*\.$"):
        importance(tiny_model(), binary_images(1), samples=0)


def test_a_wrong_gaussian_is_found_out_and_fitted_anew() -> None:
    """A start beside the posterior and too narrow: fewer even weights, and yet the truth."""
    model, x = tiny_model(), binary_images(2)
    loc, factor = torch.full((2, 2), 2.5), 0.05 * torch.eye(2).repeat(2, 1, 1)
    found = importance_around(model, x, loc, factor, generator=seeded())
    exact = np.array([Oracle(model, image).log_evidence() for image in x])
    assert (np.abs(found.value.numpy() - exact) < 4 * found.error.numpy()).all() and found.error.max() < 0.1


def test_a_proposal_s_density_is_one_that_its_draws_have() -> None:
    """It integrates to 1, and its draws have its moments."""
    factor = torch.tensor([[0.5, 0.0], [0.3, 0.2]], dtype=torch.float64)
    proposal = Proposal.of([(torch.tensor([1.0, -1.0]).double(), factor), (torch.zeros(2).double(), 2 * factor)])
    axis = torch.linspace(-40, 40, 1_601, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    density = proposal.log_density(grid).exp() * (axis[1] - axis[0]) ** 2
    assert density.sum().item() == pytest.approx(1, abs=1e-3)
    z = proposal.draws(200_000, seeded())
    assert z.shape == (200_000, 2)
    error = z.std(0) / math.sqrt(len(z))
    assert ((z.mean(0) - density @ grid).abs() < 4 * error).all()
    assert (z[: int(FROM_PRIOR * len(z))].std(0) - 1).abs().max() < 0.03


def test_a_t_distribution_against_scipy() -> None:
    from scipy.stats import multivariate_t

    factor = torch.tensor([[0.5, 0.0], [0.3, 0.2]], dtype=torch.float64)
    z = torch.randn(7, 2, dtype=torch.float64, generator=seeded())
    expected = multivariate_t([1, 2], (factor @ factor.T).numpy(), df=5).logpdf(z.numpy())
    np.testing.assert_allclose(log_t(z, torch.tensor([[1.0, 2.0]]).double(), factor[None])[0], expected, rtol=1e-9)


def test_a_refitted_proposal_lies_where_the_weights_are() -> None:
    narrow = (torch.zeros(2).double(), 0.3 * torch.eye(2).double())
    z = 3 * torch.randn(5_000, 2, dtype=torch.float64, generator=seeded())
    log_weight = -0.5 * ((z - 4) ** 2).sum(1)
    log_weight[:10] = -math.inf
    found = refitted([narrow], z, log_weight)
    assert torch.allclose(found.loc[-1], torch.full((2,), 4.0).double(), atol=0.5)
    assert found.shares.sum().item() == pytest.approx(1) and found.shares[-1] > 0.7
