"""Data sets by name: images as uint8 tensors, labels, and what the labels mean."""

from pathlib import Path

from . import digits, fashion_mnist, mnist
from .dataset import SPLITS, Dataset, DatasetError
from .folder import default_data_dir
from .idx import idx_shape
from .pictures.load import load_pictures
from .pictures.store import own_names

__all__ = ["Dataset", "DatasetError", "default_data_dir", "load_dataset", "names", "own_names", "training_extent"]

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


def training_extent(name: str) -> tuple[tuple[int, int, int], int]:
    """The image shape (channels, height, width) and the number of training images of a built-in data set.

    Of a large one no more than its file's header is read: its images would stay in memory.

    Raises:
        DatasetError: If the training images are not on this machine, or their file is no such file.
    """
    if name == "digits":
        dataset = load_dataset(name)
        return dataset.image_shape, len(dataset)
    path = {"mnist": mnist, "fashion-mnist": fashion_mnist}[name].images_file("train", None)
    if path is None:
        raise DatasetError(f"The training images of {name} are not on this machine.")
    count, height, width = idx_shape(path, dims=3)
    return (1, height, width), count
