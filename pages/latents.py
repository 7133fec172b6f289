"""Latents: projections, traversals, paths, neighbours and selections."""

from pages.model_map import model_map

model_map("latents")
