"""Convolutional networks to any depth: what they cost, what they see, and the names of their weights."""

from __future__ import annotations

import pytest
import torch

from explorer.config import ConfigError, ModelConfig
from explorer.models import build, conv_hidden, multiply_adds


@pytest.mark.parametrize(("side", "hidden"), [
    (8, (32, 256)), (16, (32, 64, 256)), (28, (32, 64, 256)), (32, (32, 64, 128, 256)), (64, (32, 64, 128, 256, 256)),
    (256, (32, 64, 128, 256, 256, 256, 256)),
])  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_widths_for_a_size_are_ones_a_model_can_have(side: int, hidden: tuple[int, ...], channels: int) -> None:
    shape = (channels, side, side)
    assert conv_hidden(shape) == hidden
    with torch.device("meta"):
        assert build(ModelConfig(shape, 2, "conv", hidden)).decoder.network[-1].out_channels == channels


@pytest.mark.parametrize("shape", [(1, 25, 28), (1, 28, 27), (3, 4, 64)])
def test_images_that_cannot_be_halved_are_refused_in_a_sentence(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError, match=r"mlp.*\.$"):
        conv_hidden(shape)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_every_depth_gives_back_the_shape_and_halves_each_time(depth: int) -> None:
    hidden = (*range(3, 3 + depth), 8)
    model = build(ModelConfig((3, 32, 16), 2, "conv", hidden), seed=0)
    sizes = []
    for layer in model.encoder.network:
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _, __, out: sizes.append(tuple(out.shape[1:])))
    q = model.posterior(torch.zeros(2, 3, 32, 16))
    assert sizes == [(3 + i, 32 >> i + 1, 16 >> i + 1) for i in range(depth)]
    assert model.likelihood(q.mean).mean.shape == (2, 3, 32, 16)


def test_every_pixel_reaches_the_code_and_comes_from_it() -> None:
    model = build(ModelConfig((1, 16, 16), 2, "conv", (4, 4, 4, 8), "tanh"), seed=0)
    x = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    model.posterior(x).mean.sum().backward()
    assert (x.grad != 0).all()
    z = torch.randn(1, 2, generator=torch.Generator().manual_seed(0))
    jacobian = torch.autograd.functional.jacobian(lambda z: model.decoder.network(z).flatten(), z)
    assert (jacobian.abs().sum((1, 2)) > 0).all()


@pytest.mark.parametrize("likelihood", ["bernoulli", "discretised-logistic"])
def test_multiply_adds_are_those_of_the_layers_written_out(likelihood: str) -> None:
    last = 3 * (2 if likelihood == "discretised-logistic" else 1)
    model = build(ModelConfig((3, 32, 64), 5, "conv", (4, 6, 8, 10), likelihood=likelihood), seed=0)
    flat = 5 * 10 + 10 * 8 * 4 * 8
    layers = 8 * 6 * 16 * 4 * 8 + 6 * 4 * 16 * 8 * 16 + 4 * last * 16 * 16 * 32
    assert multiply_adds(model.decoder.network, torch.zeros(1, 5)) == flat + layers
    mlp = build(ModelConfig((3, 4, 4), 5, hidden=(7,), likelihood=likelihood), seed=0)
    assert multiply_adds(mlp.decoder.network, torch.zeros(1, 5)) == 5 * 7 + 7 * last * 16


def test_a_two_convolution_model_has_the_names_its_checkpoints_have() -> None:
    """Weights saved before networks had any depth still open."""
    keys = build(ModelConfig(network="conv", hidden=(4, 8, 16)), seed=0).state_dict().keys()
    layers = [
        *("encoder.network.0", "encoder.network.2", "encoder.network.5.0", "encoder.network.5.2"),
        *("decoder.network.0.0", "decoder.network.0.2", "decoder.network.3", "decoder.network.5"),
    ]
    assert set(keys) == {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
