"""A disk that is full, or away for a while: what was begun is held and tried again, with growing waits."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Iterator

from safetensors import SafetensorError

from .database import DatabaseFault
from .training.job import JobError

FIRST_SECONDS, MOST_SECONDS = 5.0, 120.0
_NO_PLACE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def no_place(error: BaseException) -> str | None:
    """The reason for which nothing can be written just now, in a few words; None for any other fault."""
    if isinstance(error, DatabaseFault):
        return "the data folder cannot be written"
    if isinstance(error, OSError) and error.errno in _NO_PLACE:
        return (error.strerror or "the disk is full").lower()
    if isinstance(error, SafetensorError) and "no space" in str(error).lower():
        return "no space left on device"
    return None


def growing() -> Iterator[float]:
    """Seconds to wait before each new try."""
    wait = FIRST_SECONDS
    while True:
        yield wait
        wait = min(2 * wait, MOST_SECONDS)


def until_written(act: Callable[[], object]) -> None:
    """Does what writes to the database, again and again until it can be written."""
    for wait in growing():
        try:
            act()
            return
        except JobError as error:
            logging.getLogger("explorer").warning("Tried again in %d s: %s", wait, error)
        time.sleep(wait)
