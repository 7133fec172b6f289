"""Causes for which a worker process ended in the midst of its work, as far as they can be known."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

_MEMORY_EVENTS = "/sys/fs/cgroup"
_VMSTAT = "/proc/vmstat"
# In the words that `cause` gives where the system has counted it.
FOR_MEMORY = "for want of memory"


def memory_kills() -> int:
    """Number of processes that the system has ended so far for want of memory, in this container or on this machine."""
    total = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        own = Path("/proc/self/cgroup").read_text().splitlines()
        path = next((line.split(":", 2)[2] for line in own if line.startswith("0::")), "/")
        for events in (Path(_MEMORY_EVENTS + path) / "memory.events", Path(_MEMORY_EVENTS) / "memory.events"):
            if events.is_file():
                total += _counter(events)
                break
    with contextlib.suppress(OSError, ValueError):
        total += _counter(Path(_VMSTAT))
    return total


def _counter(path: Path) -> int:
    return sum(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith("oom_kill "))


def cause(code: int, kills: int) -> str:
    """The meaning of an exit code, in words that follow "it was" or "it ended".

    Args:
        code: as `Popen.returncode` has it; kills: how many more than at its start `memory_kills` gives.
    """
    if code == -getattr(signal, "SIGKILL", 9):
        if kills > 0:
            return f"the system ended it {FOR_MEMORY}"
        return "it was killed from outside (SIGKILL), and the system counted no want of memory"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"it ended by the signal {signal.Signals(-code).name}"
        return f"it ended by the signal {-code}"
    return f"it ended with the exit code {code}: worker.log in the data folder says more"


def sentence(what: str, deaths: int, why: str) -> str:
    """The sentence on a process that ended too often in the midst of something.

    Args:
        what: it was in the midst of; why: see `cause`; "" where nobody saw it.
    """
    reason = f": the last time, {why}." if why else ", without saying why."
    advice = " Try a smaller network, batch or image size." if FOR_MEMORY in why else ""
    return f"The worker process ended {deaths} times in the midst of {what}{reason}{advice}"
