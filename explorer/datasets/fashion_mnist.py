"""Fashion-MNIST: clothes in ten classes. Zalando SE, MIT licence.

The test set comes with the package, so that models can be shown and measured
anywhere. The training set does not: it is looked for in the data folder, then
where Debian's package puts it, and is downloaded only when asked for. The
notice stands beside the files, in bundled/FashionMNIST/README.md.
Source: Xiao, Rasul, Vollgraf (2017), https://arxiv.org/abs/1708.07747 and
https://github.com/zalandoresearch/fashion-mnist.
"""

import os
from pathlib import Path

from .dataset import Dataset, DatasetError
from .folder import default_data_dir
from .verified import IDX_NAMES, IdxFile, load_idx_split

BUNDLED_FOLDER = Path(__file__).parent / "bundled" / "FashionMNIST" / "raw"
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

TRAIN_SHA256 = "d9ef4273af5c2e360155dad0c06bd939447bf37a6620db007d69fc79e4732045"
"""`Dataset.sha256` of the training split, by which a model knows what it was trained on."""

_ADVICE = "Delete it, and get Fashion-MNIST again."
_BUNDLED_ADVICE = (
    "Fashion-MNIST's test set comes with this program: restore the file with "
    "`git checkout -- explorer/datasets/bundled`, or get the program again."
)


def images_file(split: str, data_dir: Path | str | None) -> Path | None:
    """Where the images of a split are; None where it is not on this machine."""
    paths = _found(split, _root(data_dir))
    return paths[0] if paths else None


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
    root = _root(data_dir)
    folder = root / "FashionMNIST" / "raw"
    paths = _found(split, root)
    if paths is None and download:
        _download(root)
        paths = _find(split, folder)
    if paths is None:
        raise DatasetError(
            f"Fashion-MNIST's training images, which do not come with this program, were not found in {folder}, nor "
            f"in {DEBIAN_FOLDER}. There are three ways to get them: put {' and '.join(IDX_NAMES[split])} (as they "
            "are, or as .gz) into the first folder; on Debian or Ubuntu, install the package dataset-fashion-mnist; "
            "or run the command again with --download."
            if split == "train"
            else f"Fashion-MNIST's test images are missing in {BUNDLED_FOLDER}. {_BUNDLED_ADVICE}"
        )
    advice = _BUNDLED_ADVICE if paths[0].parent == BUNDLED_FOLDER else _ADVICE
    images, labels = (
        IdxFile(path, CONTENT_SHA256[name], None, advice) for name, path in zip(IDX_NAMES[split], paths, strict=True)
    )
    return load_idx_split("fashion-mnist", split, CLASSES, images, labels, TRAIN_SHA256)


def _root(data_dir: Path | str | None) -> Path:
    return default_data_dir() if data_dir is None else Path(data_dir).expanduser()


def _found(split: str, root: Path) -> list[Path] | None:
    """Both files of a split, from the first place that has them."""
    places = (root / "FashionMNIST" / "raw", DEBIAN_FOLDER, BUNDLED_FOLDER)
    return next(filter(None, (_find(split, folder) for folder in places)), None)


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
