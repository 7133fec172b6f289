"""Fair turns for heavy work: round robin, alike questions once, and nothing computed that nobody waits for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from explorer.cancellation import Cancelled, cancellable, check_cancelled
from explorer.geometry import geodesic
from explorer.serving.http.turns import CrowdedError, Turns
from tests.helpers.loops import complete


@pytest.fixture
def turns() -> Iterator[Callable[..., Turns]]:
    pools: list[ThreadPoolExecutor] = []

    def made(threads: int = 2, at_once: int = 1, **limits: int) -> Turns:
        pools.extend((ThreadPoolExecutor(threads), ThreadPoolExecutor(max(1, at_once))))
        return Turns(pools[-2], pools[-1], threads, at_once, **limits)

    yield made
    for pool in pools:
        pool.shutdown()


def until(true: Callable[[], bool]) -> Awaitable[None]:
    async def wait() -> None:
        async with asyncio.timeout(10):
            while not true():
                await asyncio.sleep(0.002)

    return wait()


class Gate:
    """Work that goes on until it is let go, and knows whether it was stopped."""

    def __init__(self) -> None:
        self.begun, self.open, self.stopped = threading.Event(), threading.Event(), False

    def __call__(self) -> str:
        self.begun.set()
        try:
            while not self.open.wait(0.002):
                check_cancelled()
        except Cancelled:
            self.stopped = True
            raise
        return "done"


def test_another_ones_quick_question_does_not_wait_for_six_long_ones(turns: Callable[..., Turns]) -> None:
    async def law() -> None:
        found, gates = turns(), [Gate() for _ in range(6)]
        long = [asyncio.create_task(found.take("a", gate, long=True)) for gate in gates]
        await until(gates[0].begun.is_set)
        assert await asyncio.wait_for(found.take("b", lambda: "log p(x)"), 5) == "log p(x)"
        # Nor does another one's long work wait for all six: it is the next.
        theirs = Gate()
        after = asyncio.create_task(found.take("b", theirs, long=True))
        await until(lambda: found.waiting == 6)
        gates[0].open.set()
        await until(theirs.begun.is_set)
        assert not any(gate.begun.is_set() for gate in gates[1:])
        for gate in (*gates, theirs):
            gate.open.set()
        assert await asyncio.gather(*long, after) == ["done"] * 7

    complete(law())


def test_visitors_take_turns_however_many_questions_each_has(turns: Callable[..., Turns]) -> None:
    async def law() -> None:
        found, order = turns(threads=1, at_once=0), []
        gate = Gate()
        first = asyncio.create_task(found.take("a", gate))
        await until(gate.begun.is_set)
        asks = [asyncio.create_task(found.take(who, lambda who=who: order.append(who))) for who in "aaaabbc"]
        await until(lambda: found.waiting == 7)
        gate.open.set()
        await asyncio.gather(first, *asks)
        assert order[:3] == list("bca") or order[:3] == list("abc")
        assert sorted(order[3:5]) == ["a", "b"] and order[5:] == ["a", "a"]

    complete(law())


def test_what_nobody_waits_for_is_dropped_before_it_begins_and_stopped_when_it_runs(
    turns: Callable[..., Turns],
) -> None:
    async def law() -> None:
        found, running, waiting = turns(threads=1, at_once=0), Gate(), Gate()
        one = asyncio.create_task(found.take("a", running))
        await until(running.begun.is_set)
        two = asyncio.create_task(found.take("a", waiting))
        await until(lambda: found.waiting == 1)
        two.cancel()
        await until(lambda: found.waiting == 0)
        one.cancel()
        await until(lambda: running.stopped)
        assert await found.take("b", lambda: "next") == "next"
        assert not waiting.begun.is_set()
        assert not found._running and not found._queues and not found._flights

    complete(law())


def test_alike_questions_are_answered_once_and_outlive_whoever_asked_first(turns: Callable[..., Turns]) -> None:
    async def law() -> None:
        found, gate, count = turns(threads=1, at_once=0), Gate(), []
        blocked = asyncio.create_task(found.take("z", gate))
        await until(gate.begun.is_set)

        def question() -> int:
            count.append(1)
            return 7

        asks = [asyncio.create_task(found.take(f"visitor {i}", question, key="x")) for i in range(50)]
        await until(lambda: found.waiting == 50)
        asks[0].cancel()
        gate.open.set()
        assert await asyncio.gather(*asks[1:], blocked) == [7] * 49 + ["done"]
        assert len(count) == 1 and not found._flights and found.waiting == 0

    complete(law())


def test_a_fault_reaches_all_who_ask_and_is_not_kept(turns: Callable[..., Turns]) -> None:
    async def law() -> None:
        found = turns()
        asks = [found.take("a", lambda: 1 / 0, key="x") for _ in range(3)]
        results = await asyncio.gather(*asks, return_exceptions=True)
        assert all(isinstance(result, ZeroDivisionError) for result in results)
        assert await found.take("a", lambda: "mended", key="x") == "mended"

    complete(law())


def test_a_visitor_s_queue_is_bounded_and_others_have_theirs(turns: Callable[..., Turns]) -> None:
    async def law() -> None:
        found, gate = turns(threads=1, at_once=0, most=3, most_together=5), Gate()
        asks = [asyncio.create_task(found.take("a", gate, key="gate"))]
        await until(gate.begun.is_set)
        for visitor, count in (("a", 3), ("b", 2)):
            asks += [asyncio.create_task(found.take(visitor, lambda: "done")) for _ in range(count)]
            await until(lambda: found.waiting in (3, 5))
            if visitor == "a":
                with pytest.raises(CrowdedError, match="3 of your questions"):
                    await found.take("a", lambda: None)
        await until(lambda: found.waiting == 5)
        with pytest.raises(CrowdedError, match="Too many"):
            await found.take("c", lambda: None)
        gate.open.set()
        assert await asyncio.gather(*asks) == ["done"] * 6

    complete(law())


def test_an_idle_thread_serves_one_visitor_s_second_question(turns: Callable[..., Turns]) -> None:
    """Somebody alone waits for nobody: log p(x) is answered while their own geodesic is sought."""

    async def law() -> None:
        found, gate = turns(), Gate()
        long = asyncio.create_task(found.take("a", gate, long=True))
        await until(gate.begun.is_set)
        assert await asyncio.wait_for(found.take("a", lambda: "quick"), 5) == "quick"
        gate.open.set()
        await long

    complete(law())


def test_a_geodesic_stops_between_its_steps_and_nothing_else_is_cancelled() -> None:
    calls: list[float] = []

    def decode(z: torch.Tensor) -> torch.Tensor:
        calls.append(time.monotonic())
        return torch.cat([z, (3 * z).sin()], 1)

    asked = iter([False] * 5)
    a, b = torch.zeros(3), torch.ones(3)
    with pytest.raises(Cancelled), cancellable(lambda: next(asked, True)):
        geodesic(decode, a, b, 16)
    stopped, calls[:] = len(calls), []
    path: Any = geodesic(decode, a, b, 16)
    assert len(path.z) == 16 and stopped < len(calls)
