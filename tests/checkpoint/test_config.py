"""Configurations: JSON both ways, and every bound."""

from __future__ import annotations

import dataclasses
import json

import pytest

from explorer.config import Config, ConfigError, ModelConfig, TrainingConfig
from explorer.models import build


def changed(path: str, value: object) -> str:
    """A sound configuration's JSON with one value replaced; "model.latent" is a path."""
    body = json.loads(Config().to_json())
    *folders, last = path.split(".")
    at = body
    for name in folders:
        at = at[name]
    at[last] = value
    return json.dumps(body)


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        Config(ModelConfig((3, 32, 64), 16, "conv", (4, 8, 16), "gelu"), TrainingConfig(epochs=3, seconds=0, beta=0.5)),
        Config(provenance={"steps": 7, "speed": {"reason": "β ≤ 1"}, "list": [1, 2.5, None, True]}),
    ],
)
def test_json_round_trip(config: Config) -> None:
    text = config.to_json()
    assert Config.from_json(text) == config
    assert Config.from_json(text).to_json() == text


def test_it_is_frozen_and_lists_become_tuples() -> None:
    config = ModelConfig(image_shape=[1, 8, 8], hidden=[4, 4])  # type: ignore[arg-type]
    assert hash(config) == hash(ModelConfig((1, 8, 8), hidden=(4, 4)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.latent = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("model.latent", 0, "latent"),
        ("model.latent", 10**9, "latent"),
        ("model.latent", 10**4000, "latent"),
        ("model.latent", True, "latent"),
        ("model.latent", 2.0, "latent"),
        ("model.latent", "2", "latent"),
        ("model.hidden", [10**9], "hidden"),
        ("model.hidden", [], "hidden"),
        ("model.hidden", [1] * 100_000, "hidden"),
        ("model.hidden", {"0": 1}, "hidden"),
        ("model.image_shape", [1, 28], "image_shape"),
        ("model.image_shape", [2, 28, 28], "channels"),
        ("model.image_shape", [1, 10**6, 10**6], "image_shape"),
        ("model.network", "transformer", "network"),
        ("model.network", ["mlp"], "network"),
        ("model.hidden", [64] * 9, "hidden"),
        ("training.free_bits", -0.1, "free_bits"),
        ("training.binarisation", "none", "Bernoulli"),
        ("model.likelihood", "gaussian", "none"),
        ("model.activation", "x" * 500_000, "activation"),
        ("model.likelihood", "poisson", "likelihood"),
        ("model.extra", 1, "extra"),
        ("model", None, "model"),
        ("training", [], "training"),
        ("training.beta", -1, "beta"),
        ("training.beta", float("nan"), "beta"),
        ("training.learning_rate", float("inf"), "learning_rate"),
        ("training.learning_rate", 10**400, "learning_rate"),
        ("training.learning_rate", 0, "learning_rate"),
        ("training.seconds", 0, "budget"),
        ("training.epochs", 3, "budget"),
        ("training.batch_size", 0, "batch_size"),
        ("training.seed", -1, "seed"),
        ("training.seed", 2**31, "seed"),
        ("training.dataset", "", "dataset"),
        ("training.binarisation", None, "binarisation"),
        ("provenance", [], "provenance"),
        ("format", 2, "format"),
        ("format", "1", "format"),
        ("family", "gan", "gan"),
        ("family", None, "family"),
        ("surprise", 1, "surprise"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_in_a_sentence(path: str, value: object, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as error:
        Config.from_json(changed(path, value))
    assert len(str(error.value)) < 400 and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "1", '"config"', "[" * 200_000, '{"a":' * 200_000, '{"format": ' + "9" * 5_000 + "}", "\0"],
)
def test_what_is_not_a_json_object_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Config.from_json(text)


@pytest.mark.parametrize("part", ["provenance", "model", None])
def test_halves_of_letters_are_refused_wherever_they_stand(part: str | None) -> None:
    """They are JSON, but no page, file or answer that holds them can be written."""
    body = json.loads(Config().to_json())
    (body if part is None else body[part])["\ud800"] = "\udfff"
    with pytest.raises(ConfigError) as refused:
        Config.from_json(json.dumps(body))
    assert str(refused.value).encode()


def test_missing_keys_take_defaults_but_format_and_family_are_asked_for() -> None:
    body = {"format": 1, "family": "vae", "model": {}, "training": {}}
    assert Config.from_json(json.dumps(body)) == Config()
    for key in body:
        with pytest.raises(ConfigError):
            Config.from_json(json.dumps({k: v for k, v in body.items() if k != key}))


def test_a_model_of_allowed_parts_may_still_be_too_large() -> None:
    config = ModelConfig(hidden=(8192,) * 8)
    with pytest.raises(ConfigError, match="weights"):
        build(config)


def test_a_convolutional_network_halves_what_can_be_halved() -> None:
    assert ModelConfig((3, 64, 64), network="conv", hidden=(8, 8, 8, 8, 64)).hidden[-1] == 64
    for shape, hidden in (((1, 28, 28), (8, 8, 8, 64)), ((1, 28, 27), (8, 64)), ((1, 28, 28), (64,))):
        with pytest.raises(ConfigError, match="conv network"):
            ModelConfig(shape, network="conv", hidden=hidden)
