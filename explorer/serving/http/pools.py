"""Threads for what visitors ask: heavy work (a tenth of a second or more) in fair turns, light work on its own.

A class that chooses images all at once then waits for its posteriors in turns, while everybody's terms and drags
are answered as before.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakKeyDictionary, WeakSet

from starlette.requests import ClientDisconnect, HTTPConnection, Request

from ..memory import give_back
from ..visitors.person import person_of
from .turns import Turns

T = TypeVar("T")


def _step_back(niceness: int) -> None:
    """Lower priority for this thread alone, where the system knows threads (Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


_CORES = os.cpu_count() or 2
_THREADS = max(2, _CORES - 1)
_LONG_THREADS = _THREADS - 1
_LIGHT = ThreadPoolExecutor(max(2, _CORES), thread_name_prefix="light")
_HEAVY = ThreadPoolExecutor(_THREADS, thread_name_prefix="heavy", initializer=_step_back, initargs=(5,))
_LONG = ThreadPoolExecutor(_LONG_THREADS, thread_name_prefix="long", initializer=_step_back, initargs=(10,))
TIDY_SECONDS = 5.0
_TIDYING: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
# One for each event loop.
_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def visitor_key(connection: HTTPConnection) -> str:
    """Names a visitor among those who take turns: by their word, or else by their address."""
    address = connection.client.host if connection.client else ""
    return person_of(connection.cookies) or f"at {address}"


async def heavily(request: Request, function: Callable[[], T], *, key: Hashable = None, long: bool = False) -> T:
    """The function's answer, computed when it is this visitor's turn.

    Args:
        key: names the question, so that alike ones are answered once; None where it is like no other.
        long: it may take seconds.

    Raises:
        ClientDisconnect: nobody waits for it any more: what many asked for and left costs nothing.
        CrowdedError: the visitor has too many questions waiting.
    """
    loop = asyncio.get_running_loop()
    turns = _TURNS.setdefault(loop, Turns(_HEAVY, _LONG, _THREADS, _LONG_THREADS))
    asking = loop.create_task(turns.take(visitor_key(request), function, key=key, long=long))
    leaving = loop.create_task(_left(request))
    try:
        await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            raise ClientDisconnect
        return asking.result()
    finally:
        asking.cancel()
        leaving.cancel()
        _give_back_later(loop)


def _give_back_later(loop: asyncio.AbstractEventLoop) -> None:
    """Gives memory back some seconds after heavy work: once for all of it that ends meanwhile."""
    if loop not in _TIDYING:

        def tidy() -> None:
            _TIDYING.discard(loop)
            _LIGHT.submit(give_back)

        _TIDYING.add(loop)
        loop.call_later(TIDY_SECONDS, tidy)


async def _left(request: Request) -> None:
    """Returns when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def lightly(function: Callable[[], T]) -> T:
    """The function's answer, from threads that nothing heavy keeps busy: about as many as there are cores."""
    return await asyncio.get_running_loop().run_in_executor(_LIGHT, function)
