"""What a person may set before training: words for each setting, and a configuration from the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..config import Config, ConfigError, ModelConfig, TrainingConfig
from ..training.recipes import batch_for, binarisation_for, hidden_for, likelihood_for, network_for

MINUTE = 60.0

HELP = {
    "dataset": "The images to learn. Your own go under Pictures.",
    "name": "The model’s name in the chooser. Left empty, it is named after the data set.",
    "latent": "d, the size of z. With 2 the map is the whole latent space; more describe the images better.",
    "network": "Dense layers learn small images fastest; convolutions suit larger ones, and colour.",
    "likelihood": "What p(x|z) is a distribution of. Bernoulli: binary pixels. Continuous Bernoulli: values between "
    "0 and 1. Gaussian: any value, with one learned scale. Discretised logistic: the 256 levels of a pixel. "
    "ELBOs under different likelihoods cannot be compared.",
    "budget": "How long to train. The learning rate comes down to zero just as it is spent.",
    "seed": "Of the first weights, the order of the images and all noise: the same seed gives the same start.",
    "hidden": "Widths of the encoder’s layers, as 512, 256, 128; for convolutions the channels of each halving, then "
    "one dense width. The decoder mirrors them.",
    "activation": "The non-linearity between layers.",
    "batch_size": "Images a step. More make steady gradients, fewer make more steps: a small data set wants few.",
    "learning_rate": "The highest rate of the schedule. If the loss becomes NaN, take a third of it.",
    "beta": "The KL’s weight in the loss. Above 1, fewer dimensions stay in use; only with 1 is it minus the ELBO.",
    "kl_warm_up": "The share of the run over which the KL’s weight rises from 0 to β, so that dimensions do not "
    "collapse before the decoder has learnt to use them.",
    "free_bits": "Nats a latent dimension has for free: below them its KL, averaged over the batch, costs no less.",
    "binarisation": "How grey becomes black or white. Dynamic: a new draw each time an image is seen. Fixed: one draw "
    "an image. Threshold: at one half.",
    "tensorboard": "Event files for TensorBoard beside metrics.jsonl, in the model’s folder.",
}

LIKELIHOOD_NAMES = {
    "bernoulli": "Bernoulli (binary pixels)",
    "continuous-bernoulli": "continuous Bernoulli (grey)",
    "gaussian": "Gaussian, learned scale",
    "discretised-logistic": "discretised logistic (8 bit)",
}
NETWORK_NAMES = {"mlp": "dense", "conv": "convolutional"}


@dataclass(frozen=True)
class Images:
    """What the settings need to know of a data set: the shape of an image and how many there are to train on."""

    shape: tuple[int, int, int]
    count: int


def starting_config(dataset: str, images: Images) -> Config:
    """What one click trains: a minute, two latent dimensions, and what suits the images."""
    network, likelihood = network_for(images.shape), likelihood_for(images.shape)
    return Config(
        ModelConfig(images.shape, 2, network, hidden_for(network, images.shape), likelihood=likelihood),
        TrainingConfig(
            dataset, seconds=MINUTE, batch_size=batch_for(images.count), binarisation=binarisation_for(likelihood)
        ),
    )


def config_from(answers: dict[str, Any], images: Images) -> Config:
    """A configuration from a form's answers.

    Args:
        answers: by the names of HELP; `hidden` as text, `budget` as ("seconds" | "epochs", number).

    Raises:
        ConfigError: an answer that cannot be used; the message says which and why.
    """
    unit, amount = answers["budget"]
    likelihood = answers["likelihood"]
    model = ModelConfig(
        images.shape,
        int(answers["latent"]),
        answers["network"],
        _widths(answers["hidden"]),
        answers["activation"],
        likelihood,
    )
    training = TrainingConfig(
        answers["dataset"],
        epochs=int(amount) if unit == "epochs" else 0,
        seconds=float(amount) if unit == "seconds" else 0.0,
        batch_size=int(answers["batch_size"]),
        learning_rate=float(answers["learning_rate"]),
        beta=float(answers["beta"]),
        kl_warm_up=float(answers["kl_warm_up"]),
        free_bits=float(answers["free_bits"]),
        binarisation=binarisation_for(likelihood, answers["binarisation"]),
        seed=int(answers["seed"]),
    )
    return Config(model, training)


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace(";", ",").split(",") if part.strip())
    except ValueError:
        raise ConfigError(f"widths are whole numbers with commas between, not {text:.40}.") from None
