"""MNIST: handwritten digits, all 70,000 of them, shipped with the package.

Yann LeCun, Corinna Cortes, Christopher J.C. Burges; CC BY-SA 3.0. The notice
stands beside the files, in bundled/MNIST/README.md.
"""

from pathlib import Path

from .dataset import Dataset
from .verified import IDX_NAMES, IdxFile, load_idx_split

FOLDER = Path(__file__).parent / "bundled" / "MNIST" / "raw"
CLASSES = tuple("0123456789")

FILE_SHA256 = {
    "train-images-idx3-ubyte": ("0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971"),
    "train-labels-idx1-ubyte": ("1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203"),
    "t10k-images-idx3-ubyte": ("1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be"),
    "t10k-labels-idx1-ubyte": ("b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b"),
}
"""Checksums of the bundled files, compressed as they are."""

CONTENT_SHA256 = {
    "train-images-idx3-ubyte": ("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train-labels-idx1-ubyte": ("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "t10k-images-idx3-ubyte": ("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "t10k-labels-idx1-ubyte": ("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}
"""Checksums of the original release's files, not compressed."""

TRAIN_SHA256 = "c5097fdd51cfdbe7695fd9df3612695696864b5c424f58d843ffdc5d335e9914"
"""`Dataset.sha256` of the training split, by which a model knows what it was trained on."""

_ADVICE = (
    "MNIST comes with this program: restore the file with "
    "`git checkout -- explorer/datasets/bundled`, or get the program again."
)


def images_file(split: str, data_dir: Path | str | None) -> Path | None:
    """Where the images of a split are."""
    path = FOLDER / f"{IDX_NAMES[split][0]}.gz"
    return path if path.is_file() else None


def load(split: str, data_dir: Path | str | None, download: bool) -> Dataset:
    """Loads MNIST from the package; `data_dir` and `download` are not used.

    Returns:
        60,000 (train) or 10,000 (test) images of shape (1, 28, 28).

    Raises:
        DatasetError: If a bundled file is missing or damaged.
    """
    images, labels = (
        IdxFile(FOLDER / f"{name}.gz", CONTENT_SHA256[name], FILE_SHA256[name], _ADVICE) for name in IDX_NAMES[split]
    )
    return load_idx_split("mnist", split, CLASSES, images, labels, TRAIN_SHA256)
