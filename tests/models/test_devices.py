"""Tensors of two devices are never mixed: training and evaluation, run on a GPU that is only pretended.

Fake tensors have shapes, types and devices but no values, so these tests need no GPU. An operation on tensors of two
devices raises as it would on a real one. Values that Python reads back are made up.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorDeviceMismatchError, FakeTensorMode
from torch.distributions import Independent, Normal

from explorer.config import LIKELIHOODS, ModelConfig, TrainingConfig
from explorer.datasets import Dataset
from explorer.inference.evaluation import evaluate
from explorer.inference.evidence.annealed import annealed
from explorer.inference.evidence.importance import importance_around
from explorer.inference.gaps.climb import FAMILIES, best_gaussian, rule_for
from explorer.models import VAE
from explorer.training import Speed, start, train
from explorer.training.heldout import HeldOut
from tests.helpers.device_laws import LAWS

CUDA = torch.device("cuda")
NETWORKS = {"mlp": (8,), "conv": (2, 4, 8)}


class NoGenerator:
    """Stand-in for torch.Generator, which wants a real GPU: draws then come from no generator of their own."""

    def __init__(self, device: object = None) -> None:
        pass

    def manual_seed(self, seed: int) -> None:
        return None


def made_up(tensor: Tensor) -> object:
    """Ones in the form in which Python reads a tensor back."""
    if tensor.ndim:
        return [made_up(part) for part in tensor.unbind(0)]
    return 1.0 if tensor.dtype.is_floating_point else 1


@pytest.fixture
def pretended(monkeypatch):
    """A CUDA device without values; derivatives, which torch's engine computes on real devices alone, are zeros."""
    rules = {fine: rule_for(3, fine=fine) for fine in (False, True)}  # of numbers that are real
    monkeypatch.setattr("explorer.inference.gaps.climb.rule_for", lambda dimensions, *, fine: rules[fine])
    monkeypatch.setattr(
        "explorer.inference.evidence.modes._distinct", lambda z, value, good, factor: []
    )  # by values alone
    torch.distributions.Distribution.set_default_validate_args(False)
    monkeypatch.setattr(torch, "Generator", NoGenerator)
    monkeypatch.setattr(Tensor, "backward", lambda self, *_, **__: None)
    monkeypatch.setattr(torch.autograd, "grad", _zeros)
    for name in ("item", "tolist"):
        monkeypatch.setattr(Tensor, name, made_up)
    for name, value in (("__bool__", False), ("__float__", 1.0), ("__int__", 1)):
        monkeypatch.setattr(Tensor, name, lambda self, value=value: value)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def _zeros(outputs: Tensor, inputs: Tensor | tuple[Tensor, ...], *_: object, **__: object) -> tuple[Tensor, ...]:
    return tuple(torch.zeros_like(part) for part in (inputs if isinstance(inputs, tuple) else (inputs,)))


def on_cuda(kind: type[VAE] = VAE, **config) -> VAE:
    with CUDA:
        model = kind(ModelConfig(latent=3, **config))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return model


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_run_stays_on_its_device(pretended, likelihood, network):
    model = on_cuda(network=network, hidden=NETWORKS[network], likelihood=likelihood)
    how = "dynamic" if likelihood == "bernoulli" else "none"
    images = torch.zeros(6, 1, 28, 28, dtype=torch.uint8, device=CUDA)
    config = TrainingConfig(epochs=1, seconds=0.0, batch_size=3, binarisation=how, free_bits=0.1, kl_warm_up=0.5)
    *_, last = train(model, config, images, start(model, config, CUDA), Speed(1, False, ""))
    assert last.step == 2
    test = Dataset("none", "test", images.cpu(), torch.zeros(6, dtype=torch.int64), ("a", "b"), {}, "0" * 64)
    HeldOut(test, how, CUDA).measure(model)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_estimator_stays_on_the_models_device(pretended, likelihood):
    model, x = on_cuda(hidden=(8,), likelihood=likelihood), torch.zeros(3, 1, 28, 28)
    for method in ("importance", "iwae"):
        evaluate(model, x, evidence_images=2, evidence_method=method, evidence_samples=10)
    annealed(model, x[:2], steps=1, chains=1)
    m, f = torch.zeros(2, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    for family in FAMILIES:
        best_gaussian(model, x[:2], m, f, family=family, steps=1)
    importance_around(model, x[:1], m[:1], f[:1], samples=4)


class Astray(VAE):
    """A model whose prior stays on the CPU."""

    def prior(self) -> Independent:
        return Independent(Normal(torch.zeros(3), torch.ones(3)), 1)


def test_a_tensor_left_behind_is_noticed(pretended):
    with pytest.raises(FakeTensorDeviceMismatchError):
        evaluate(on_cuda(Astray, hidden=(8,)), torch.zeros(2, 1, 28, 28))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def test_laws_hold_on_every_device_there_is(kind, law):
    law(torch.device(kind))
