"""Data sets by name: images as uint8 tensors, labels, and what the labels mean."""

from pathlib import Path

from . import digits, fashion_mnist, mnist
from .dataset import SPLITS, Dataset, DatasetError
from .folder import default_data_dir
from .pictures.load import load_pictures
from .pictures.store import own_names

__all__ = ["Dataset", "DatasetError", "default_data_dir", "load_dataset", "names", "own_names"]

_LOADERS = {
    "mnist": mnist.load,
    "fashion-mnist": fashion_mnist.load,
    "digits": digits.load,
}


def names() -> tuple[str, ...]:
    """The names of the built-in data sets; `own_names` gives those of one's own pictures."""
    return tuple(_LOADERS)


def load_dataset(
    name: str,
    split: str = "train",
    *,
    data_dir: Path | str | None = None,
    download: bool = False,
) -> Dataset:
    """Loads one split of a data set.

    A split read before may be given again: its tensors are to be left as they are.

    Args:
        name: One of `names()`, or else of `own_names(data_dir)`.
        split: "train" or "test".
        data_dir: The data folder, in torchvision's layout; `default_data_dir()`
            if None. MNIST and the digits do not need it.
        download: Whether a data set that is not found may be downloaded.

    Returns:
        The split: images uint8 (n, channels, height, width), labels int64 (n,).

    Raises:
        DatasetError: If the name or split is unknown, or the data are missing,
            damaged or cannot be downloaded.
    """
    if split not in SPLITS:
        raise DatasetError(f"There is no split named {split!r}. Choose one of {', '.join(SPLITS)}.")
    if name in _LOADERS:
        return _LOADERS[name](split, data_dir, download)
    own = own_names(data_dir)
    if name in own:
        return load_pictures(name, split, data_dir=data_dir)
    raise DatasetError(f"There is no data set named {name!r:.80}. Choose one of {', '.join((*names(), *own))}.")
