"""The data folder's secret: 32 random bytes, made once, shared by all servers of the folder."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import tempfile
import threading
from pathlib import Path

FILE = "secret"
BYTES = 32

_LOCK = threading.Lock()
_READ: dict[Path, tuple[tuple[int, int], bytes]] = {}
_UNWRITTEN: dict[Path, bytes] = {}


def secret_of(data_dir: Path) -> bytes:
    """The secret; where the folder cannot be written, one that lasts as long as this process."""
    path = data_dir / FILE
    try:
        stamp = _stamp(path)
        known = _READ.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
    except OSError:
        pass
    with _LOCK:
        try:
            found = _read(path) or _make(path)
            _READ[path] = (_stamp(path), found)
            return found
        except OSError as error:
            if path not in _UNWRITTEN:
                logging.getLogger("explorer").warning("People are known until the server ends only: %s", error)
            return _UNWRITTEN.setdefault(path, secrets.token_bytes(BYTES))


def sign(data_dir: Path, purpose: str, text: str) -> str:
    """A keyed hash of a text, 32 hexadecimal digits, other ones for each purpose."""
    return hmac.new(secret_of(data_dir), f"{purpose}\n{text}".encode(), hashlib.sha256).hexdigest()[:32]


def _stamp(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_ino, about.st_mtime_ns


def _read(path: Path) -> bytes | None:
    """The file's secret; None where there is none, or not a whole one."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(found) != BYTES:
        return None
    with contextlib.suppress(OSError):
        if path.stat().st_mode & 0o077:  # brought back from a copy, perhaps
            path.chmod(0o600)
    return found


def _make(path: Path) -> bytes:
    """Writes a secret, whole or not at all; where another server was quicker, its own is taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".secret-")  # mode 0600
    try:
        known = _READ.get(path)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(BYTES) if known is None else known[1])  # somebody emptied the folder
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)  # fails where there is one
        except OSError:
            if _read(path) is None:  # half a file, or a disk without links
                os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(beside)
    found = _read(path)
    if found is None:
        raise OSError(f"{path.name} was not written.")
    return found
