"""From a run's checkpoint to a model one can open: gallery, decoder for the browser, test numbers, card."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from .card import write_card
from .checkpoint import Checkpoint, load_checkpoint
from .datasets import Dataset
from .datasets.binarise import repeatable
from .export import export_decoder
from .gallery import Gallery, save_gallery
from .gap_table import save_gaps
from .inference.evaluation import Evaluation, evaluate
from .inference.importance import SAMPLES
from .inference.survey import Survey, affordable, survey

GALLERY_IMAGES = 1_000
GAP_IMAGES = 500
# Of the gaps' survey, half a minute to a minute on one core: a costly decoder gets fewer images, or so few that there
# is nothing to see.
GAP_OPERATIONS = 1.4e12
LEAST_GAP_IMAGES = 10
# Nor is a run of some seconds followed by a minute of measuring: so many for each second of training.
OPERATIONS_A_SECOND = 2e10
LEAST_SECONDS = 5.0


def publish(
    folder: Path,
    test: Dataset,
    *,
    name: str,
    command: str,
    device: torch.device,
    samples: int = 16,
    evidence_images: int = 200,
    gap_images: int | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evaluation:
    """Measures the checkpoint in `folder` on a test split, and writes what goes with it.

    Args:
        test: whose first images become the gallery.
        name: of the model, on its card; command: the line that makes it again.
        samples, evidence_images: see `inference.evaluation.evaluate`.
        gap_images: how many of the first images get their gaps measured, at most: see `inference.survey`; None for
            GAP_IMAGES, or what a costly decoder allows.
        progress: told the share of the measuring that is done, 0 to 1.

    Returns:
        The numbers of the weights as they are stored, rounded.
    """
    save_gallery(folder, Gallery(test.images[:GALLERY_IMAGES], test.labels[:GALLERY_IMAGES], test.classes))
    checkpoint = load_checkpoint(folder, device=device)
    x = repeatable(test.images, checkpoint.config.training.binarisation)
    evaluation = evaluate(
        checkpoint.model,
        x,
        samples=samples,
        evidence_images=evidence_images,
        evidence_method="auto",
        progress=lambda fraction: progress(0.5 * fraction),
    )
    export_decoder(checkpoint.model.cpu(), folder)
    write_card(folder, name, checkpoint.config, evaluation, command)
    # Last, since a model is whole without.
    x = x[: GAP_IMAGES if gap_images is None else gap_images]
    checkpoint.model.to(device)
    _survey(checkpoint, x, lambda fraction: progress(0.5 + 0.5 * fraction))
    return evaluation


def _survey(checkpoint: Checkpoint, x: Tensor, progress: Callable[[float], None]) -> None:
    """Makes gaps.safetensors. A model is none the worse without, so that what fails is logged and no more."""
    model, training, folder = checkpoint.model, checkpoint.config.training, checkpoint.folder
    seconds = checkpoint.config.provenance.get("seconds")
    operations = GAP_OPERATIONS
    if seconds is not None:
        operations = min(operations, max(seconds, LEAST_SECONDS) * OPERATIONS_A_SECOND)
    most = affordable(model, operations)
    x = x[:most]
    if not len(x) or most < LEAST_GAP_IMAGES:
        return
    try:
        found = survey(model, x, progress=progress)
        save_gaps(folder, model, x, found, binarisation=training.binarisation, made=how_surveyed(found))
    except (ValueError, RuntimeError) as error:
        logging.getLogger("explorer").warning("The gaps of the model in %s were not measured: %s", folder, error)


def how_surveyed(found: Survey) -> str:
    """By what log p(x) was estimated, in words."""
    exact = int(found.exact.sum())
    by_draws = f"by importance sampling from the best Gaussian, {SAMPLES:,} draws"
    if exact == len(found):
        return "by quadrature"
    return by_draws if not exact else f"by quadrature for {exact:,} images, {by_draws} for {len(found) - exact:,}"
