"""Which rows of a data set are kept for testing."""

import hashlib

import torch


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
