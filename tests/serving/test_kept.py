"""The cache of the server: bounded by bytes, each value made once, however many threads ask."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from explorer.cancellation import Cancelled, cancellable, check_cancelled
from explorer.serving.http.blobs import Blob
from explorer.serving.http.kept import Kept, size_of
from explorer.serving.memory import forget_loading


def test_the_budget_of_bytes_holds_and_the_least_recently_asked_for_goes_first() -> None:
    kept: Kept[bytes] = Kept(100, 10_000)
    for name in "abc":
        kept.get(name, lambda: bytes(3_000))
    assert kept.peek("a") is not None and kept.bytes == 9_000
    kept.get("d", lambda: bytes(3_000))
    assert kept.peek("b") is None and len(kept) == 3 and kept.bytes == 9_000
    # One that is larger than all the budget is somebody's at the moment: it alone stays.
    kept.get("large", lambda: bytes(50_000))
    assert len(kept) == 1 and kept.bytes == 50_000
    kept.get("e", lambda: bytes(10))
    assert kept.peek("large") is None and kept.bytes == 500


def test_sizes_are_those_of_what_is_held() -> None:
    row = torch.zeros(1_000, 10)[3]  # a row holds all of its tensor
    assert size_of(row) == 40_000
    assert size_of(Blob(bytes(700), "x", False)) == 700 + 1 + 32
    assert size_of({"a": [row, (b"12", "345")]}) == 1 + 32 + 40_000 + 32 + 5


def test_many_threads_make_each_value_once_and_the_sums_stay_right() -> None:
    kept: Kept[bytes] = Kept(1_000, 1 << 20)
    made: list[int] = []
    names = [name for name in range(40) for _ in range(12)]
    random.Random(0).shuffle(names)
    barrier = threading.Barrier(8)

    def asks(part: int) -> None:
        barrier.wait()
        for name in names[part::8]:
            assert kept.get(name, lambda name=name: made.append(name) or bytes(600 + name)) == bytes(600 + name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(asks, range(8)))
    assert sorted(made) == list(range(40))
    assert kept.bytes == sum(600 + name for name in range(40)) and not kept._making


def test_threads_that_push_one_another_s_values_out_leave_the_sums_right() -> None:
    kept: Kept[bytes] = Kept(7, 5_000)
    barrier = threading.Barrier(6)

    def asks(seed: int) -> None:
        choice = random.Random(seed)
        barrier.wait()
        for _ in range(300):
            size = choice.randrange(500, 1_500)
            assert kept.get(size, lambda size=size: bytes(size)) == bytes(size)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(asks, range(6)))
    assert len(kept) <= 7 and kept.bytes <= 5_000
    assert kept.bytes == sum(size for _, size in kept._values.values())


def test_whoever_waited_for_a_value_whose_making_was_cancelled_makes_it() -> None:
    kept: Kept[str] = Kept(3)
    begun, left = threading.Event(), threading.Event()

    def given_up() -> str:
        begun.set()
        while True:
            left.wait(0.002)
            check_cancelled()

    def first() -> None:
        with pytest.raises(Cancelled), cancellable(left.is_set):
            kept.get("x", given_up)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        assert begun.wait(10)
        two = pool.submit(kept.get, "x", lambda: "made")
        left.set()
        one.result(10)
        assert two.result(10) == "made"


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux alone says what is mapped")
def test_pages_that_only_loading_has_read_are_given_back_and_found_again() -> None:
    x = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    before = x @ x, torch.linalg.eigvalsh(x @ x.T)
    written = _kilobytes("Anonymous")
    file_pages = _kilobytes("Rss") - written
    forget_loading()
    assert _kilobytes("Rss") - _kilobytes("Anonymous") < 0.6 * file_pages
    assert _kilobytes("Anonymous") > 0.95 * written  # nothing of what was written is lost
    after = x @ x, torch.linalg.eigvalsh(x @ x.T)
    assert all(map(torch.equal, before, after))


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
