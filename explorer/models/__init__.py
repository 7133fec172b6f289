"""Networks and model families: distributions in, distributions out."""

from .networks import count_parameters, multiply_adds
from .vae import VAE, Decoder, Encoder, build

__all__ = ["VAE", "Decoder", "Encoder", "build", "count_parameters", "multiply_adds"]
