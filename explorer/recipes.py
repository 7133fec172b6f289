"""Settings to start from, and the command line that stands for a configuration."""

from __future__ import annotations

import shlex

from .config import Config, ModelConfig, TrainingConfig
from .models import conv_hidden

# Dense layers for which the best ELBO was found in a minute or two on MNIST.
DENSE = (512, 256, 128)


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
    """`python -m explorer train ...`, with only what differs from the command's defaults."""
    model, training = config.model, config.training
    speed = config.provenance.get("speed", {})
    plain_model, plain = ModelConfig(model.image_shape), TrainingConfig()
    words = ["python", "-m", "explorer", "train", "--dataset", training.dataset, "--latent", str(model.latent)]
    words += ["--out", out]

    def option(name: str, value: object, default: object) -> None:
        if value != default:
            words.extend([f"--{name}", str(value)])

    option("network", model.network, plain_model.network)
    option("hidden", ",".join(map(str, model.hidden)), ",".join(map(str, hidden_for(model.network, model.image_shape))))
    option("activation", model.activation, plain_model.activation)
    option("likelihood", model.likelihood, plain_model.likelihood)
    option("binarisation", training.binarisation, binarisation_for(model.likelihood))
    if training.epochs:
        option("epochs", training.epochs, 0)
    else:
        option("seconds", f"{training.seconds:g}", "120")
    for name in ("batch_size", "learning_rate", "weight_decay", "beta", "kl_warm_up", "free_bits", "seed"):
        option(name.replace("_", "-"), getattr(training, name), getattr(plain, name))
    option("threads", speed.get("threads"), None)
    if "bfloat16" in speed:
        words += ["--precision", "bfloat16" if speed["bfloat16"] else "float32"]
    return shlex.join(words)
