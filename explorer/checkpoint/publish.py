"""From a run's checkpoint to a model one can open, at once, and to its test numbers, within a budget of time."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..config import Config
from ..datasets import Dataset
from ..datasets.binarise import repeatable
from ..inference.budget import OPERATIONS_A_SECOND, Budget, decoding_operations
from ..inference.evaluation import Evaluation, evaluate
from ..inference.evidence.importance import SAMPLES
from ..inference.gaps.survey import NODES, Survey, affordable, survey
from ..inference.quadrature.lattice import MOST_DIMENSIONS
from .card import write_card
from .gallery import Gallery, save_gallery
from .gaps import GAPS_FILE, save_gaps
from .programs import export_decoder
from .weights import CONFIG_FILE, Checkpoint, CheckpointError, load_checkpoint

GALLERY_IMAGES = 1_000
GAP_IMAGES = 500
# The gaps of so few images show nothing.
LEAST_GAP_IMAGES = 10
# Measuring takes so much of the time that training took, within bounds: seconds.
SHARE, LEAST_SECONDS = 1 / 3, 2.0
MOST_SECONDS = float(os.environ.get("EXPLORER_MEASURE_SECONDS") or 60.0)


def budget_of(config: Config) -> Budget:
    """Processor time that may be spent on measuring a model that was trained."""
    trained = config.provenance.get("seconds")
    if trained is None:
        return Budget(MOST_SECONDS)
    return Budget(min(max(SHARE * trained, LEAST_SECONDS), MOST_SECONDS))


def open_up(folder: Path, test: Dataset, *, name: str, command: str) -> None:
    """Writes what opening the checkpoint in `folder` needs: gallery, decoder for the browser, card without numbers.

    Args:
        test: whose first images become the gallery.
        name: of the model, on its card; command: the line that makes it again.
    """
    (folder / GAPS_FILE).unlink(missing_ok=True)  # of other weights
    checkpoint = load_checkpoint(folder)
    write_card(folder, name, checkpoint.config, None, command)
    save_gallery(folder, Gallery(test.images[:GALLERY_IMAGES], test.labels[:GALLERY_IMAGES], test.classes))
    export_decoder(checkpoint.model, folder)


def measure(
    folder: Path,
    test: Dataset,
    *,
    name: str,
    command: str,
    device: torch.device,
    train: Dataset | None = None,
    samples: int = 16,
    gap_images: int | None = None,
    budget: Budget | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evaluation:
    """Measures the checkpoint in `folder` on a test split: evaluation.json, the card's numbers and the gaps.

    Each file is there whole or not at all, and those before stay in use until then.

    Args:
        train: the training split, of which as many of the first images are measured beside; None for none.
        samples: see `inference.evaluation.evaluate`.
        gap_images: how many of the first images get their log p(x) and their gaps measured, at most: see
            `inference.gaps.survey`; None for GAP_IMAGES.
        budget: None takes `budget_of` the run. Fewer images are measured where it does not reach.
        progress: told the share of the measuring that is done, 0 to 1.

    Returns:
        The numbers of the weights as they are stored, rounded.

    Raises:
        CheckpointError: there is no sound checkpoint, or it was deleted meanwhile.
    """
    checkpoint = load_checkpoint(folder, device=device)
    budget = budget or budget_of(checkpoint.config)
    how = checkpoint.config.training.binarisation
    x = repeatable(test.images, how)
    evaluation = evaluate(
        checkpoint.model,
        x,
        samples=samples,
        budget=budget.share(0.25 if train else 0.5),
        progress=lambda fraction: progress((0.1 if train else 0.2) * fraction),
    )
    if train:
        seen = repeatable(train.images[: evaluation.n], how)
        half = budget.share(0.33)
        beside = evaluate(
            checkpoint.model,
            seen,
            samples=samples,
            budget=half,
            progress=lambda fraction: progress(0.1 + 0.1 * fraction),
        )
        evaluation = evaluation.beside(beside)

    def written() -> None:
        _still_there(folder)
        write_card(folder, name, checkpoint.config, evaluation, command, test_images=len(x))

    written()
    # Last, since a model is whole without.
    some = x[: GAP_IMAGES if gap_images is None else gap_images]
    found = _survey(checkpoint, some, budget, lambda fraction: progress(0.2 + 0.8 * fraction))
    if found is not None:
        evaluation = evaluation.surveyed(found)
        written()
    return evaluation


def publish(folder: Path, test: Dataset, *, name: str, command: str, **wishes) -> Evaluation:
    """`open_up`, then `measure` with its wishes."""
    open_up(folder, test, name=name, command=command)
    return measure(folder, test, name=name, command=command, **wishes)


def _still_there(folder: Path) -> None:
    """Refuses to write into the place of a model that somebody has deleted meanwhile."""
    if not (folder / CONFIG_FILE).is_file():
        raise CheckpointError(f"{folder.name} was deleted while it was being measured.")


def _survey(checkpoint: Checkpoint, x: Tensor, budget: Budget, progress: Callable[[float], None]) -> Survey | None:
    """Makes gaps.safetensors. A model is none the worse without, so that what fails is logged and no more."""
    model, training, folder = checkpoint.model, checkpoint.config.training, checkpoint.folder
    if math.isfinite(budget.left):
        operations = budget.left * OPERATIONS_A_SECOND
        if model.config.latent <= MOST_DIMENSIONS:
            operations -= NODES * decoding_operations(model)
        if affordable(model, operations) < LEAST_GAP_IMAGES:
            return None
    if not len(x):
        return None
    try:
        found = survey(model, x, budget=budget, progress=progress)
        if len(found) < min(LEAST_GAP_IMAGES, len(x)):
            return None
        _still_there(folder)
        save_gaps(folder, model, x[: len(found)], found, binarisation=training.binarisation, made=how_surveyed(found))
        return found
    except (ValueError, RuntimeError) as error:
        logging.getLogger("explorer").warning("The gaps of the model in %s were not measured: %s", folder, error)
        return None


def how_surveyed(found: Survey) -> str:
    """By what log p(x) was estimated, in words."""
    exact = int(found.exact.sum())
    by_draws = f"by importance sampling around the best Gaussian, {SAMPLES:,} draws"
    if exact == len(found):
        return "by quadrature"
    return by_draws if not exact else f"by quadrature for {exact:,} images, {by_draws} for {len(found) - exact:,}"
