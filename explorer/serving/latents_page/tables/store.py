"""Tables that people brought, as files in the data folder: one for a person and a data set.

A table younger than a day makes room for nobody else's: a full store keeps no more of them.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ....datasets import default_data_dir
from ....jobs.shares import Share
from ...visitors.person import Visitor

FOLDER = "tables"
SHARE = Share(of_one=12, of_network=200, of_all=400)
MOST_BYTES, MOST_NETWORK_BYTES = 4 << 30, 2 << 30
SAFE_SECONDS = 86_400.0
_LOCK = threading.Lock()
_NAME = re.compile(r"([0-9a-f]{32})-.*~([0-9a-f]*)")


class StoreFull(Exception):
    """There is no room for a table; the message says why."""


@dataclass(frozen=True)
class Entry:
    """A table's file: whose it is, from which network it came, when it was written and its size in bytes."""

    path: Path
    person: str
    network: str
    written: float
    size: int


def find_table(person: str, subject: str) -> Path | None:
    """The file of a person's table for a data set; None where there is none, or nobody asks."""
    files = [*_files(person, subject)]
    return max(files, key=lambda path: path.stat().st_mtime, default=None) if files else None


def keep_table(visitor: Visitor, subject: str, text: str) -> None:
    """Writes a table, whole or not at all, in the place of the one that was there.

    Args:
        subject: of which data set it is, as a part of a file's name.

    Raises:
        StoreFull: there is no room for it. OSError: the folder cannot be written.
    """
    content = text.encode()
    folder = default_data_dir() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{visitor.person}-{subject}~{visitor.network[:16]}.json"
    beside = path.with_name(f"{path.stem}-{secrets.token_hex(4)}.part")  # whoever reads meanwhile has the old one
    with _LOCK:
        earlier = [*_files(visitor.person, subject)]
        _make_room(visitor, [entry for entry in _entries(folder) if entry.path not in earlier], len(content))
        try:
            beside.write_bytes(content)
            beside.replace(path)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
        for other in earlier:
            if other != path:
                with contextlib.suppress(OSError):
                    other.unlink(missing_ok=True)


def forget_table(person: str, subject: str) -> None:
    """Deletes a person's table for a data set. Raises OSError where the folder cannot be written."""
    for path in _files(person, subject):
        path.unlink(missing_ok=True)


def has_tables(person: str) -> bool:
    """Whether a person has any table."""
    return bool(person) and any((default_data_dir() / FOLDER).glob(f"{person}-*.json"))


def _files(person: str, subject: str) -> Iterator[Path]:
    return (default_data_dir() / FOLDER).glob(f"{person}-{subject}~*.json") if person else iter(())


def _entries(folder: Path) -> list[Entry]:
    """All tables, the oldest first."""
    found = []
    for path in folder.glob("*.json"):
        whose = _NAME.fullmatch(path.stem)
        with contextlib.suppress(OSError):  # its owner takes it away just now
            about = path.stat()
            person, network = whose.groups() if whose else ("", "")
            found.append(Entry(path, person, network, about.st_mtime, about.st_size))
    return sorted(found, key=lambda entry: entry.written)


def _make_room(visitor: Visitor, kept: list[Entry], size: int) -> None:
    """Takes away the visitor's own oldest beyond their share, and of everybody's those that are a day old."""
    own = [entry for entry in kept if entry.person == visitor.person]
    beyond = own[: max(0, len(own) + 1 - SHARE.of_one)]
    kept = [entry for entry in kept if entry not in beyond]
    young = [entry for entry in kept if entry.written > time.time() - SAFE_SECONDS]
    here = [entry for entry in young if entry.network == visitor.network[:16]]
    full = SHARE.full(visitor.person, visitor.network[:16], [(entry.person, entry.network) for entry in young])
    if full or _bytes(here) + size > MOST_NETWORK_BYTES or _bytes(young) + size > MOST_BYTES:
        raise StoreFull("This server keeps as many tables as it can until tomorrow")
    for entry in beyond:
        entry.path.unlink(missing_ok=True)
    old = [entry for entry in kept if entry not in young]
    while old and (len(kept) >= SHARE.of_all or _bytes(kept) + size > MOST_BYTES):
        with contextlib.suppress(OSError):
            old[0].path.unlink(missing_ok=True)
        kept.remove(old.pop(0))


def _bytes(entries: list[Entry]) -> int:
    return sum(entry.size for entry in entries)
