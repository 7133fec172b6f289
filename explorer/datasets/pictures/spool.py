"""A file without a name for what is read and not yet saved; it says in time that the disk is full."""

from __future__ import annotations

import contextlib
import errno
import io
import tempfile
from pathlib import Path

from ..dataset import DatasetError
from ..folder import default_data_dir, has_room

# Bytes between two looks at the free space.
LOOK_BYTES = 8 << 20


class Spool(io.BufferedRandom):
    """Bytes on disk, gone when closed; closing never raises, however full the disk is.

    Raises:
        OSError: on writing, where the disk is full, or nearly so that others would have no room.
    """

    def __init__(self, folder: Path | None) -> None:
        super().__init__(tempfile.TemporaryFile(dir=folder, buffering=0))  # type: ignore[arg-type]  # noqa: SIM115
        self._folder, self._unlooked = Path(folder or tempfile.gettempdir()), LOOK_BYTES

    def write(self, content) -> int:  # type: ignore[no-untyped-def, override]
        self._unlooked += len(content)
        if self._unlooked >= LOOK_BYTES:
            self._unlooked = 0
            if not has_room(self._folder, LOOK_BYTES):
                raise OSError(errno.ENOSPC, "there is not enough room on the disk: make room, and try again")
        return super().write(content)

    def close(self) -> None:
        # What is still to be written is of no use any more, and a full disk refuses it.
        with contextlib.suppress(OSError, ValueError):
            super().close()
        with contextlib.suppress(OSError, ValueError):
            self.raw.close()


def open_spool(data_dir: Path | str | None) -> Spool:
    """A spool in the data folder, as a system's own place for temporary files may be kept in memory.

    Raises:
        DatasetError: there is no place for one.
    """
    with contextlib.suppress(OSError):
        folder = Path(data_dir or default_data_dir())
        folder.mkdir(parents=True, exist_ok=True)
        return Spool(folder)
    try:
        return Spool(None)
    except OSError as error:
        raise DatasetError(f"There is no place to keep the pictures while reading: {error.strerror}.") from None
