"""What a data set is: images, labels and their names, checked once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

SPLITS = ("train", "test")


class DatasetError(ValueError):
    """A data set cannot be had; the message says why, and what to do."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """One split of a data set, held in memory.

    The tensors are shared between callers: treat them as read-only.

    Attributes:
        name: The name `load_dataset` knows it by, such as "mnist".
        split: "train" or "test".
        images: uint8, shape (n, channels, height, width), 0 to 255.
        labels: int64, shape (n,), each an index into `classes`.
        classes: The names of the classes.
        columns: Further values a row, by name; each tensor has n rows.
        sha256: Hash of the content this split was read from, in hexadecimal.
        categories: Of the columns that are positions among texts, −1 for unknown, these texts.
        files: The name of each image's file, where they are known; else empty.
        training_sha256: That of the training split of the same data, where it is
            another; None where it is not.

    Raises:
        DatasetError: If shapes, types or labels do not fit together.
    """

    name: str
    split: str
    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]
    columns: Mapping[str, torch.Tensor]
    sha256: str
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    training_sha256: str | None = None

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            self._reject(f"the split must be one of {', '.join(SPLITS)}")
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            self._reject(
                "images must be uint8 of shape (n, channels, height, width), not "
                f"{self.images.dtype} of shape {tuple(self.images.shape)}"
            )
        if self.images.numel() == 0:
            self._reject("it has no images")
        if self.labels.dtype != torch.int64 or self.labels.ndim != 1:
            self._reject(
                f"labels must be int64 of shape (n,), not {self.labels.dtype} of shape {tuple(self.labels.shape)}"
            )
        if len(self.labels) != len(self.images):
            self._reject(f"{len(self.images)} images have {len(self.labels)} labels")
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= len(self.classes):
            self._reject(
                f"labels run from {low} to {high}, but the {len(self.classes)} "
                f"classes allow only 0 to {len(self.classes) - 1}"
            )
        for column, values in self.columns.items():
            if values.ndim == 0 or len(values) != len(self.images):
                self._reject(f"column {column!r} does not have one row an image")
        if self.files and len(self.files) != len(self.images):
            self._reject(f"{len(self.images)} images have {len(self.files)} names of files")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def identity(self) -> str:
        """The hash by which a model knows the data it was trained on, of whichever split this is."""
        return self.training_sha256 or self.sha256

    def __len__(self) -> int:
        return len(self.images)

    def _reject(self, reason: str) -> None:
        raise DatasetError(f"The {self.split!r} split of data set {self.name!r} is not usable: {reason}.")
