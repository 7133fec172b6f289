"""Half-made files of the data folder that a killed process has left behind, removed once they are old.

Everything large is written beside its place and renamed into it, and leaves its place before it is deleted. What was
under way when a process was killed has no name that anybody looks for, and would stay for ever.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

# Longer than anything that is still being written goes without a byte.
STALE_SECONDS = 3_600.0
PATTERNS = (
    *("pictures/.saving-*", "pictures/.deleting-*", "incoming/*", "fits/*.part", "tables/*.part"),
    *("projections/*.part", "onnx/*.part", "models/*/.*-*", "models/*/snapshots/.*-*", ".secret-*"),
)


def sweep(data_dir: Path, *, older: float = STALE_SECONDS) -> int:
    """Removes leftovers of a data folder in which nothing has changed for so many seconds; gives their number.

    A link is removed and not followed; what cannot be removed is left for the next time.
    """
    removed, now = 0, time.time()
    for pattern in PATTERNS:
        with contextlib.suppress(OSError):
            for path in list(data_dir.glob(pattern)):
                with contextlib.suppress(OSError):
                    if now - _last_change(path) > older:
                        _remove(path)
                        removed += 1
    return removed


def _last_change(path: Path) -> float:
    """The newest time of change of a file, or of a folder and what is in it."""
    within = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    return max(each.lstat().st_mtime for each in (path, *within))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
