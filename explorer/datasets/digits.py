"""Digits: 1,797 handwritten digits of 8×8 pixels, which come with scikit-learn.

Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten
Digits, UCI Machine Learning Repository; its test part, as scikit-learn has it.
"""

import gzip
import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from .dataset import Dataset, DatasetError
from .split import stratified_test_mask

CLASSES = tuple("0123456789")
TEST_SIZE = 360
SEED = 0

_MAX_VALUE = 16


def load(split: str, data_dir: Path | str | None, download: bool) -> Dataset:
    """Loads the digits; `data_dir` and `download` are not used.

    Values 0 to 16 become 0 to 255. The split is ours, and is always the same:
    each class gives the test part its share, rounded.

    Returns:
        1,437 (train) or 360 (test) images of shape (1, 8, 8), in the order of the
        source. `sha256` is that of the split's pixels and labels, a byte each.

    Raises:
        DatasetError: If scikit-learn is not installed.
    """
    return _load(split)


@lru_cache(maxsize=2)
def _load(split: str) -> Dataset:
    table = _table()
    labels = torch.from_numpy(table[:, -1]).long()
    values = torch.from_numpy(table[:, :-1]).view(-1, 1, 8, 8)
    images = (values * 255 / _MAX_VALUE).round().to(torch.uint8)
    is_test = stratified_test_mask(labels, TEST_SIZE, SEED)
    parts = {"train": ~is_test, "test": is_test}
    hashes = {part: _sha256(images[rows], labels[rows]) for part, rows in parts.items()}
    images, labels = images[parts[split]], labels[parts[split]]
    return Dataset(
        name="digits",
        split=split,
        images=images,
        labels=labels,
        classes=CLASSES,
        columns={},
        sha256=hashes[split],
        training_sha256=hashes["train"],
    )


def _table() -> np.ndarray:
    """The 64 pixels and the label of each digit, (1797, 65) float64.

    From scikit-learn's file where it has kept it so far: what it imports takes a second, and 130 MB of a server.
    """
    found = find_spec("sklearn")
    path = Path(found.origin or "").parent / "datasets" / "data" / "digits.csv.gz" if found else Path()
    if path.is_file():
        return np.loadtxt(gzip.open(path, "rt"), delimiter=",")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DatasetError(
            "The digits come with scikit-learn, which cannot be imported "
            f"({error}). Install it with `pip install -r requirements.txt`."
        ) from error
    source = load_digits()
    return np.column_stack([source.data, source.target]).astype(float)


def _sha256(images: torch.Tensor, labels: torch.Tensor) -> str:
    return hashlib.sha256(images.numpy().tobytes() + labels.to(torch.uint8).numpy().tobytes()).hexdigest()
