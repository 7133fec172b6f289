"""Threads of their own for what takes a tenth of a second or more: nothing quicker waits for it.

A class that chooses images all at once then waits for its posteriors in a queue, while everybody's
terms and drags are answered as before.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

NICENESS = 5


def _step_back() -> None:
    """Lower priority for this thread alone, where the system knows threads (Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_HEAVY = ThreadPoolExecutor(max(2, (os.cpu_count() or 2) - 1), thread_name_prefix="heavy", initializer=_step_back)


async def heavily(function: Callable[..., T], *arguments: object) -> T:
    """The function's answer, computed when a thread for heavy work is free."""
    return await asyncio.get_running_loop().run_in_executor(_HEAVY, function, *arguments)
