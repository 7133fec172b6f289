"""log p(x) by the estimator that fits, or by the one asked for.

quadrature   latent spaces of one or two dimensions; to within a tolerance
importance   any latent size; draws around the posterior of each image, which is looked for
annealed     any latent size; slower, and independent of any search
iwae         any latent size; draws from the encoder's q(z|x): the bound IWAE-k, a poor estimate where q is far from
             the true posterior

The last three are lower bounds in expectation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...models import VAE
from ..estimate import Evidence
from ..quadrature.integral import TOLERANCE, quadrature
from ..quadrature.lattice import MOST_DIMENSIONS, Lattice, QuadratureError
from .annealed import CHAINS, STEPS, annealed, check_annealing
from .importance import SAMPLES as importance_samples
from .importance import check_samples, importance
from .iwae import SAMPLES as iwae_samples
from .iwae import check_proposal, iwae

METHODS = ("quadrature", "importance", "annealed", "iwae")
# Draws an image, where nothing is said.
DRAWS = {"importance": importance_samples, "iwae": iwae_samples}


def chosen_method(model: VAE, method: str | None) -> str:
    """The estimator's name; for None or "auto" the best one for the model's latent size.

    Raises:
        QuadratureError: quadrature was asked for in more than two dimensions.
        ValueError: an unknown name.
    """
    d = model.prior().event_shape[0]
    if method in (None, "auto"):
        return "quadrature" if d <= MOST_DIMENSIONS else "importance"
    if method not in METHODS:
        raise ValueError(f"The method {method!r} is unknown: choose auto, {', '.join(METHODS[:-1])} or {METHODS[-1]}.")
    if method == "quadrature" and d > MOST_DIMENSIONS:
        raise QuadratureError(
            f"Quadrature needs a latent space of one or two dimensions; this one has {d}",
            "choose importance, or annealed, which is slower and safer",
        )
    return method


def log_evidence(
    model: VAE,
    x: Tensor,
    *,
    method: str | None = "auto",
    samples: int | None = None,
    widen: float = 1.0,
    defensive: float = 0.0,
    steps: int = STEPS,
    chains: int = CHAINS,
    tolerance: float = TOLERANCE,
    lattice: Lattice | None = None,
    generator: torch.Generator | None = None,
    progress: Callable[[float], None] | None = None,
) -> Evidence:
    """log p(x) of images, with bounded memory.

    Args:
        x: (batch, c, h, w), as the likelihood sees them.
        method: one of METHODS. "auto" or None takes quadrature up to two dimensions, and importance sampling
            above, and for the images whose posterior is too narrow for quadrature; the answer's `method` says
            which it was, "mixed" where it was both.
        samples: draws an image of `importance` and of `iwae` (its k); None takes DRAWS.
        widen, defensive: of `iwae` alone; steps, chains: of `annealed`; tolerance, in nats, and lattice: of
            `quadrature`.
        generator: of the draws, on the model's device; None takes torch's own.
        progress: told the share that is done, 0 to 1.

    Raises:
        QuadratureError: quadrature was asked for and is not possible.
        ValueError: an unknown method, or an option that makes no sense.
    """
    tell = progress or (lambda fraction: None)
    chosen = chosen_method(model, method)
    check_options(chosen, samples, widen, defensive)
    check_annealing(steps, chains)
    if chosen == "annealed":
        return annealed(model, x, steps=steps, chains=chains, generator=generator, progress=tell)
    if chosen == "iwae":
        wishes = {"widen": widen, "defensive": defensive, "generator": generator, "progress": tell}
        return iwae(model, x, samples=samples or DRAWS[chosen], **wishes)
    draws = samples or DRAWS["importance"]
    if chosen == "importance":
        return importance(model, x, samples=draws, generator=generator, progress=tell)
    partial = method != "quadrature"
    found = quadrature(model, x, tolerance=tolerance, lattice=lattice, partial=partial, progress=tell)
    failed = found.error.isinf()
    if not failed.any():
        return found
    other = importance(model, x[failed], samples=draws, generator=generator)
    value, error = found.value.clone(), found.error.clone()
    value[failed], error[failed] = other.value, other.error
    return Evidence(value, error, "importance" if failed.all() else "mixed")


def check_options(method: str, samples: int | None, widen: float = 1.0, defensive: float = 0.0) -> None:
    """Raises a ValueError for options of the draws that make no sense, or are of another method than the chosen one."""
    check_proposal(1 if samples is None else samples, widen, defensive)
    check_samples(1 if samples is None else samples)
    if method != "iwae" and (widen != 1 or defensive):
        raise ValueError(
            f"q is widened or mixed with the prior for the method iwae alone, not for {method}: choose iwae, or leave "
            "these options out."
        )
