"""The processes that work for a data folder: how one is started, and whether it is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock, Timeout

MAPS, MEASURING = "maps", "measuring"
LOG_FILE = "worker.log"
MAX_LOG_BYTES = 1 << 20


def lock_file(data_dir: Path, name: str) -> Path:
    """Held by a process while it lives: a device's worker by the device's name, or MAPS, or MEASURING."""
    return data_dir / f"worker-{name.replace(':', '-')}.lock"


def is_there(data_dir: Path, name: str) -> bool:
    """Whether a process holds its lock."""
    try:
        with FileLock(lock_file(data_dir, name), timeout=0):
            return False
    except Timeout:
        return True


def spawn(data_dir: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts `python -m explorer worker` in a session of its own: Ctrl-C in the server's terminal leaves it alone.

    Raises:
        OSError: it cannot be started.
    """
    path = data_dir / LOG_FILE
    too_long = path.is_file() and path.stat().st_size > MAX_LOG_BYTES
    environment = {**os.environ, "EXPLORER_DATA": str(data_dir)}
    with path.open("wb" if too_long else "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "explorer", "worker", *arguments],
            cwd=Path(__file__).resolve().parents[2],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
