"""Latent space as the decoder bends it: the pull-back metric, and ways through it."""

from .geodesic import geodesic
from .grid_path import Path, joined, legs, length, resampled, spherical, straight, through
from .image_distance import looks, ruler
from .metric import Decoder, magnification, mean_decoder, pullback

__all__ = [
    "Decoder",
    "Path",
    "geodesic",
    "joined",
    "legs",
    "length",
    "looks",
    "magnification",
    "mean_decoder",
    "pullback",
    "resampled",
    "ruler",
    "spherical",
    "straight",
    "through",
]
