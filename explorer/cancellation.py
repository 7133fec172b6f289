"""Cancellation of long computations: between their steps they ask whether anybody still waits for them.

    with cancellable(stop.is_set):
        geodesic(...)  # raises Cancelled at its next step once `stop` is set

Nothing is cancelled outside of `cancellable`, so notebooks and commands need not know of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar


class Cancelled(Exception):
    """The result of a computation is not wanted any more."""


def _never() -> bool:
    return False


_CANCELLED: ContextVar[Callable[[], bool]] = ContextVar("cancelled", default=_never)


@contextlib.contextmanager
def cancellable(cancelled: Callable[[], bool]) -> Iterator[None]:
    """Lets computations of this thread or task end early.

    Args:
        cancelled: asked between steps, from this thread: quick, and true from some moment on.
    """
    token = _CANCELLED.set(cancelled)
    try:
        yield
    finally:
        _CANCELLED.reset(token)


def check_cancelled() -> None:
    """Ends a computation that is not wanted any more; to be called between steps of a few milliseconds or more.

    Raises:
        Cancelled: it is not.
    """
    if _CANCELLED.get()():
        raise Cancelled
