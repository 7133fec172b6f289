"""Explore: drag through a latent space, watch it decode, see the terms."""

from pages.model_map import model_map

model_map()
