"""What a model is and how it was trained, as frozen dataclasses with JSON both ways.

A configuration rebuilds a network before any weight is read, so every bound is
checked here, when an object is made: an absurd size is refused with a sentence
instead of being allocated.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1
MAX_PARAMETERS = 200_000_000

NETWORKS = ("mlp", "conv")
LIKELIHOODS = ("bernoulli", "continuous-bernoulli", "gaussian", "discretised-logistic")
ACTIVATIONS = ("relu", "silu", "gelu", "tanh")
# Ways to make the binary pixels a Bernoulli is a likelihood of; "none" for all other likelihoods.
BINARISATIONS = ("dynamic", "fixed", "threshold", "none")


class ConfigError(ValueError):
    """A configuration that cannot be used; the message says which value and why."""


def _whole(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{name} must be a whole number, not {value!r:.80}.")
    if not low <= value <= high:
        raise ConfigError(f"{name} must lie between {low} and {high}, not {value!r:.80}.")


def _real(name: str, value: Any, low: float, high: float) -> None:
    # Not math.isfinite: a whole number from JSON may be too large for a float.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or abs(value) == math.inf:
        raise ConfigError(f"{name} must be a finite number, not {value!r:.80}.")
    if not low <= value <= high:
        raise ConfigError(f"{name} must lie between {low:g} and {high:g}, not {value!r:.80}.")


def _choice(name: str, value: Any, options: tuple[str, ...]) -> None:
    if value not in options:
        raise ConfigError(f"{name} must be one of {', '.join(options)}, not {value!r:.80}.")


def _whole_tuple(name: str, value: Any, length: tuple[int, int], low: int, high: int) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{name} must be a list of whole numbers, not {value!r:.80}.")
    if not length[0] <= len(value) <= length[1]:
        raise ConfigError(f"{name} must have {length[0]} to {length[1]} entries, not {len(value)}.")
    for entry in value:
        _whole(f"each entry of {name}", entry, low, high)
    return tuple(value)


@dataclass(frozen=True)
class ModelConfig:
    """A variational autoencoder's architecture.

    Attributes:
        image_shape: (channels, height, width) of one image.
        latent: d, the number of latent dimensions.
        network: "mlp", or "conv" (strided convolutions before one dense layer).
        hidden: widths of the encoder's hidden layers ("mlp"), or the channels of each
            convolution, which halves height and width, and last the dense width ("conv");
            the decoder mirrors them.
        activation: the non-linearity between layers.
        likelihood: the family of p(x|z).
    """

    image_shape: tuple[int, int, int] = (1, 28, 28)
    latent: int = 2
    network: str = "mlp"
    hidden: tuple[int, ...] = (512, 256)
    activation: str = "relu"
    likelihood: str = "bernoulli"

    def __post_init__(self) -> None:
        shape = _whole_tuple("image_shape", self.image_shape, (3, 3), 1, 256)
        if shape[0] not in (1, 3):
            raise ConfigError(f"image_shape must have 1 or 3 channels, not {shape[0]}.")
        object.__setattr__(self, "image_shape", shape)
        _whole("latent", self.latent, 1, 512)
        _choice("network", self.network, NETWORKS)
        object.__setattr__(self, "hidden", _whole_tuple("hidden", self.hidden, (1, 8), 1, 8192))
        if self.network == "conv":
            halvings = len(self.hidden) - 1
            if halvings < 1:
                raise ConfigError("hidden must have two entries or more for a conv network: channels, then a width.")
            if shape[1] % 2**halvings or shape[2] % 2**halvings:
                raise ConfigError(
                    f"a conv network of {halvings} convolutions needs an image height and width divisible by "
                    f"{2**halvings}, not {shape[1]} and {shape[2]}."
                )
        _choice("activation", self.activation, ACTIVATIONS)
        _choice("likelihood", self.likelihood, LIKELIHOODS)

    @property
    def pixels(self) -> int:
        """D, the number of observed values in one image."""
        return math.prod(self.image_shape)


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained: a pure description, with no path and no machine in it.

    Attributes:
        dataset: name of the data set.
        epochs: passes over the training set; 0 when the budget is in seconds.
        seconds: wall-clock budget; 0 when the budget is in epochs.
        batch_size: images a step.
        learning_rate: the peak of the one-cycle schedule.
        weight_decay: AdamW's decoupled weight decay.
        gradient_norm: a step's gradient is scaled down to this norm (nats an image); the
            usual one is 40 to 150 on 28x28 images, and what lies far above is a spike that
            would undo epochs of a long run.
        beta: weight of the KL in the loss; the loss is an ELBO only where it is 1.
        kl_warm_up: share of the budget over which the KL's weight rises from 0 to beta in a
            straight line (Sonderby et al. 2016); it keeps latent dimensions from collapsing
            before the decoder has learnt to use them.
        free_bits: nats that each latent dimension may use before its KL, averaged over the
            minibatch, counts in the loss (Kingma et al. 2016, eq. 15); 0 for none.
        binarisation: how grey values become the binary pixels of a Bernoulli; "none" where the
            likelihood is one of grey or colour values.
        seed: of the initial weights, the shuffling, the binarisation and the noise.
    """

    dataset: str = "mnist"
    epochs: int = 0
    seconds: float = 60.0
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    gradient_norm: float = 150.0
    beta: float = 1.0
    kl_warm_up: float = 0.0
    free_bits: float = 0.0
    binarisation: str = "dynamic"
    seed: int = 0

    def __post_init__(self) -> None:
        name = self.dataset
        if not isinstance(name, str) or not 0 < len(name) <= 64 or not name.isprintable():
            raise ConfigError(f"dataset must be a name of at most 64 printable characters, not {name!r:.80}.")
        _whole("epochs", self.epochs, 0, 1_000_000)
        _real("seconds", self.seconds, 0.0, 30 * 86_400.0)
        if (self.epochs > 0) == (self.seconds > 0):
            raise ConfigError("a budget is either in epochs or in seconds: set one, and 0 for the other.")
        _whole("batch_size", self.batch_size, 1, 65_536)
        _real("learning_rate", self.learning_rate, 1e-8, 1.0)
        _real("weight_decay", self.weight_decay, 0.0, 10.0)
        _real("gradient_norm", self.gradient_norm, 1e-6, 1e12)
        _real("beta", self.beta, 0.0, 1_000.0)
        _real("kl_warm_up", self.kl_warm_up, 0.0, 1.0)
        _real("free_bits", self.free_bits, 0.0, 100.0)
        _choice("binarisation", self.binarisation, BINARISATIONS)
        _whole("seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True)
class Config:
    """All that a checkpoint's config.json holds.

    Attributes:
        model: the architecture.
        training: how the weights were found.
        provenance: facts recorded by a run (data hash, steps, device, versions);
            informative only, never interpreted when a model is opened.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        binary = self.model.likelihood == "bernoulli"
        if binary == (self.training.binarisation == "none"):
            raise ConfigError(
                "a Bernoulli likelihood needs binary pixels: choose dynamic, fixed or threshold as binarisation."
                if binary
                else f"a {self.model.likelihood} likelihood is one of grey values: its binarisation is none, "
                f"not {self.training.binarisation}."
            )

    def to_json(self) -> str:
        """The configuration as JSON text, stable under a round trip."""
        body = {"format": FORMAT, "family": "vae", **dataclasses.asdict(self)}
        return json.dumps(body, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Reads what `to_json` wrote.

        Raises:
            ConfigError: not JSON, an unknown format, family or key, a value out of bounds.
        """
        try:
            body = json.loads(text)
            json.dumps(body, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:  # not JSON, a number of 5,000 digits, or half of a letter
            raise ConfigError(f"it is not JSON ({error}).") from None
        if not isinstance(body, dict):
            raise ConfigError("it must hold one JSON object.")
        body = dict(body)
        if body.pop("format", None) != FORMAT:
            raise ConfigError(f"its format is not {FORMAT}, the one this version reads.")
        family = body.pop("family", None)
        if family != "vae":
            raise ConfigError(f"its model family {family!r:.80} is unknown; this version knows: vae.")
        provenance = body.pop("provenance", {})
        if not isinstance(provenance, dict):
            raise ConfigError("provenance must be an object.")
        config = cls(
            model=_read(ModelConfig, "model", body.pop("model", None)),
            training=_read(TrainingConfig, "training", body.pop("training", None)),
            provenance=provenance,
        )
        if body:
            raise ConfigError(f"it has unknown keys: {', '.join(sorted(body)):.200}.")
        return config


def _read(kind: type, name: str, values: Any) -> Any:
    if not isinstance(values, dict):
        raise ConfigError(f"{name} is missing or not an object.")
    known = {entry.name for entry in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(f"{name} has unknown keys: {', '.join(unknown):.200}.")
    return kind(**values)
