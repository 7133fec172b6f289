"""From a run's checkpoint to a model one can open: gallery, decoder for the browser, test numbers, card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from .card import write_card
from .checkpoint import load_checkpoint
from .datasets import Dataset
from .datasets.binarise import repeatable
from .export import export_decoder
from .gallery import Gallery, save_gallery
from .inference.evaluation import Evaluation, evaluate

GALLERY_IMAGES = 1_000


def publish(
    folder: Path,
    test: Dataset,
    *,
    name: str,
    command: str,
    device: torch.device,
    samples: int = 16,
    evidence_images: int = 200,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evaluation:
    """Measures the checkpoint in `folder` on a test split, and writes what goes with it.

    Args:
        test: whose first images become the gallery.
        name: of the model, on its card; command: the line that makes it again.
        samples, evidence_images: see `inference.evaluation.evaluate`.
        progress: told the share of the measuring that is done, 0 to 1.

    Returns:
        The numbers of the weights as they are stored, rounded.
    """
    save_gallery(folder, Gallery(test.images[:GALLERY_IMAGES], test.labels[:GALLERY_IMAGES], test.classes))
    checkpoint = load_checkpoint(folder, device=device)
    x = repeatable(test.images, checkpoint.config.training.binarisation)
    evaluation = evaluate(checkpoint.model, x, samples=samples, evidence_images=evidence_images, progress=progress)
    export_decoder(checkpoint.model.cpu(), folder)
    write_card(folder, name, checkpoint.config, evaluation, command)
    return evaluation
