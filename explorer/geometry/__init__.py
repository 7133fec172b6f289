"""Latent space as the decoder bends it: the pull-back metric, and ways through it."""

from .geodesic import geodesic
from .metric import Decoder, magnification, mean_decoder, pullback
from .paths import Path, joined, legs, length, resampled, spherical, straight, through

__all__ = [
    "Decoder",
    "Path",
    "geodesic",
    "joined",
    "legs",
    "length",
    "magnification",
    "mean_decoder",
    "pullback",
    "resampled",
    "spherical",
    "straight",
    "through",
]
