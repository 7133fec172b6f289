"""Where data that does not come with the program is kept."""

import os
import shutil
import sys
from pathlib import Path

from .dataset import DatasetError

VARIABLE = "EXPLORER_DATA"
SPARE_BYTES = 256 << 20  # left free on the disk, whatever is brought or read


def default_data_dir() -> Path:
    """The data folder when none is given; it need not exist.

    EXPLORER_DATA if it is set, else "latent-explorer" in the user's cache folder:
    XDG_CACHE_HOME if that is an absolute path, else the system's own (LOCALAPPDATA
    on Windows, Library/Caches on macOS, .cache elsewhere).

    Raises:
        DatasetError: If there is no home folder to look in.
    """
    chosen = os.environ.get(VARIABLE)
    try:
        if chosen:
            return Path(chosen).expanduser()
        return _cache_dir() / "latent-explorer"
    except RuntimeError as error:
        raise DatasetError(
            "The data folder is not known, because this user has no home folder. "
            f"Set {VARIABLE} to the full path of a folder."
        ) from error


def has_room(folder: Path, size: int) -> bool:
    """Whether so many bytes more leave the disk some room for others."""
    return shutil.disk_usage(folder).free >= size + SPARE_BYTES


def _cache_dir() -> Path:
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if xdg.is_absolute():
        return xdg
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path.home() / ".cache"
