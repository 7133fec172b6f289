"""What a data folder's processes hold while there is nothing to do, and how soon a run that is asked for is seen.

    python -m tests.benchmarks.worker_memory [--json]

A supervisor as a server has it watches an empty data folder. Then somebody opens the Train page (a worker gets
ready), presses Train, and the run ends, can be opened, and is measured; at last nothing is left to do.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from explorer.checkpoint.programs import DECODER_FILE
from explorer.checkpoint.weights import CONFIG_FILE
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import Database, Jobs, Measurements, Presence
from explorer.jobs.processes import MEASURING, is_there
from explorer.jobs.supervisor import Supervisor, expect_work
from explorer.training import METRICS_FILE

MOST_IDLE_MEGABYTES = 100
READY_SECONDS = 20.0


def megabytes(pid: int) -> float:
    """What a process has in memory, as /proc says; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def held(watching: Supervisor) -> float:
    """Megabytes of all processes that a supervisor has started and that are there."""
    return sum(megabytes(process.pid) for process in watching.processes() if process.poll() is None)


def until(what: Callable[[], object], seconds: float = 300.0) -> float:
    """Waits until something is so, and gives the seconds it took."""
    began = time.monotonic()
    while not what():
        if time.monotonic() - began > seconds:
            raise TimeoutError("This took too long: the machine may be busy.")
        time.sleep(0.02)
    return time.monotonic() - began


def measure(data: Path, *, opened: bool) -> dict[str, float]:
    """Seconds and megabytes of one run.

    Args:
        opened: the Train page was open for a while before the button was pressed.
    """
    os.environ |= {"EXPLORER_DATA": str(data), "EXPLORER_IDLE_SECONDS": "20"}
    database = Database(data)
    jobs, presence, watching = Jobs(database), Presence(database), Supervisor(data)
    watching.start()
    found: dict[str, float] = {}
    try:
        time.sleep(5.0)
        found["idle before, MB"] = held(watching)
        if opened:
            expect_work()
            until(lambda: presence.workers().get("cpu", (0, 1e9))[1] < 2)
            until(lambda: presence.has_rates("cpu"))
            found["worker that waits, MB"] = held(watching)
        config = Config(ModelConfig((1, 8, 8), 2, hidden=(256, 128)), TrainingConfig("digits", seconds=15.0))
        job = jobs.submit(config, person="a" * 32)
        expect_work()
        folder = data / "models" / job.name
        found["first point, s"] = until(
            lambda: (folder / METRICS_FILE).is_file() and (folder / METRICS_FILE).stat().st_size
        )
        until(lambda: jobs.get(job.id).progress.get("fraction") == 1)
        found["last step to a model that can be opened, s"] = until(
            lambda: (folder / CONFIG_FILE).is_file() and (folder / DECODER_FILE).is_file()
        )
        found["last step to done, s"] = until(lambda: jobs.get(job.id).state == "done")
        found["measured after, s"] = until(lambda: not Measurements(database).any())
        until(lambda: not is_there(data, "cpu") and not is_there(data, MEASURING))
        until(lambda: all(process.poll() is not None for process in watching.processes()), READY_SECONDS)
        found["idle after, MB"] = held(watching)
    finally:
        watching.stop()
        for process in watching.processes():
            if process.poll() is None:
                process.kill()
            process.wait()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    found = {}
    for name, opened in (("Train page open before", True), ("at once", False)):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
            found[name] = measure(Path(data), opened=opened)
    if arguments.json:
        print(json.dumps(found))
        return
    for name, numbers in found.items():
        print(name)
        for what, value in numbers.items():
            print(f"  {what:<48} {value:8.1f}")


if __name__ == "__main__":
    main()
