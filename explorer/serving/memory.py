"""Memory given back to the system: glibc keeps what is freed, in a pool for each thread, unless it is told."""

from __future__ import annotations

import contextlib
import ctypes
from functools import lru_cache

ARENAS = 2  # pools of small blocks; glibc makes eight a core
_M_ARENA_MAX = -8


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL | None:
    """glibc; None on other systems."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.malloc_trim.argtypes, library.mallopt.argtypes = [ctypes.c_size_t], [ctypes.c_int, ctypes.c_int]
        return library
    return None


def bound_arenas() -> None:
    """To be called before threads are started: each would have a pool of its own."""
    library = _libc()
    if library is not None:
        library.mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Returns freed memory to the system; it takes some milliseconds."""
    library = _libc()
    if library is not None:
        library.malloc_trim(0)
