"""Networks and model families: distributions in, distributions out."""

from .networks import conv_hidden, count_parameters, multiply_adds
from .vae import VAE, Decoder, Encoder, build

__all__ = ["VAE", "Decoder", "Encoder", "build", "conv_hidden", "count_parameters", "multiply_adds"]
