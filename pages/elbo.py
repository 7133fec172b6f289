"""ELBO: log p(x) cut in two, the true posterior, every gap, and inference by hand."""

from pages.model_map import model_map

model_map("elbo")
