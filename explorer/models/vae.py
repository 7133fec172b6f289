"""The variational autoencoder: a prior, an encoder and a decoder, each giving a distribution.

Kingma & Welling, "An Introduction to Variational Autoencoders" (2019), chapter 2:
p(x, z) = p(x|z) p(z) is the generative model, q(z|x) the recognition model. The two
are separate modules with separate parameters; either can be replaced or frozen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from ..config import MAX_PARAMETERS, ConfigError, ModelConfig
from .likelihoods import LIKELIHOODS, softly_clamped
from .networks import conv_decoder, conv_encoder, count_parameters, mlp_decoder, mlp_encoder

# A scale between exp(-10) and exp(10): wide enough for any trained posterior, narrow enough that
# neither the scale nor its reciprocal leaves float32.
LOG_SCALE_LIMIT = 10.0


class Encoder(nn.Module):
    """q(z|x): images (batch, c, h, w) in [0, 1] to a diagonal Gaussian over z (batch, d)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.network == "mlp":
            self.network = mlp_encoder(config.pixels, config.hidden, 2 * config.latent, config.activation)
        else:
            self.network = conv_encoder(config.image_shape, config.hidden, 2 * config.latent, config.activation)

    def parameters_of(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Location and scale of q(z|x), each (batch, d), float32."""
        loc, log_scale = self.network(x).float().chunk(2, dim=-1)
        return loc, softly_clamped(log_scale, -LOG_SCALE_LIMIT, LOG_SCALE_LIMIT).exp()

    def forward(self, x: Tensor) -> Independent:
        loc, scale = self.parameters_of(x)
        return Independent(Normal(loc, scale), 1)


class Decoder(nn.Module):
    """p(x|z): latents (batch, d) to a distribution over images (batch, c, h, w).

    The network gives as many channels as the family of p(x|z) needs; what parameters the
    family has of its own (a Gaussian's scale) are the decoder's too.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        likelihood = LIKELIHOODS[config.likelihood]()
        channels, height, width = config.image_shape
        shape = (likelihood.outputs * channels, height, width)
        make = mlp_decoder if config.network == "mlp" else conv_decoder
        self.network = make(config.latent, config.hidden, shape, config.activation)
        self.likelihood = likelihood

    def forward(self, z: Tensor) -> Distribution:
        return self.likelihood(self.network(z).float())


class VAE(nn.Module):
    """A variational autoencoder with a standard normal prior.

    Example:
        >>> model = VAE(ModelConfig(latent=2))
        >>> x = torch.zeros(5, 1, 28, 28)
        >>> z = model.posterior(x).mean            # (5, 2)
        >>> model.likelihood(z).log_prob(x).shape  # one number an image, in nats
        torch.Size([5])
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def prior(self) -> Independent:
        """p(z) = N(0, I), event shape (d,)."""
        # On the weights' device, so that a KL never mixes devices.
        at = next(self.parameters())
        zero = torch.zeros(self.config.latent, device=at.device)
        return Independent(Normal(zero, torch.ones_like(zero)), 1)

    def posterior(self, x: Tensor) -> Independent:
        """q(z|x) for images x (batch, c, h, w) in [0, 1]: batch shape (batch,), event shape (d,)."""
        return self.encoder(x)

    def likelihood(self, z: Tensor) -> Distribution:
        """p(x|z) for latents z (batch, d): batch shape (batch,), event shape (c, h, w)."""
        return self.decoder(z)


def build(config: ModelConfig, *, seed: int | None = None) -> VAE:
    """A new model, in training mode, with the usual initial weights of its layers.

    Args:
        seed: makes the initial weights repeatable without touching the global generator's state.

    Raises:
        ConfigError: the configuration would make more than MAX_PARAMETERS weights.
            Counted on the meta device, before any memory is taken.
    """
    with torch.device("meta"):
        size = count_parameters(VAE(config))
    if size > MAX_PARAMETERS:
        raise ConfigError(f"the model would have {size:,} weights; the limit is {MAX_PARAMETERS:,}.")
    if seed is None:
        return VAE(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(config)
