"""log p(x, z) at many places: whichever way it is computed, what the model's own distribution says."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from explorer.config import LIKELIHOODS, ModelConfig
from explorer.inference.quadrature import decoded
from explorer.inference.quadrature.decoded import decode, log_joint_at
from explorer.models import VAE, build
from tests.helpers.adaptive import NumpyModel, flat
from tests.helpers.linear_vae import linear_case
from tests.helpers.oracle import SHAPE, binary_images

COLOUR = (3, 8, 8)


def grey_images(count: int, shape: tuple[int, int, int] = SHAPE, seed: int = 1) -> Tensor:
    """Of 8-bit values, black and white among them."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randint(256, (count, *shape), generator=generator).clamp(20, 235).sub(20).mul(255).div(215).round() / 255
    )


def images_for(likelihood: str, count: int, shape: tuple[int, int, int] = SHAPE) -> Tensor:
    return binary_images(count, shape) if likelihood == "bernoulli" else grey_images(count, shape)


def family_model(
    likelihood: str, d: int = 2, *, network: str = "mlp", activation: str = "tanh", gain: float = 2.0, seed: int = 0
) -> VAE:
    shape, hidden = (SHAPE, (8,)) if network == "mlp" else (COLOUR, (4, 8))
    model = build(ModelConfig(shape, d, network, hidden, activation, likelihood), seed=seed)
    with torch.no_grad():
        for parameter in model.decoder.network.parameters():
            parameter.mul_(gain)
    return model.eval().requires_grad_(False)


def written_out(model: VAE, z: Tensor, x: Tensor) -> Tensor:
    """log p(x|z) + log p(z) (batch, k) in float64, one image and one place at a time."""
    wide = copy.deepcopy(model).double()
    prior = torch.distributions.Normal(torch.zeros((), dtype=torch.float64), 1.0)
    return torch.stack([
        torch.stack([
            wide.decoder.likelihood(wide.decoder.network(place[None])).log_prob(image[None].double())[0]
            + prior.log_prob(place).sum()
            for place in z
        ])
        for image in x
    ])  # fmt: skip


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_family_says_what_its_distribution_says(likelihood: str, network: str) -> None:
    model = family_model(likelihood, network=network)
    x = images_for(likelihood, 4, model.config.image_shape)
    z = 2 * torch.randn(30, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = decode(model, z)
    assert (found.weights is None) == (likelihood == "discretised-logistic")
    exact = written_out(model, z, x)
    assert found.log_joint(x).dtype == torch.float64 and len(found) == 30
    assert torch.allclose(found.log_joint(x), exact, rtol=2e-6, atol=1e-4)
    assert torch.allclose(log_joint_at(model, z, x), exact, rtol=2e-6, atol=1e-4)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_decoder_written_anew_from_its_weights_agrees(likelihood: str) -> None:
    """And so the oracle of the other tests stands on its own feet."""
    model, x = family_model(likelihood), images_for(likelihood, 3)
    z = 2 * torch.randn(30, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    anew = NumpyModel(model)
    for row, image in zip(written_out(model, z.float().double(), x), x, strict=True):
        assert row.tolist() == pytest.approx(anew.log_joint(z.float().double().numpy(), flat(image)).tolist(), abs=1e-5)


@pytest.mark.parametrize("likelihood", ["bernoulli", "discretised-logistic"])
def test_no_number_depends_on_how_the_places_are_split(likelihood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = family_model(likelihood), images_for(likelihood, 5)
    z = torch.randn(50, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    whole = decode(model, z).log_joint(x), log_joint_at(model, z, x)
    for name in ("VALUES", "PAIRS", "AT_ONCE"):
        monkeypatch.setattr(decoded, name, 7 * 16)
    for before, now in zip(whole, (decode(model, z).log_joint(x), log_joint_at(model, z, x)), strict=True):
        assert torch.allclose(before, now, rtol=0, atol=1e-4)


@pytest.mark.parametrize("noise", [0.1, 0.01, 0.0025])
def test_a_narrow_gaussian_keeps_its_digits(noise: float) -> None:
    """x^2, x mean and mean^2 over noise^2 are up to a million times the log-density that is left of them."""
    case = linear_case(noise=noise, pixels=200)
    eps = torch.randn(40, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    factor = torch.linalg.cholesky(torch.from_numpy(case.covariance))
    z = (torch.from_numpy(case.mean) + eps @ factor.T).float().double()
    posterior = torch.distributions.MultivariateNormal(torch.from_numpy(case.mean), scale_tril=factor)
    exact = posterior.log_prob(z) + case.log_evidence  # Bayes' rule
    # What is left is float32's share in z itself and in the decoder.
    assert torch.allclose(log_joint_at(case.model, z, case.x)[0], exact, rtol=0, atol=3e-5 / noise)
