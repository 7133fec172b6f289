"""A split kept as two idx files, images and labels, whose checksums are known."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

import torch

from .dataset import Dataset, DatasetError
from .idx import read_idx

IDX_NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
"""The names of a split's image file and label file, before any ".gz"."""

_reading = Lock()


@dataclass(frozen=True)
class IdxFile:
    """A file to read, and what it must contain.

    Attributes:
        path: Where it is; unpacked on reading if the name ends in ".gz".
        content_sha256: Hash of the idx content, unpacked. Packed again with
            other settings, a file keeps this hash.
        file_sha256: Hash of the file as it lies on disk, or None for any.
        advice: A sentence that says what to do when the file is not right.
    """

    path: Path
    content_sha256: str
    file_sha256: str | None
    advice: str


def load_idx_split(
    name: str, split: str, classes: tuple[str, ...], images: IdxFile, labels: IdxFile, training_sha256: str
) -> Dataset:
    """Reads and verifies the two files of a split; the last four are remembered.

    Args:
        name: The data set's name.
        split: "train" or "test".
        classes: The names of the classes, in the order of the labels.
        images: The file of images, 3 dimensions (n, height, width).
        labels: The file of labels, 1 dimension (n,).
        training_sha256: The hash of the training split, whichever split this is.

    Returns:
        The split: images (n, 1, height, width). Its `sha256` is that of the image
        file's content followed by the label file's, both unpacked.

    Raises:
        DatasetError: If a file is missing, damaged or not the one expected, or if
            images and labels do not fit together.
    """
    with _reading:  # many people open a page at once: read once, not once each
        return _load(name, split, classes, images, labels, training_sha256)


@lru_cache(maxsize=4)
def _load(
    name: str, split: str, classes: tuple[str, ...], images: IdxFile, labels: IdxFile, training_sha256: str
) -> Dataset:
    pixels, pixel_content = _read(images, dims=3)
    values, value_content = _read(labels, dims=1)
    return Dataset(
        name=name,
        split=split,
        images=pixels.unsqueeze(1),
        labels=values.long(),
        classes=classes,
        columns={},
        sha256=_sha256(pixel_content, value_content),
        training_sha256=training_sha256,
    )


def _read(file: IdxFile, dims: int) -> tuple[torch.Tensor, bytearray]:
    """Reads one file, and checks it before and after unpacking."""
    try:
        if file.file_sha256 is not None:
            _compare(file.path, file.file_sha256, _file_sha256(file.path))
        values, content = read_idx(file.path, dims=dims)
        _compare(file.path, file.content_sha256, _sha256(content), unpacked=True)
    except DatasetError as error:
        raise DatasetError(f"{error} {file.advice}") from error
    return values, content


def _compare(path: Path, expected: str, found: str, *, unpacked: bool = False) -> None:
    if found != expected:
        of = " of its unpacked content" if unpacked and path.suffix == ".gz" else ""
        raise DatasetError(
            f"{path} is damaged or is another file: the SHA-256 checksum{of} is {found}, and {expected} was expected."
        )


def _file_sha256(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{path} cannot be read: {reason}.") from error


def _sha256(*contents: bytearray) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()
