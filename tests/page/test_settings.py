"""What one click trains, what answers become, and which numbers may stand beside each other."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from explorer.checkpoint.comparable import why_not
from explorer.commands import train as train_command
from explorer.config import LIKELIHOODS, Config, ConfigError, ModelConfig, TrainingConfig
from explorer.jobs.training.rates import cost, estimate
from explorer.models import build, multiply_adds
from explorer.page import train_settings as settings
from explorer.page.train_settings import Images, config_from, starting_config
from explorer.training import recipes

MNIST = Images((1, 28, 28), 60_000)


def answers(**changes: Any) -> dict[str, Any]:
    plain = {
        **{"dataset": "mnist", "latent": 2, "network": "mlp", "likelihood": "bernoulli", "budget": ("seconds", 60)},
        **{"seed": 0, "hidden": "512, 256", "activation": "relu", "batch_size": 128, "learning_rate": 1e-3},
        **{"beta": 1.0, "kl_warm_up": 0.0, "free_bits": 0.0, "binarisation": "dynamic"},
    }
    return plain | changes


@pytest.mark.parametrize(
    "shape", [(1, 8, 8), (1, 28, 28), (1, 32, 32), (1, 64, 64), (3, 28, 28), (3, 32, 32), (3, 64, 64)]
)
def test_one_click_gives_a_network_that_can_be_built(shape: tuple[int, int, int]) -> None:
    config = starting_config("x", Images(shape, 1_000))
    build(config.model)
    assert config.training.seconds == 60 and config.model.latent == 2
    for network in ("mlp", "conv"):
        build(ModelConfig(shape, 2, network, recipes.hidden_for(network, shape)))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_answers_become_a_configuration(likelihood: str) -> None:
    config = config_from(answers(likelihood=likelihood, budget=("epochs", 3), hidden="64; 32,"), MNIST)
    assert config.model.hidden == (64, 32) and config.model.likelihood == likelihood
    assert (config.training.epochs, config.training.seconds) == (3, 0.0)
    assert (config.training.binarisation == "none") == (likelihood != "bernoulli")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"hidden": "a, b"}, "whole numbers"),
        ({"hidden": ""}, "hidden"),
        ({"hidden": "99999999999"}, "hidden"),
        ({"network": "conv", "hidden": "8,8,8,64"}, "divisible"),
        ({"latent": 10**9}, "latent"),
    ],
)
def test_answers_that_cannot_be_used_are_refused_by_name(change: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        config_from(answers(**change), MNIST)


def test_every_setting_has_its_sentence() -> None:
    asked = set(answers()) | {"name", "tensorboard"}
    assert set(settings.HELP) == asked and all(text.endswith(".") for text in settings.HELP.values())
    assert set(settings.LIKELIHOOD_NAMES) == set(LIKELIHOODS)


def test_the_command_on_a_card_makes_the_same_configuration_again() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    for config in (
        config_from(answers(), MNIST),
        config_from(answers(likelihood="gaussian", budget=("epochs", 7), free_bits=0.25, beta=2.0, seed=9), MNIST),
        config_from(answers(network="conv", hidden="8,16,32", binarisation="threshold", kl_warm_up=0.5), MNIST),
    ):
        words = recipes.command_for(config, "runs/x").split()
        assert words[:4] == ["python", "-m", "explorer", "train"]
        args = parser.parse_args(words[4:])
        for count in (MNIST.count, 100):
            data = type("Data", (), {"image_shape": MNIST.shape, "__len__": lambda _, n=count: n})()
            assert train_command._config(args, data) == config


def config_of(dataset: str = "mnist", likelihood: str = "bernoulli", how: str = "dynamic") -> Config:
    how = recipes.binarisation_for(likelihood, how)
    return Config(ModelConfig(likelihood=likelihood), TrainingConfig(dataset, binarisation=how))


def test_only_what_measures_the_same_may_be_compared() -> None:
    plain = config_of()
    assert why_not(plain, plain) is None
    assert why_not(plain, dataclasses.replace(plain, model=ModelConfig(latent=16, hidden=(64,)))) is None
    assert why_not(plain, config_of(how="fixed")) is None  # both are measured on the same fixed draw
    assert "threshold" in why_not(plain, config_of(how="threshold"))
    assert "different images" in why_not(plain, config_of("digits"))
    for likelihood in LIKELIHOODS[1:]:
        reason = why_not(plain, config_of(likelihood=likelihood))
        assert likelihood in reason and "nats" in reason
        assert why_not(config_of(likelihood=likelihood), plain) is not None


@pytest.mark.parametrize(
    "model",
    [
        ModelConfig(hidden=(64, 32)),
        ModelConfig((3, 32, 32), 4, "conv", (8, 16, 32)),
        ModelConfig(network="conv", hidden=(4, 8)),
    ],
)
def test_the_cost_of_a_network_is_counted_as_it_is_computed(model: ModelConfig) -> None:
    network = build(model, seed=0)
    decoder = multiply_adds(network.decoder.network, torch.zeros(1, model.latent))
    # The encoder mirrors the decoder but for its first output, twice as wide, and its biases.
    assert cost(model) == pytest.approx(2 * decoder, rel=0.05)


def test_an_estimate_grows_with_epochs_and_size_and_is_the_budget_in_seconds() -> None:
    rates = {"small": 0.001, "mlp": 0.004, "conv": 0.1}
    epochs = TrainingConfig(epochs=2, seconds=0.0)
    assert estimate(ModelConfig(hidden=(512, 256)), epochs, 12_800, rates) == pytest.approx(2 * 100 * 0.004)
    assert estimate(ModelConfig(hidden=(2048, 2048)), epochs, 12_800, rates) > 2 * 100 * 0.004
    assert estimate(ModelConfig(), TrainingConfig(seconds=30.0), 12_800, rates) == 30.0
