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
from .elbo import elbo
from .evidence import log_evidence

CHUNK = 500
VALUES = 1 << 21  # pixels decoded at once, so that large colour images take no more memory than small ones


@dataclass(frozen=True)
class Evaluation:
    """Means over images, in nats, each with its standard error over images."""

    n: int
    samples: int
    log_likelihood: float
    kl: float
    elbo: float
    elbo_standard_error: float
    kl_per_dimension: tuple[float, ...]
    active_units: int
    # Of the first `evidence_images` only: IWAE-k is a lower bound on log p(x), and the ELBO of
    # the same images stands beside it, since a difference means something between these two alone.
    log_evidence: float | None = None
    log_evidence_standard_error: float | None = None
    evidence_elbo: float | None = None
    evidence_images: int = 0
    evidence_samples: int = 0

    def facts(self) -> dict[str, Any]:
        """As JSON can hold them: the standard error of a single image, which is infinite, is null."""
        return {name: None if value == math.inf else value for name, value in dataclasses.asdict(self).items()}


@torch.inference_mode()
def evaluate(
    model: VAE,
    x: Tensor,
    *,
    samples: int = 16,
    evidence_images: int = 0,
    evidence_samples: int = 1_000,
    seed: int = 0,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evaluation:
    """Test numbers of a model.

    Args:
        x: images (n, c, h, w), float32, as the likelihood sees them (`datasets.binarise.repeatable`).
        samples: draws of z an image for the reconstruction.
        evidence_images: how many of the first images get an importance estimate of log p(x).
        evidence_samples: k of that estimate (IWAE-k).
        progress: told the share that is done, 0 to 1.
    """
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    parts, means = [], []
    evidence_images = min(evidence_images, len(x))
    cost = len(x) * samples + evidence_images * evidence_samples
    size = max(1, min(CHUNK, VALUES // x.shape[1:].numel()))
    for index, chunk in enumerate(x.split(size)):
        chunk = chunk.to(device)
        parts.append(elbo(model, chunk, samples=samples, generator=generator))
        means.append(model.posterior(chunk).mean)
        progress(min((index + 1) * size, len(x)) * samples / cost)
    log_likelihood = torch.cat([part.log_likelihood for part in parts]).cpu().double()  # Apple's GPUs have no float64
    kl = torch.cat([part.kl_per_dimension for part in parts]).cpu().double()
    value = log_likelihood - kl.sum(1)
    # Burda, Grosse & Salakhutdinov (2016): a unit is active where its posterior mean moves.
    active = (torch.cat(means).var(0, correction=0) > 0.01).sum().item()
    facts: dict[str, Any] = {}
    if evidence_images:
        estimates = []
        for start in range(0, evidence_images, 10):
            end = min(start + 10, evidence_images)
            chunk = x[start:end].to(device)
            estimates.append(log_evidence(model, chunk, samples=evidence_samples, generator=generator).value.cpu())
            progress((len(x) * samples + end * evidence_samples) / cost)
        estimate = torch.cat(estimates)
        facts = {
            "log_evidence": estimate.mean().item(),
            "log_evidence_standard_error": _standard_error(estimate),
            "evidence_elbo": value[:evidence_images].mean().item(),
            "evidence_images": len(estimate),
            "evidence_samples": evidence_samples,
        }
    return Evaluation(
        n=len(x),
        samples=samples,
        log_likelihood=log_likelihood.mean().item(),
        kl=kl.sum(1).mean().item(),
        elbo=value.mean().item(),
        elbo_standard_error=_standard_error(value),
        kl_per_dimension=tuple(kl.mean(0).tolist()),
        active_units=active,
        **facts,
    )


def _standard_error(values: Tensor) -> float:
    return (values.std() / math.sqrt(len(values))).item() if len(values) > 1 else math.inf
