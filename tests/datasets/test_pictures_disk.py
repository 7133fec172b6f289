"""A disk that is full while pictures are read or saved: a sentence, and nothing half is left."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.datasets import DatasetError, folder
from explorer.datasets.pictures import spool, store
from explorer.datasets.pictures.labelling.labels import no_labels
from explorer.datasets.pictures.reading import read_pictures
from explorer.datasets.pictures.spool import Spool
from explorer.files.archives import Entry


def entries(count: int = 24) -> list[Entry]:
    found = []
    for i in range(count):
        buffer = io.BytesIO()
        Image.fromarray(np.full((28, 28), 10 * i, np.uint8)).save(buffer, "PNG")
        found.append(Entry(f"{i:03}.png", buffer.getvalue()))
    return found


class Full:
    """A disk on which nothing more can be written: everything fails that empties a buffer, closing too."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> object:
        return getattr(self._raw, name)

    def write(self, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_while_pictures_are_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = spool.tempfile.TemporaryFile
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda **where: Full(made(**where)))
    with pytest.raises(DatasetError, match="No space left on device"):
        read_pictures(entries(), 28, 1, data_dir=tmp_path)


def test_closing_a_spool_never_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = spool.tempfile.TemporaryFile
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda **where: Full(made(**where)))
    kept = Spool(tmp_path)
    kept.write(b"what cannot be written")
    with pytest.raises(OSError):
        kept.flush()
    kept.close()
    assert kept.raw.closed
    kept.close()


def test_the_last_of_the_disk_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = read_pictures(entries(), 28, 1, data_dir=tmp_path)
    free = shutil_usage(folder.SPARE_BYTES + 24 * 28 * 28 - 1)
    monkeypatch.setattr(folder.shutil, "disk_usage", free)
    with pytest.raises(DatasetError, match="make room"):
        store.save_pictures("shapes", reading, no_labels(24), data_dir=tmp_path)
    assert not [*store.pictures_folder(tmp_path).iterdir()]
    with pytest.raises(DatasetError, match="make room"):
        read_pictures(entries(), 28, 1, data_dir=tmp_path)
    monkeypatch.undo()
    store.save_pictures("shapes", reading, no_labels(24), data_dir=tmp_path)


def shutil_usage(free: int):
    class Usage:
        pass

    Usage.free = free
    return lambda _: Usage
