"""Opens a set of one's own pictures, strictly: nothing of it is believed before it is checked."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch

from ...files.table import MAX_COLUMNS
from ..dataset import Dataset, DatasetError
from .image.square import SIZES
from .labelling.labels import MOST_CLASSES
from .reading import MOST, MOST_BYTES
from .store import FILES_FILE, IMAGES_FILE, INDEX_FILE, LONGEST_FILE, layout, pictures_folder

MAX_INDEX_BYTES = 64 << 20
_reading = Lock()


@dataclass(frozen=True)
class Description:
    """What a set says of itself, checked.

    Attributes:
        train, test: how many pictures each part has.
        columns: (name, categories) each; None for categories where the column is of numbers.
        made: how it was made, as `store` wrote it.
        files_sha256: of the file with the names of files; None where the set was saved without.
    """

    name: str
    shape: tuple[int, int, int]
    train: int
    test: int
    classes: tuple[str, ...]
    columns: tuple[tuple[str, tuple[str, ...] | None], ...]
    sha256: str
    made: dict[str, Any] = field(compare=False)
    files_sha256: str | None = None

    @property
    def count(self) -> int:
        return self.train + self.test


def describe_pictures(name: str, *, data_dir: Path | str | None = None) -> Description:
    """What is in a set, without its pictures.

    Raises:
        DatasetError: there is no such set, or its description is damaged.
    """
    path = pictures_folder(data_dir) / name / INDEX_FILE
    try:
        if path.stat().st_size > MAX_INDEX_BYTES:
            raise ValueError("too large")
        facts = json.loads(path.read_text("utf-8"))
        description = _description(name, facts)
    except OSError as error:
        raise DatasetError(f"The pictures {name} cannot be read: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise DatasetError(f"The pictures {name} are damaged: {INDEX_FILE} is not as it was written.") from None
    return description


def _description(name: str, facts: dict[str, Any]) -> Description:
    """Raises ValueError, KeyError or TypeError where anything is out of bounds."""
    channels, height, width = facts["image_shape"]
    train, test = facts["train"], facts["test"]
    classes, columns = facts["classes"], [(c["name"], c["categories"]) for c in facts["columns"]]
    columns = [(key, None if categories is None else tuple(categories)) for key, categories in columns]
    whole = all(type(number) is int for number in (channels, height, width, train, test))
    files = facts.get("files_sha256")
    words = [
        *classes,
        facts["sha256"],
        files or "",
        *(word for key, categories in columns for word in (key, *(categories or ()))),
    ]
    if not (
        whole
        and channels in (1, 3)
        and height == width
        and height in SIZES
        and train > 0
        and test > 0
        and train + test <= min(MOST, MOST_BYTES // (channels * height * width))
        and 0 < len(classes) <= MOST_CLASSES + 1
        and len({key for key, _ in columns}) == len(columns) <= MAX_COLUMNS
        and all(len(categories or ()) <= train + test for _, categories in columns)
        and all(isinstance(word, str) for word in words)
        and isinstance(facts["made"], dict)
    ):
        raise ValueError("out of bounds")
    shape = (channels, height, width)
    return Description(name, shape, train, test, tuple(classes), tuple(columns), facts["sha256"], facts["made"], files)


def some_pictures(name: str, count: int, *, data_dir: Path | str | None = None) -> tuple[np.ndarray, Description]:
    """At most `count` pictures from all over a set, uint8 (n, channels, size, size); the others are not read.

    Raises:
        DatasetError: as `load_pictures`, but for damage within the pictures.
    """
    about = describe_pictures(name, data_dir=data_dir)
    header, each = _header(about), math.prod(about.shape)
    parts = []
    try:
        with (pictures_folder(data_dir) / name / IMAGES_FILE).open("rb") as file:
            whole = file.read(len(header)) == header
            for row in np.linspace(0, about.count - 1, min(count, about.count)).round().astype(int).tolist():
                file.seek(len(header) + row * each)
                parts.append(file.read(each))
    except OSError as error:
        raise DatasetError(f"The pictures {name} cannot be read: {error.strerror or error}.") from None
    if not whole or any(len(part) != each for part in parts):
        raise _damaged(name)
    return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, *about.shape), about


def load_files(name: str, *, data_dir: Path | str | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the files of a set's training and of its test pictures; empty where none are kept.

    Raises:
        DatasetError: there is no such set, or its description or names are damaged.
    """
    about = describe_pictures(name, data_dir=data_dir)
    files = _files(about, pictures_folder(data_dir) / name / FILES_FILE)
    return files[: about.train], files[about.train :]


@lru_cache(maxsize=4)
def _files(about: Description, path: Path) -> tuple[str, ...]:
    if about.files_sha256 is None:
        return ()
    try:
        if path.stat().st_size > MAX_INDEX_BYTES:
            raise ValueError("too large")
        content = path.read_bytes()
        names = json.loads(content)
    except OSError as error:
        raise DatasetError(f"The pictures {about.name} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError):
        raise _damaged(about.name, FILES_FILE) from None
    same = hashlib.sha256(content).hexdigest() == about.files_sha256
    if not same or not isinstance(names, list) or len(names) != about.count:
        raise _damaged(about.name, FILES_FILE)
    if not all(isinstance(name, str) and len(name) <= LONGEST_FILE for name in names):
        raise _damaged(about.name, FILES_FILE)
    return tuple(names)


def load_pictures(name: str, split: str, *, data_dir: Path | str | None = None) -> Dataset:
    """One split of a set of one's own pictures.

    Returns:
        The split; `sha256` is that of the file with the pictures, labels and columns of both.
        A column of texts is int64, with −1 for unknown, and has `categories`.

    Raises:
        DatasetError: there is no such set, or a file of it is damaged.
    """
    description = describe_pictures(name, data_dir=data_dir)
    path = pictures_folder(data_dir) / name / IMAGES_FILE
    try:
        facts = path.stat()
        with _reading:  # many open a page at once: read once, not once each
            return _load(path, split, description, facts.st_mtime_ns, facts.st_size)
    except OSError as error:
        raise DatasetError(f"The pictures {name} cannot be read: {error.strerror or error}.") from None


@lru_cache(maxsize=2)
def _load(path: Path, split: str, about: Description, changed: int, size: int) -> Dataset:
    from safetensors import SafetensorError, safe_open

    header = _header(about)
    with path.open("rb") as file:
        if size != len(header) + _body(about) or file.read(len(header)) != header:
            raise _damaged(about.name)
        file.seek(0)
        if hashlib.file_digest(file, "sha256").hexdigest() != about.sha256:
            raise _damaged(about.name)
    rows = slice(0, about.train) if split == "train" else slice(about.train, about.count)
    try:
        with safe_open(path, framework="pt") as file:
            images, labels = (file.get_slice(key)[rows].contiguous() for key in ("images", "labels"))
            columns = {
                key: file.get_slice(f"column {number}")[rows].contiguous()
                for number, (key, _) in enumerate(about.columns)
            }
    except SafetensorError:
        raise _damaged(about.name) from None
    categories = {key: texts for key, texts in about.columns if texts is not None}
    files = _files(about, path.with_name(FILES_FILE))[rows]
    return Dataset(about.name, split, images, labels, about.classes, columns, about.sha256, categories, files)


def _header(about: Description) -> bytes:
    """What the file must begin with."""
    kinds = [torch.float64 if categories is None else torch.int64 for _, categories in about.columns]
    return layout(about.count, about.shape, kinds)


def _body(about: Description) -> int:
    return about.count * (math.prod(about.shape) + 8 * (1 + len(about.columns)))


def _damaged(name: str, file: str = IMAGES_FILE) -> DatasetError:
    return DatasetError(f"The pictures {name} are damaged: {file} is not as it was written.")
