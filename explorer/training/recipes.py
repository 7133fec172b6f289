"""Settings to start from, and the command line that stands for a configuration."""

from __future__ import annotations

import shlex

from ..config import Config, ModelConfig, TrainingConfig
from ..models import conv_hidden

# Dense layers for which the best ELBO was found in a minute or two on MNIST.
DENSE = (512, 256, 128)
BATCH, SMALLEST_BATCH = 128, 8
EPOCH_STEPS = 8  # at least, of a small data set
FEWEST_STEPS = 300  # fewer than these make no model worth looking at
STEPS = 3_000  # of a budget in epochs to start from
DENSE_PIXELS = 1_024  # of grey images; larger ones and colour want convolutions


def network_for(image_shape: tuple[int, int, int]) -> str:
    """The kind of network to start from."""
    channels, height, width = image_shape
    return "mlp" if channels == 1 and height * width <= DENSE_PIXELS else "conv"


def likelihood_for(image_shape: tuple[int, int, int]) -> str:
    """The likelihood to start from: colours are no binary pixels."""
    return "discretised-logistic" if image_shape[0] == 3 else "bernoulli"


def batch_for(count: int) -> int:
    """Images a step to start from: 128; of a small data set a power of two that gives eight steps an epoch or more."""
    wanted = 1 << max(count // EPOCH_STEPS, 1).bit_length() - 1
    return min(max(wanted, SMALLEST_BATCH), BATCH)


def steps_an_epoch(count: int, batch: int) -> int:
    """Steps of one pass over `count` images; what is left over waits for the next one."""
    return max(count // max(min(batch, count), 1), 1)


def epochs_for(count: int, batch: int) -> int:
    """Epochs to start from: 20, or as many as give a few thousand steps."""
    return max(20, -(-STEPS // steps_an_epoch(count, batch)))


def binarisation_for(likelihood: str, wanted: str = "dynamic") -> str:
    """`wanted` for a Bernoulli, "none" for a likelihood of grey or colour values."""
    return wanted if likelihood == "bernoulli" else "none"


def hidden_for(network: str, image_shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Widths to start from.

    Raises:
        ConfigError: convolutions were asked for and the images cannot be halved.
    """
    return DENSE if network == "mlp" else conv_hidden(image_shape)


def command_for(config: Config, out: str) -> str:
    """`python -m explorer train ...`, with only what differs from the command's defaults.

    The batch is named always: its default follows from how many images there are.
    """
    model, training = config.model, config.training
    speed = config.provenance.get("speed", {})
    plain_model, plain = ModelConfig(model.image_shape), TrainingConfig()
    words = ["python", "-m", "explorer", "train", "--dataset", training.dataset, "--latent", str(model.latent)]
    words += ["--out", out]

    def option(name: str, value: object, default: object) -> None:
        if value != default:
            words.extend([f"--{name}", str(value)])

    option("network", model.network, network_for(model.image_shape))
    option("hidden", ",".join(map(str, model.hidden)), ",".join(map(str, hidden_for(model.network, model.image_shape))))
    option("activation", model.activation, plain_model.activation)
    option("likelihood", model.likelihood, likelihood_for(model.image_shape))
    option("binarisation", training.binarisation, binarisation_for(model.likelihood))
    if training.epochs:
        option("epochs", training.epochs, 0)
    else:
        option("seconds", f"{training.seconds:g}", "120")
    option("batch-size", training.batch_size, None)
    for name in ("learning_rate", "weight_decay", "beta", "kl_warm_up", "free_bits", "seed"):
        option(name.replace("_", "-"), getattr(training, name), getattr(plain, name))
    option("threads", speed.get("threads"), None)
    if "bfloat16" in speed:
        words += ["--precision", "bfloat16" if speed["bfloat16"] else "float32"]
    return shlex.join(words)
