"""Memory given back to the system: glibc keeps what is freed, in a pool for each thread, unless it is told."""

from __future__ import annotations

import contextlib
import ctypes
import re
from functools import lru_cache
from pathlib import Path

ARENAS = 2  # pools of small blocks; glibc makes eight a core
_M_ARENA_MAX = -8
_MADV_DONTNEED = 4
# A part of a library as /proc shows it: mapped from its file, and with no page that was written to, here or in swap.
_UNWRITTEN = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) r-[-x]p .*\.so[.\d]*\n"
    r"(?:\w+: .*\n)*?Anonymous: +0 kB\n(?:\w+: .*\n)*?Swap: +0 kB$",
    re.MULTILINE,
)


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


def forget_loading() -> None:
    """Unmaps the pages of libraries that only their loading has read, such as CUDA's: what is used comes back at once.

    They are unchanged pages of files, so each access that needs one finds it again in the system's cache. Without a
    GPU this is some 170 MB of the server's resident memory. Linux alone.
    """
    library = _libc()
    if library is None:
        return
    with contextlib.suppress(OSError, AttributeError):
        library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for first, last in _UNWRITTEN.findall(Path("/proc/self/smaps").read_text(errors="replace")):
            library.madvise(int(first, 16), int(last, 16) - int(first, 16), _MADV_DONTNEED)
