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
from weakref import WeakKeyDictionary

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")

NICENESS = 5


def _step_back() -> None:
    """Lower priority for this thread alone, where the system knows threads (Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_THREADS = max(2, (os.cpu_count() or 2) - 1)
_HEAVY = ThreadPoolExecutor(_THREADS, thread_name_prefix="heavy", initializer=_step_back)
# Whoever waits does so here and not in the pool's own queue, which nobody can leave. One for each event loop.
_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def heavily(request: Request, function: Callable[..., T], *arguments: object) -> T:
    """The function's answer, computed when it is this request's turn.

    Raises:
        ClientDisconnect: nobody waits for it any more: what many asked for and left costs nothing.
    """
    loop = asyncio.get_running_loop()
    turns = _TURNS.setdefault(loop, asyncio.Semaphore(_THREADS))
    async with turns:
        if await request.is_disconnected():
            raise ClientDisconnect
        return await loop.run_in_executor(_HEAVY, function, *arguments)
