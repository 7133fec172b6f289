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
from .budget import Budget, decoding_operations
from .elbo import elbo
from .estimate import Evidence, joined
from .evidence.annealed import CHAINS, STEPS, check_annealing
from .evidence.choice import DRAWS, check_options, chosen_method, log_evidence
from .gaps.survey import Survey
from .quadrature.lattice import fitted_lattice
from .units import active_dimensions

GAPS = ("inference_gap", "approximation_gap", "amortization_gap")
CHUNK = 500
VALUES = 1 << 21  # pixels decoded at once, so that large colour images take no more memory than small ones

# How many images get a log p(x) where nothing is said: some minutes' work at most on a laptop.
EVIDENCE_IMAGES = {"quadrature": 1_000, "importance": 200, "annealed": 20, "iwae": 200}
# Multiply-adds between two looks at a budget, a second or two on one core.
HASTY_OPERATIONS = 3e10
HASTY_NODES = 8_000  # of a lattice
# What one image costs, in decoded images, roughly: for the share that is done, and nothing else.
QUADRATURE_COST = 3_000
ANNEALING_COST = 8
# Of importance sampling: of the search for the best Gaussian, and of each draw, some being drawn anew.
SEARCH_COST, DRAW_COST = 9_000, 2


@dataclass(frozen=True)
class Range:
    """Of a number that every image has: its mean over images, and its worst value; NaN where no image's is known."""

    mean: float
    worst: float


@dataclass(frozen=True)
class Spread:
    """Of a gap that every image has, nats: its mean over images, the standard error of that, and its median."""

    mean: float
    standard_error: float
    median: float

    @classmethod
    def of(cls, values: Tensor) -> Spread:
        values = values.double()
        return cls(values.mean().item(), _standard_error(values), values.quantile(0.5).item())


@dataclass(frozen=True)
class Evaluation:
    """Means over images, in nats, each with its standard error over images.

    Attributes:
        n, samples: test images, from the first, and draws of z an image for the reconstruction.
        log_evidence: log p(x), of the first `evidence_images` only, and the ELBO of these very images beside
            it, since a difference means something between these two alone: `evidence_gap`.
        evidence_error: an image's own standard error, or numerical error of a quadrature, over the images whose
            error is known; evidence_unknown: the number of images whose error is not.
        evidence_method: the estimator; evidence_bound: "lower" where it is one in expectation.
        effective_samples: an image's, of the sampling estimators.
        evidence_samples: draws an image, of importance sampling and of IWAE; evidence_widen: of IWAE alone;
            annealing_steps, annealing_chains: of annealing.
        train_elbo: of the first `train_images` images of the training split, seen as the test images are.
        inference_gap, approximation_gap, amortization_gap: of the first `evidence_images` images, see `survey`.
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
    evidence_unknown: int = 0
    train_elbo: float | None = None
    train_elbo_standard_error: float | None = None
    train_images: int = 0
    inference_gap: Spread | None = None
    approximation_gap: Spread | None = None
    amortization_gap: Spread | None = None

    def beside(self, train: Evaluation) -> Evaluation:
        """With the ELBO of training images."""
        return dataclasses.replace(
            self, train_elbo=train.elbo, train_elbo_standard_error=train.elbo_standard_error, train_images=train.n
        )

    def surveyed(self, found: Survey) -> Evaluation:
        """With the log p(x) and the gaps of a survey, whose images are the first ones."""
        exact = int(found.exact.sum())
        method = "quadrature" if exact == len(found) else "mixed" if exact else "importance"
        facts = _evidence_facts(Evidence(found.log_evidence, found.error, method), found.elbo)
        gaps = {name: Spread.of(getattr(found, name)) for name in GAPS}
        samples = 0 if method == "quadrature" else DRAWS["importance"]
        return dataclasses.replace(self, **facts, **gaps, evidence_samples=samples)

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
    evidence_method: str | None = "auto",
    evidence_samples: int | None = None,
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
        evidence_samples: draws an image of importance sampling, or k of IWAE-k; None takes the usual number;
            evidence_widen: of IWAE, the factor on q's scales.
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
    check_options(method, evidence_samples, evidence_widen)
    draws = evidence_samples or DRAWS.get(method, 0)
    check_annealing(annealing_steps, chains)
    images = min(EVIDENCE_IMAGES[method] if evidence_images is None else evidence_images, len(x))
    costs = {
        "quadrature": QUADRATURE_COST,
        "importance": SEARCH_COST + DRAW_COST * draws,
        "iwae": draws,
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
    active = int(active_dimensions(torch.cat(means).cpu()).sum())
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
                    samples=draws or None,
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
        if estimate.method in ("importance", "iwae", "mixed"):
            facts["evidence_samples"] = draws or DRAWS["importance"]
        if estimate.method == "iwae":
            facts["evidence_widen"] = evidence_widen
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
    unknown = int(estimate.error.isnan().sum())
    worst = estimate.error.nan_to_num(-math.inf, math.inf).amax().item()
    return {
        "log_evidence": estimate.value.mean().item(),
        "log_evidence_standard_error": _standard_error(estimate.value),
        "evidence_elbo": elbos.mean().item(),
        "evidence_gap": (estimate.value - elbos).mean().item(),
        "evidence_images": len(estimate.value),
        "evidence_error": Range(estimate.error.nanmean().item(), worst if math.isfinite(worst) else math.nan),
        "evidence_unknown": unknown,
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
