"""The data set of a model, opened for showing or measuring it: its own images, or none.

A data set is found by its name, and a name may be given anew to other pictures. A model's numbers and places mean
nothing on those, so what is opened here is compared with what the model knows of its own.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import torch

from ..datasets import Dataset, DatasetError, load_dataset
from .gallery import Gallery, load_gallery
from .weights import Checkpoint, CheckpointError


class OtherDataError(DatasetError):
    """The name of a model's data set is here that of other images."""


def load_model_data(
    checkpoint: Checkpoint, split: str = "test", *, data_dir: Path | str | None = None, download: bool = False
) -> Dataset:
    """One split of the data set a model was trained on.

    Known by the hash that its run recorded; where there is none, by the images kept beside the model, which are the
    first of its test set. A model with neither is believed.

    Args:
        data_dir, download: see `datasets.load_dataset`.

    Raises:
        OtherDataError: the data set of this name holds other images.
        DatasetError: there is none, or it is damaged.
    """
    name = checkpoint.config.training.dataset
    found = load_dataset(name, split, data_dir=data_dir, download=download)
    recorded = checkpoint.config.provenance.get("data_sha256")
    if isinstance(recorded, str) and re.fullmatch("[0-9a-f]{64}", recorded):
        same = recorded == found.identity
    else:
        kept = kept_images(checkpoint)
        same = kept is None or _begins_with(load_dataset(name, "test", data_dir=data_dir), kept)
    if not same:
        raise OtherDataError(
            f"The data set {name!r:.80} here holds other images than this model was trained on: another one was saved "
            "under its name. Nothing of it is shown or measured as the model’s. Bring back the one it was trained on, "
            "or give the data folder that has it (EXPLORER_DATA, or --data)."
        )
    return found


def has_training_images(checkpoint: Checkpoint) -> bool:
    """Whether the images a model was trained on are here."""
    try:
        return len(load_model_data(checkpoint, "train")) > 0
    except DatasetError:
        return False


def kept_images(checkpoint: Checkpoint) -> Gallery | None:
    """The gallery beside a model; None where there is none that can be read."""
    with contextlib.suppress(CheckpointError):
        return load_gallery(checkpoint.folder, checkpoint.config.model.image_shape)
    return None


def _begins_with(test: Dataset, kept: Gallery) -> bool:
    return torch.equal(test.images[: len(kept.images)], kept.images)
