"""Networks: shapes, independence of the two halves, repeatable initial weights."""

from __future__ import annotations

import pytest
import torch

from explorer.config import ACTIVATIONS, ModelConfig
from explorer.models import VAE, build, count_parameters, multiply_adds

CONFIGS = [
    ModelConfig((1, 8, 8), 1, hidden=(6,)),
    ModelConfig((3, 5, 7), 4, hidden=(6, 5), activation="gelu"),
    ModelConfig((1, 8, 12), 2, "conv", (3, 4, 5), "silu"),
    ModelConfig((3, 16, 8), 16, "conv", (2, 3, 4)),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_distributions_have_the_shapes_that_are_promised(config: ModelConfig) -> None:
    model, x = build(config, seed=0), torch.zeros(5, *config.image_shape)
    q, p = model.posterior(x), model.prior()
    assert (q.batch_shape, q.event_shape, p.batch_shape, p.event_shape) == (
        (5,),
        (config.latent,),
        (),
        (config.latent,),
    )
    likelihood = model.likelihood(q.rsample())
    assert (likelihood.batch_shape, likelihood.event_shape) == ((5,), config.image_shape)
    assert likelihood.log_prob(x).shape == (5,)


def test_counted_by_hand() -> None:
    model = build(ModelConfig((1, 2, 2), 3, hidden=(5,)))
    assert count_parameters(model.encoder) == 4 * 5 + 5 + 5 * 6 + 6
    assert count_parameters(model.decoder) == 3 * 5 + 5 + 5 * 4 + 4
    assert count_parameters(model) == count_parameters(model.encoder) + count_parameters(model.decoder)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_every_weight_is_reached_by_the_gradient_of_its_own_half(network: str, activation: str) -> None:
    hidden = (6, 5) if network == "mlp" else (3, 4, 5)
    model = build(ModelConfig((1, 8, 8), 2, network, hidden, activation), seed=0)
    x = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)).round()
    q = model.posterior(x)
    (q.mean.square() + q.stddev).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.encoder.parameters())
    assert all(p.grad is None for p in model.decoder.parameters())
    z = torch.randn(16, 2, generator=torch.Generator().manual_seed(1))
    model.likelihood(z).log_prob(x).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.decoder.parameters())


def test_the_seed_repeats_and_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    one, again, other = (build(CONFIGS[1], seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_an_extreme_encoder_still_gives_a_scale_and_its_reciprocal() -> None:
    model = build(CONFIGS[0], seed=0)
    with torch.no_grad():
        model.encoder.network[1][-1].bias[1] = 1e6
        wide = model.posterior(torch.zeros(1, 1, 8, 8)).stddev
        model.encoder.network[1][-1].bias[1] = -1e6
        narrow = model.posterior(torch.zeros(1, 1, 8, 8)).stddev
    for scale in (wide, narrow):
        assert torch.isfinite(scale).all() and torch.isfinite(1 / scale.square()).all() and (scale > 0).all()


def test_loc_and_scale_are_not_swapped() -> None:
    """The second half of the encoder's output is the logarithm of the scale, not of the variance."""
    model = build(ModelConfig((1, 2, 2), 2, hidden=(3,)), seed=0)
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.zero_()
        model.encoder.network[1][-1].bias.copy_(torch.tensor([5.0, -3.0, 0.0, 2.0]))
    q = model.posterior(torch.zeros(1, 1, 2, 2))
    assert q.mean.tolist() == [[5.0, -3.0]]
    torch.testing.assert_close(q.stddev, torch.tensor([[0.0, 2.0]]).exp())


@pytest.mark.parametrize("config", CONFIGS)
def test_an_image_is_coded_alone(config: ModelConfig) -> None:
    model: VAE = build(config, seed=0).eval()
    x = torch.rand(6, *config.image_shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.posterior(x).mean[4:5], model.posterior(x[4:5]).mean)
    z = torch.randn(6, config.latent, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.likelihood(z).mean[4:5], model.likelihood(z[4:5]).mean)


def test_multiply_adds_are_those_of_the_layers_written_out() -> None:
    dense = build(ModelConfig(latent=3, hidden=(20, 10)))
    assert multiply_adds(dense.decoder.network, torch.zeros(1, 3)) == 3 * 10 + 10 * 20 + 20 * 784
    conv = build(ModelConfig(latent=3, network="conv", hidden=(4, 8, 16)))
    flat = 3 * 16 + 16 * 8 * 7 * 7
    assert multiply_adds(conv.decoder.network, torch.zeros(1, 3)) == flat + 8 * 4 * 16 * 7 * 7 + 4 * 1 * 16 * 14 * 14
