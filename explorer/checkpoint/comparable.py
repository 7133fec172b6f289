"""Which numbers may stand beside each other: an ELBO means something only under its own likelihood and data."""

from __future__ import annotations

from ..config import Config
from .card import describe_likelihood


def why_not(one: Config, other: Config) -> str | None:
    """A sentence that says why two models' ELBOs must not be compared; None where they may be."""
    a, b = one, other
    if a.training.dataset != b.training.dataset:
        return f"one is of {a.training.dataset}, the other of {b.training.dataset}: different images"
    if a.model.image_shape != b.model.image_shape:
        return "their images differ in size or colour"
    if a.model.likelihood != b.model.likelihood:
        kinds = [f"under {model.likelihood}, {describe_likelihood(model.likelihood)}" for model in (a.model, b.model)]
        return f"{'; '.join(kinds)}: their nats do not measure the same thing"
    # Dynamic and fixed draws are measured on the same fixed test draw; a threshold makes other images.
    if (a.training.binarisation == "threshold") != (b.training.binarisation == "threshold"):
        return "one thresholds the pixels and the other draws them: different binary images"
    return None
