"""The worker as a process: one a data folder, killed and taken up again, ended when nobody is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from explorer.checkpoint import load_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import Database, Jobs, Presence
from explorer.jobs.supervisor import Supervisor
from explorer.training import STATE_FILE
from tests.browser.harness import server, worker_pid

ROOT = Path(__file__).resolve().parent.parent
ME = "a" * 32


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    return Database(tmp_path)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def start_(*options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "explorer", "worker", "--device", "cpu", *options]
        environment = {**os.environ, "EXPLORER_DATA": str(tmp_path), "OMP_NUM_THREADS": "1"}
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield start_
    for process in running:
        process.kill()
        process.communicate()


def wait(what: Callable[[], object], seconds: float = 40) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def submit(jobs: Jobs, seconds: float, seed: int = 0) -> str:
    model = ModelConfig((1, 8, 8), 2, hidden=(16,))
    return jobs.submit(Config(model, TrainingConfig("digits", seconds=seconds, seed=seed)), person=ME).id


def test_a_killed_workers_job_is_taken_up_by_the_next(database: Database, start, tmp_path: Path) -> None:
    jobs = Jobs(database)
    identity = submit(jobs, 7.0)
    first = start()
    folder = tmp_path / "models" / jobs.get(identity).name
    wait(lambda: jobs.get(identity).progress.get("elapsed", 0) > 5.6)  # a state is saved every five seconds
    assert (folder / STATE_FILE).is_file()
    first.kill()
    first.wait()
    assert jobs.get(identity).state == "running"  # nobody has noticed yet
    start()
    wait(lambda: jobs.get(identity).state == "done")
    job = jobs.get(identity)
    assert (job.attempt, job.deaths) == (2, 1)
    provenance = load_checkpoint(folder).config.provenance
    # The saved seconds were not trained again: the run took its budget once.
    assert provenance["finished"] is True and provenance["seconds"] == pytest.approx(7.0, abs=0.5)


def test_two_workers_on_one_folder_do_not_both_train(database: Database, start) -> None:
    start()
    wait(lambda: Presence(database).workers().get("cpu", (0, 1e9))[1] < 2)
    second = start()
    output, _ = second.communicate(timeout=40)
    assert second.returncode == 0 and "Another worker" in output


def test_a_worker_ends_when_it_is_idle_and_no_server_is_left(database: Database, start, monkeypatch) -> None:
    presence = Presence(database)
    presence.server_beat(os.getpid())
    worker = start("--while-served")
    wait(lambda: presence.workers().get("cpu", (0, 1e9))[1] < 2)
    time.sleep(1)
    assert worker.poll() is None
    with database.open(write=True) as table:
        table.execute("UPDATE servers SET beat = 0")
    assert worker.wait(20) == 0
    assert presence.workers()["cpu"][1] > 1e6  # it has said goodbye


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="sessions of processes are a Unix thing")
def test_the_supervisor_starts_a_worker_and_another_when_that_is_killed(database: Database, tmp_path: Path) -> None:
    presence, supervisor = Presence(database), Supervisor(tmp_path)
    supervisor.start()
    workers: set[int] = set()

    def alive() -> int | None:
        pid, silent = presence.workers().get("cpu", (0, 1e9))
        return pid if silent < 2 and pid not in workers else None

    try:
        for _ in range(2):
            wait(alive)
            pid = alive()
            assert pid and os.getsid(pid) != os.getsid(0)  # Ctrl-C in this terminal does not reach it
            assert os.getpriority(os.PRIO_PROCESS, pid) >= 10
            workers.add(pid)
            os.kill(pid, signal.SIGKILL)
    finally:
        supervisor.stop()
        time.sleep(2.5)
        for child in supervisor._children.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            child.wait()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="sessions of processes are a Unix thing")
def test_a_run_goes_on_while_the_server_is_gone_and_is_found_by_the_next(database: Database, tmp_path: Path) -> None:
    jobs = Jobs(database)

    def seen() -> float:
        return jobs.get(identity).progress.get("elapsed", 0.0)

    with server(leave_workers=True, EXPLORER_DATA=str(tmp_path)):
        identity = submit(jobs, 12.0)
        wait(lambda: seen() > 0.5)
        worker = worker_pid(tmp_path)
    before = seen()
    wait(lambda: seen() > before + 1)  # nobody serves, and it trains
    with server(EXPLORER_DATA=str(tmp_path)):
        wait(lambda: jobs.get(identity).state == "done")
        # The new server took the old one's worker; where it was slow to come up, that has ended its work and itself.
        assert worker_pid(tmp_path) in (worker, None)
    assert (jobs.get(identity).attempt, jobs.get(identity).deaths) == (1, 0)
