"""Fair turns: a few threads for the heavy work of many visitors, so that nobody's work keeps the others waiting.

Visitors take turns, round robin, and alike questions share one. What nobody waits for any more is dropped before it
begins, and stopped where it has begun. Long work has one thread less than there are, so that quick work (a tenth of a
second to about one) never waits for all of it to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Executor
from typing import Any

from ...cancellation import Cancelled, cancellable


class CrowdedError(Exception):
    """A visitor has as many questions waiting as one may have; the message is a sentence."""


class _Job:
    """One computation, and how many wait for it."""

    def __init__(self, key: Hashable, function: Callable[[], Any], long: bool, future: asyncio.Future[Any]) -> None:
        self.key, self.function, self.long, self.future = key, function, long, future
        self.waiting = 0
        self.begun = False
        self.stop = threading.Event()

    @property
    def startable(self) -> bool:
        return not self.begun and not self.stop.is_set()

    def run(self) -> Any:
        with cancellable(self.stop.is_set):
            return self.function()


class Turns:
    """The turns of one event loop, whose thread calls everything here.

    Args:
        quick, long: where work runs.
        threads: that work at once; at_once: how many of them may be long work, fewer than `threads`.
        most: questions of one visitor that may wait; most_together: of all.
    """

    def __init__(
        self, quick: Executor, long: Executor, threads: int, at_once: int, *, most: int = 64, most_together: int = 2_000
    ) -> None:
        self.quick, self.long = quick, long
        self.threads, self.at_once = threads, at_once
        self.most, self.most_together = most, most_together
        self._queues: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._running: dict[_Job, str] = {}
        self._flights: dict[Hashable, _Job] = {}

    async def take(self, visitor: str, function: Callable[[], Any], *, key: Hashable = None, long: bool = False) -> Any:
        """The function's answer, when it is the visitor's turn; cancel the awaiting task to give the turn up.

        Args:
            key: names the question: alike ones, whoever asks, are answered once. None is like no other.
            long: it may take seconds.

        Raises:
            CrowdedError: too many wait already.
            Cancelled: the function ended early though it was waited for.
        """
        job = self._flights.get(key) if key is not None else None
        if job is None or job.stop.is_set():
            self._check_room(visitor)
            job = _Job(key, function, long, asyncio.get_running_loop().create_future())
            if key is not None:
                self._flights[key] = job
        if not job.begun:
            # A question stands in the queue of everybody who asks it: whose turn comes first has it answered.
            queue = self._queues.setdefault(visitor, deque())
            if job not in queue:
                queue.append(job)
        job.waiting += 1
        self._start()
        try:
            return await asyncio.shield(job.future)
        finally:
            job.waiting -= 1
            if not job.waiting and not job.future.done():
                self._give_up(job)

    @property
    def waiting(self) -> int:
        """Questions in the queues."""
        return sum(len(queue) for queue in self._queues.values())

    def _check_room(self, visitor: str) -> None:
        if len(self._queues.get(visitor, ())) >= self.most:
            raise CrowdedError(
                f"{self.most} of your questions wait here already: let some be answered, then ask again."
            )
        if self.waiting >= self.most_together:
            raise CrowdedError("Too many questions wait here at the moment: ask again in a minute.")

    def _give_up(self, job: _Job) -> None:
        job.stop.set()
        if self._flights.get(job.key) is job:
            del self._flights[job.key]
        if not job.begun:
            job.future.cancel()
            self._forget(job)

    def _forget(self, job: _Job) -> None:
        """Takes a job out of all queues."""
        for visitor, queue in list(self._queues.items()):
            with contextlib.suppress(ValueError):
                queue.remove(job)
            if not queue:
                del self._queues[visitor]

    def _start(self) -> None:
        """Begins what may begin."""
        while len(self._running) < self.threads:
            found = next(self._next(), None)
            if found is None:
                return
            visitor, job = found
            job.begun = True
            self._running[job] = visitor
            self._forget(job)
            if visitor in self._queues:
                self._queues.move_to_end(visitor)
            running = asyncio.get_running_loop().run_in_executor(self.long if job.long else self.quick, job.run)
            running.add_done_callback(lambda done, job=job: self._ended(job, done))

    def _next(self) -> Iterator[tuple[str, _Job]]:
        """Visitors and jobs in turn: those of whom nothing runs first, then anybody, so that no thread is idle."""
        long = sum(job.long for job in self._running) >= self.at_once
        busy = set(self._running.values())
        for with_turn in (False, True):
            for visitor, queue in self._queues.items():
                if (visitor in busy) is with_turn:
                    yield from ((visitor, job) for job in queue if job.startable and not (job.long and long))

    def _ended(self, job: _Job, done: asyncio.Future[Any]) -> None:
        visitor = self._running.pop(job)
        if visitor in self._queues:  # behind all who waited meanwhile
            self._queues.move_to_end(visitor)
        if self._flights.get(job.key) is job:
            del self._flights[job.key]
        if not job.future.done():
            error = Cancelled() if done.cancelled() else done.exception()
            if error is None:
                job.future.set_result(done.result())
            else:
                job.future.set_exception(error)
                job.future.exception()  # read: where nobody waits any more, it is no fault to log
        self._start()
