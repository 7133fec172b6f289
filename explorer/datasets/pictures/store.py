"""Sets of a person's pictures on disk: <data>/pictures/<name>/ with images.safetensors, pictures.json and files.json.

The training part comes first in every tensor and list, the test part after it, so that either is read
alone. files.json has the names of the pictures' files; sets of version 1 have none. It is apart from the
pictures, so that these have one hash whatever their files are called, and from the description, which
is read often. A set is written beside its place and renamed into it: it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import torch

from ...files.leftovers import sweep
from ...files.names import is_name
from ...files.owners import may_change, owner_of, write_owner
from ..dataset import DatasetError
from ..folder import default_data_dir, has_room
from ..split import stratified_test_mask
from .labelling.labels import MOST_TEXT, Labelling
from .reading import Reading

IMAGES_FILE = "images.safetensors"
INDEX_FILE = "pictures.json"
FILES_FILE = "files.json"
VERSION = 2
LONGEST_FILE = 300
"""Letters of a file's name with its folders; of a longer one the end is kept."""
TEST_SHARE = 0.1
FEWEST_TEST = 4
SEED = 0
_CHUNK = 256


def pictures_folder(data_dir: Path | str | None = None) -> Path:
    """Where the sets lie, each in a folder of its name."""
    return Path(data_dir or default_data_dir()) / "pictures"


def own_names(data_dir: Path | str | None = None) -> tuple[str, ...]:
    """The names of the sets of one's own pictures, in alphabetical order."""
    with contextlib.suppress(OSError, DatasetError):
        places = pictures_folder(data_dir).glob(f"*/{INDEX_FILE}")
        return tuple(sorted(place.parent.name for place in places if is_name(place.parent.name)))
    return ()


def test_rows(labels: torch.Tensor) -> torch.Tensor:
    """Which pictures are kept for testing: a tenth of each class, always the same; bool (n,)."""
    return stratified_test_mask(labels, max(FEWEST_TEST, round(TEST_SHARE * len(labels))), SEED)


def held_out(labelling: Labelling) -> torch.Tensor:
    """The pictures of the test part, bool (n,): those of the person's own split, else `test_rows`."""
    return test_rows(labelling.labels) if labelling.test is None else labelling.test


def save_pictures(
    name: str,
    reading: Reading,
    labelling: Labelling,
    *,
    data_dir: Path | str | None = None,
    made_from: str = "",
    owner: str = "",
) -> Path:
    """Writes a set under a new name.

    Args:
        name: see `explorer.files.names`; neither that of a built-in data set nor one in use.
        made_from: a few words on where the pictures came from, kept with them.
        owner: the mark of who saves it, see `explorer.files.owners`.

    Returns:
        The set's folder.

    Raises:
        DatasetError: the name cannot be used, or the disk is full or read-only. Nothing half
            is left behind.
    """
    from .. import names

    if not is_name(name):
        raise DatasetError("A name has 1 to 48 small letters, digits and hyphens, with none of these at an end.")
    if name in names():
        raise DatasetError(f"{name} is the name of a data set that comes with the app. Choose another.")
    place = pictures_folder(data_dir) / name
    taken = DatasetError(f"There is a set named {name} already. Choose another name, or delete that one first.")
    if place.exists():
        raise taken
    half = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(place.parent.parent)
        half = Path(tempfile.mkdtemp(dir=place.parent, prefix=".saving-"))
        if not has_room(half, len(reading) * reading.picture_bytes):
            raise OSError(errno.ENOSPC, "there is not enough room on the disk: make room, and save it again")
        _write(half, name, reading, labelling, made_from)
        write_owner(half, owner)
        os.chmod(half, 0o755)
        half.rename(place)  # refused where a set of this name has come meanwhile
    except OSError as error:
        if place.exists():
            raise taken from None
        raise DatasetError(f"The set was not saved: {error.strerror or error}. Nothing was left behind.") from None
    finally:
        if half is not None:
            shutil.rmtree(half, ignore_errors=True)
    return place


def pictures_owner(name: str, *, data_dir: Path | str | None = None) -> str:
    """The mark of who saved a set; "" where that is not known, as of sets of earlier versions."""
    return owner_of(pictures_folder(data_dir) / name) if is_name(name) else ""


def delete_pictures(name: str, *, person: str, local: bool, data_dir: Path | str | None = None) -> None:
    """Deletes a set; models that were trained on it keep the pictures in their gallery.

    Args:
        person: the mark of who asks, see `explorer.files.owners`; local: whether they sit at the machine that serves.

    Raises:
        DatasetError: there is no such set, it is somebody else's, or it cannot be deleted.
    """
    folder = pictures_folder(data_dir)
    if not is_name(name) or not (folder / name).is_dir():
        raise DatasetError(f"There is no set of pictures named {name!r:.60}; it may have been deleted already.")
    if not may_change(owner_of(folder / name), person, local):
        raise DatasetError(
            f"{name} is not yours: only who saved it, or somebody at the machine that serves, deletes it."
        )
    try:
        gone = Path(tempfile.mkdtemp(dir=folder, prefix=".deleting-"))
        (folder / name).rename(gone / name)  # at once, so that nobody opens a half of it
    except OSError as error:
        raise DatasetError(f"{name} could not be deleted: {error.strerror or error}.") from None
    shutil.rmtree(gone, ignore_errors=True)


def _write(folder: Path, name: str, reading: Reading, labelling: Labelling, made_from: str) -> None:
    is_test = held_out(labelling)
    order = torch.cat([(~is_test).nonzero().flatten(), is_test.nonzero().flatten()])
    columns = [column.values[order] for column in labelling.columns.values()]
    header = layout(len(order), reading.shape, [column.dtype for column in columns])
    with (folder / IMAGES_FILE).open("wb") as file:
        digest = _Digest(file)
        digest.write(header)
        for part in _pieces(reading, order):
            digest.write(part)
        for tensor in (labelling.labels[order], *columns):
            digest.write(tensor.numpy().astype(tensor.numpy().dtype.newbyteorder("<")).tobytes())
        file.flush()
        os.fsync(file.fileno())
    test = int(is_test.sum())
    files = _files([reading.names[row] for row in order.tolist()])
    (folder / FILES_FILE).write_bytes(files)
    index = {
        "version": VERSION,
        "name": name,
        "image_shape": list(reading.shape),
        "train": len(order) - test,
        "test": test,
        "classes": list(labelling.classes),
        "columns": [{"name": key, "categories": c.categories} for key, c in labelling.columns.items()],
        "sha256": digest.hash.hexdigest(),
        "files_sha256": hashlib.sha256(files).hexdigest(),
        "made": {
            "from": made_from[:500],
            "used": len(reading),
            "skipped": reading.skipped_count,
            "resizing": "the middle square, Lanczos",
            "notes": dict(reading.notes),
            "split": f"stratified, seed {SEED}" if labelling.test is None else "given with the pictures",
        },
    }
    (folder / INDEX_FILE).write_text(json.dumps(index, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _files(names: list[str]) -> bytes:
    """The names as JSON, each of letters that can be shown anywhere, and together no more than `MOST_TEXT` of these."""
    most = min(LONGEST_FILE, MOST_TEXT // max(len(names), 1))
    shown = [
        "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name) for name in names
    ]
    return (json.dumps([name[-most:] for name in shown], ensure_ascii=False) + "\n").encode()


def _pieces(reading: Reading, order: torch.Tensor) -> Iterator[bytes]:
    for rows in order.split(_CHUNK):
        yield reading.pictures(rows.tolist()).tobytes()


class _Digest:
    """Writes to a file and hashes what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.hash = file, hashlib.sha256()

    def write(self, content: bytes) -> None:
        self._file.write(content)
        self.hash.update(content)


def layout(count: int, shape: tuple[int, int, int], columns: list[torch.dtype]) -> bytes:
    """The beginning of a set's safetensors file: the one that this count, shape and columns have.

    Written here so that the pictures need not be in memory at once; the format is eight bytes
    of length, then JSON with the type, shape and place of each tensor.
    """
    kinds = {torch.uint8: ("U8", 1), torch.int64: ("I64", 8), torch.float64: ("F64", 8)}
    tensors = [("images", torch.uint8, (count, *shape)), ("labels", torch.int64, (count,))]
    tensors += [(f"column {number}", dtype, (count,)) for number, dtype in enumerate(columns)]
    header, end = {}, 0
    for name, dtype, size in tensors:
        kind, width = kinds[dtype]
        start, end = end, end + width * torch.Size(size).numel()
        header[name] = {"dtype": kind, "shape": list(size), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight, as the format asks
    return struct.pack("<Q", len(text)) + text
