"""A model's numbers on a data set, with their standard errors and how they were made."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..models import VAE
from .annealed import CHAINS, STEPS, check_annealing
from .budget import Budget, decoding_operations
from .elbo import elbo
from .estimate import Evidence, joined
from .evidence import chosen_method, log_evidence
from .importance import check_proposal
from .lattice import fitted_lattice

CHUNK = 500
VALUES = 1 << 21  # pixels decoded at once, so that large colour images take no more memory than small ones

# How many images get a log p(x) where nothing is said: some minutes' work at most on a laptop.
EVIDENCE_IMAGES = {"quadrature": 1_000, "importance": 200, "annealed": 20}
# Multiply-adds between two looks at a budget, a second or two on one core.
HASTY_OPERATIONS = 3e10
HASTY_NODES = 8_000  # of a lattice
# What one image costs, in decoded images, roughly: for the share that is done, and nothing else.
QUADRATURE_COST = 3_000
ANNEALING_COST = 8


@dataclass(frozen=True)
class Range:
    """Of a number that every image has: its mean over images, and its worst value."""

    mean: float
    worst: float


@dataclass(frozen=True)
class Evaluation:
    """Means over images, in nats, each with its standard error over images.

    Attributes:
        n, samples: test images, from the first, and draws of z an image for the reconstruction.
        log_evidence: log p(x), of the first `evidence_images` only, and the ELBO of these very images beside
            it, since a difference means something between these two alone: `evidence_gap`.
        evidence_error: an image's own standard error, or numerical error of a quadrature.
        evidence_method: the estimator; evidence_bound: "lower" where it is one in expectation.
        effective_samples: an image's, of the sampling estimators.
        evidence_samples, evidence_widen: of importance sampling; annealing_steps, annealing_chains: of annealing.
    """

    n: int
    samples: int
    log_likelihood: float
    kl: float
    elbo: float
    elbo_standard_error: float
    kl_per_dimension: tuple[float, ...]
    active_units: int
    log_evidence: float | None = None
    log_evidence_standard_error: float | None = None
    evidence_elbo: float | None = None
    evidence_images: int = 0
    evidence_samples: int = 0
    evidence_gap: float | None = None
    evidence_error: Range | None = None
    evidence_method: str | None = None
    evidence_bound: str | None = None
    effective_samples: Range | None = None
    evidence_widen: float | None = None
    annealing_steps: int | None = None
    annealing_chains: int | None = None

    def facts(self) -> dict[str, Any]:
        """As JSON can hold them: what is not finite, like the standard error of a single image, is null."""
        return {name: _finite(value) for name, value in dataclasses.asdict(self).items()}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


@torch.inference_mode()
def evaluate(
    model: VAE,
    x: Tensor,
    *,
    samples: int = 16,
    evidence_images: int | None = 0,
    evidence_method: str | None = "importance",
    evidence_samples: int = 1_000,
    evidence_widen: float = 1.0,
    annealing_steps: int = STEPS,
    chains: int = CHAINS,
    seed: int = 0,
    budget: Budget | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evaluation:
    """Test numbers of a model.

    Args:
        x: images (n, c, h, w), float32, as the likelihood sees them (`datasets.binarise.repeatable`).
        samples: draws of z an image for the reconstruction.
        evidence_images: how many of the first images get a log p(x); None takes the method's usual number.
        evidence_method: see `log_evidence`; "auto" or None chooses.
        evidence_samples, evidence_widen: of importance sampling (k of IWAE-k, and the factor on q's scales).
        annealing_steps, chains: of annealed importance sampling.
        budget: where it is spent the numbers are of the first images alone, and `n` and `evidence_images` say so;
            half of it goes to log p(x), where that is asked for and one image of it fits.
        progress: told the share that is done, 0 to 1.

    Raises:
        QuadratureError: quadrature was asked for and is not possible.
        ValueError: an unknown method, or an option that makes no sense.
    """
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    # Before any work, since what is asked for may make no sense.
    method = chosen_method(model, evidence_method)
    check_proposal(evidence_samples, evidence_widen)
    check_annealing(annealing_steps, chains)
    images = min(EVIDENCE_IMAGES[method] if evidence_images is None else evidence_images, len(x))
    costs = {
        "quadrature": QUADRATURE_COST,
        "importance": evidence_samples,
        "annealed": ANNEALING_COST * annealing_steps * chains,
    }
    cost = len(x) * samples + images * costs[method]
    parts, means = [], []
    size = max(1, min(CHUNK, VALUES // x.shape[1:].numel()))
    evidence_block, lattice = images, None
    budget = budget or Budget()
    hasty = math.isfinite(budget.seconds)
    if hasty:  # blocks of the model alone, not of how quick this machine is: the same draws for the same images
        block = HASTY_OPERATIONS / decoding_operations(model)
        size = max(1, min(size, int(block / samples)))
        evidence_block = max(1, min(images, int(block / costs[method])))
    for rows in budget.share(0.5 if images else 1.0).blocks(len(x), size):
        chunk = x[rows].to(device)
        parts.append(elbo(model, chunk, samples=samples, generator=generator))
        means.append(model.posterior(chunk).mean)
        progress(rows.stop * samples / cost)
    n = rows.stop
    images = min(images, n)
    if hasty and images:
        decoded = costs[method] + (HASTY_NODES if method == "quadrature" else 0)
        if not budget.allows(decoded * decoding_operations(model)):
            images = 0
        elif method == "quadrature":
            lattice = fitted_lattice(model, torch.cat(means).cpu(), most=HASTY_NODES)
    log_likelihood = torch.cat([part.log_likelihood for part in parts]).cpu().double()  # Apple's GPUs have no float64
    kl = torch.cat([part.kl_per_dimension for part in parts]).cpu().double()
    value = log_likelihood - kl.sum(1)
    # Burda, Grosse & Salakhutdinov (2016): a unit is active where its posterior mean moves.
    active = (torch.cat(means).var(0, correction=0) > 0.01).sum().item()
    facts: dict[str, Any] = {}
    if images:
        before = len(x) * samples / cost
        told = _rising(lambda fraction: progress(before + (1 - before) * fraction))
        estimates = []
        for rows in budget.blocks(images, evidence_block):
            done, here = rows.start / images, (rows.stop - rows.start) / images
            estimates.append(
                log_evidence(
                    model,
                    x[rows],
                    method=evidence_method,
                    samples=evidence_samples,
                    widen=evidence_widen,
                    steps=annealing_steps,
                    chains=chains,
                    lattice=lattice,
                    generator=generator,
                    progress=lambda fraction, done=done, here=here: told(done + here * fraction),
                )
            )
        estimate = joined(estimates)
        facts = _evidence_facts(estimate, value[: len(estimate.value)])
        if estimate.method == "importance":
            facts |= {"evidence_samples": evidence_samples, "evidence_widen": evidence_widen}
        if estimate.method == "annealed":
            facts |= {"annealing_steps": annealing_steps, "annealing_chains": chains}
    return Evaluation(
        n=n,
        samples=samples,
        log_likelihood=log_likelihood.mean().item(),
        kl=kl.sum(1).mean().item(),
        elbo=value.mean().item(),
        elbo_standard_error=_standard_error(value),
        kl_per_dimension=tuple(kl.mean(0).tolist()),
        active_units=active,
        **facts,
    )


def _evidence_facts(estimate: Evidence, elbos: Tensor) -> dict[str, Any]:
    effective = estimate.effective_samples
    return {
        "log_evidence": estimate.value.mean().item(),
        "log_evidence_standard_error": _standard_error(estimate.value),
        "evidence_elbo": elbos.mean().item(),
        "evidence_gap": (estimate.value - elbos).mean().item(),
        "evidence_images": len(estimate.value),
        "evidence_error": Range(estimate.error.mean().item(), estimate.error.amax().item()),
        "evidence_method": estimate.method,
        "evidence_bound": None if estimate.method == "quadrature" else "lower",
        "effective_samples": None if effective is None else Range(effective.mean().item(), effective.amin().item()),
    }


def _rising(progress: Callable[[float], None]) -> Callable[[float], None]:
    """Never backwards, also where one estimator gives up and another begins."""
    highest = 0.0

    def tell(fraction: float) -> None:
        nonlocal highest
        highest = max(highest, fraction)
        progress(highest)

    return tell


def _standard_error(values: Tensor) -> float:
    if len(values) < 2 or not values.isfinite().all():
        return math.inf
    return (values.std() / math.sqrt(len(values))).item()
