"""Two or more training loops measured in one run, in turns, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Rate:
    """Images a second of wall-clock time, and a second of processor time."""

    wall: float
    cpu: float


class Contender(Protocol):
    """A loop that goes on from turn to turn; `note` says how it runs."""

    weights: int
    note: str

    def turn(self, seconds: float) -> Rate: ...


@dataclass(frozen=True)
class Result:
    """The median over a contender's turns, and how it ran."""

    rate: Rate
    weights: int
    note: str


def clocked(batches: Callable[[], Iterator[int]]) -> Rate:
    """Drains an iterator that gives the number of images of each piece of work."""
    wall, cpu = time.perf_counter(), time.process_time()
    images = sum(batches())
    return Rate(images / (time.perf_counter() - wall), images / (time.process_time() - cpu))


def _serve(make: Callable[..., Contender], arguments: tuple[object, ...], pipe: Connection) -> None:
    """A contender's process: says how it runs, then takes a turn of each length asked for, until None."""
    contender = make(*arguments)
    contender.turn(WARM_UP_SECONDS)
    pipe.send((contender.weights, contender.note))
    while seconds := pipe.recv():
        pipe.send(contender.turn(seconds))


def contest(
    contenders: dict[str, tuple[Callable[..., Contender], tuple[object, ...]]], seconds: float, rounds: int
) -> dict[str, Result]:
    """Turns of `seconds` each, one loop at a time; who goes first changes every round.

    Args:
        contenders: name -> (what makes it, in its own process, and the arguments).
    """
    spawn = multiprocessing.get_context("spawn")
    pipes, processes, said = {}, [], {}
    for name, (make, arguments) in contenders.items():
        pipes[name], theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(make, arguments, theirs), daemon=True)
        process.start()
        theirs.close()
        processes.append(process)
        said[name] = pipes[name].recv()  # nobody else runs while one chooses its threads
    assert len({weights for weights, _ in said.values()}) == 1, f"the networks are of different size: {said}"
    rates: dict[str, list[Rate]] = {name: [] for name in contenders}
    for index in range(rounds):
        for name in list(contenders)[:: 1 if index % 2 == 0 else -1]:
            pipes[name].send(seconds)
            rates[name].append(pipes[name].recv())
    for pipe, process in zip(pipes.values(), processes, strict=True):
        pipe.send(None)
        process.join()
    return {name: Result(_median(rates[name]), *said[name]) for name in contenders}


def _median(rates: list[Rate]) -> Rate:
    return Rate(statistics.median(r.wall for r in rates), statistics.median(r.cpu for r in rates))
