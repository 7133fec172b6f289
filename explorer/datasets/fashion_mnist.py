"""Fashion-MNIST: clothes in ten classes. Zalando SE, MIT licence.

It is not shipped: it is looked for in the data folder, then where Debian's
package puts it, and is downloaded only when asked for.
Source: Xiao, Rasul, Vollgraf (2017), https://arxiv.org/abs/1708.07747 and
https://github.com/zalandoresearch/fashion-mnist.
"""

import os
from pathlib import Path

from .dataset import Dataset, DatasetError
from .folder import default_data_dir
from .verified import IDX_NAMES, IdxFile, load_idx_split

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist installs the four files."""

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

CONTENT_SHA256 = {
    "train-images-idx3-ubyte": ("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    "train-labels-idx1-ubyte": ("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    "t10k-images-idx3-ubyte": ("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    "t10k-labels-idx1-ubyte": ("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}
"""Checksums of the four files, not compressed. The compressed ones differ between
the authors' release and Debian's package; what is inside does not."""

_ADVICE = "Delete it, and get Fashion-MNIST again."


def load(split: str, data_dir: Path | str | None, download: bool) -> Dataset:
    """Loads Fashion-MNIST from the first place that has both files of the split.

    Args:
        split: "train" or "test".
        data_dir: The data folder, in torchvision's layout; None for the default.
        download: Whether to download into the data folder what is nowhere found.

    Returns:
        60,000 (train) or 10,000 (test) images of shape (1, 28, 28).

    Raises:
        DatasetError: If it is not found, cannot be downloaded, or is damaged.
    """
    root = default_data_dir() if data_dir is None else Path(data_dir).expanduser()
    folder = root / "FashionMNIST" / "raw"
    paths = _find(split, folder) or _find(split, DEBIAN_FOLDER)
    if paths is None and download:
        _download(root)
        paths = _find(split, folder)
    if paths is None:
        raise DatasetError(
            f"Fashion-MNIST ({split}) was not found in {folder}, nor in "
            f"{DEBIAN_FOLDER}. There are three ways to get it: put "
            f"{' and '.join(IDX_NAMES[split])} (as they are, or as .gz) into the "
            "first folder; on Debian or Ubuntu, install the package "
            "dataset-fashion-mnist; or run the command again with --download."
        )
    images, labels = (
        IdxFile(path, CONTENT_SHA256[name], None, _ADVICE) for name, path in zip(IDX_NAMES[split], paths, strict=True)
    )
    return load_idx_split("fashion-mnist", split, CLASSES, images, labels)


def _find(split: str, folder: Path) -> list[Path] | None:
    """The image file and the label file if the folder has both, unpacked first."""
    paths = []
    for name in IDX_NAMES[split]:
        candidates = (folder / name, folder / f"{name}.gz")
        path = next((path for path in candidates if os.path.isfile(path)), None)
        if path is None:
            return None
        paths.append(path)
    return paths


def _download(root: Path) -> None:
    """Downloads all four files into the data folder, with torchvision."""
    try:
        from torchvision.datasets import FashionMNIST

        FashionMNIST(str(root), download=True)
    except Exception as error:  # the network, the disk, a damaged file: all end here
        reason = " ".join(str(error).split()).rstrip(".")
        raise DatasetError(
            f"Fashion-MNIST could not be downloaded into {root}: {reason}. Check the "
            "network and the free space and try again; or put the files into "
            f"{root / 'FashionMNIST' / 'raw'} yourself; or, on Debian or Ubuntu, "
            "install the package dataset-fashion-mnist."
        ) from error
