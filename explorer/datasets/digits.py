"""Digits: 1,797 handwritten digits of 8×8 pixels, which come with scikit-learn.

Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten
Digits, UCI Machine Learning Repository; its test part, as scikit-learn has it.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import torch

from .dataset import Dataset, DatasetError

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
        DatasetError: If scikit-learn cannot be imported.
    """
    return _load(split)


@lru_cache(maxsize=2)
def _load(split: str) -> Dataset:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DatasetError(
            "The digits come with scikit-learn, which cannot be imported "
            f"({error}). Install it with `pip install -r requirements.txt`."
        ) from error
    source = load_digits()
    labels = torch.as_tensor(source.target).long()
    values = torch.as_tensor(source.images)
    images = (values * 255 / _MAX_VALUE).round().to(torch.uint8).unsqueeze(1)
    is_test = stratified_test_mask(labels, TEST_SIZE, SEED)
    rows = is_test if split == "test" else ~is_test
    images, labels = images[rows], labels[rows]
    content = images.numpy().tobytes() + labels.to(torch.uint8).numpy().tobytes()
    return Dataset(
        name="digits",
        split=split,
        images=images,
        labels=labels,
        classes=CLASSES,
        columns={},
        sha256=hashlib.sha256(content).hexdigest(),
    )


def stratified_test_mask(labels: torch.Tensor, size: int, seed: int) -> torch.Tensor:
    """Chooses rows for testing, each class in proportion.

    The shares are rounded by largest remainder. Within a class, the rows whose
    hash of seed and row number is smallest are taken, so that the choice depends
    on no library's random numbers and is the same everywhere.

    Args:
        labels: int64, shape (n,), not negative.
        size: How many rows to choose, at most n.
        seed: Any integer; another one gives another choice.

    Returns:
        bool, shape (n,), true in `size` places.
    """
    total = len(labels)
    counts = torch.bincount(labels).tolist()
    shares = [count * size // total for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda label: -(counts[label] * size % total))
    for label in by_remainder[: size - sum(shares)]:
        shares[label] += 1
    mask = torch.zeros(total, dtype=torch.bool)
    for label, share in enumerate(shares):
        rows = (labels == label).nonzero().flatten().tolist()
        rows.sort(key=lambda row: hashlib.sha256(f"{seed}:{row}".encode()).digest())
        mask[rows[:share]] = True
    return mask
