"""The processes that work for a data folder: one of each, killed and taken up again, gone when nothing is to do."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from explorer.__main__ import main
from explorer.checkpoint.weights import WEIGHTS_FILE, load_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.datasets import load_dataset
from explorer.jobs import Database, Job, Jobs, Measurements, Presence, endings, supervisor
from explorer.jobs.processes import MEASURING, is_there, lock_file
from explorer.jobs.supervisor import Supervisor, expect_work
from explorer.jobs.training import worker
from explorer.training import STATE_FILE, Run
from tests.browser.harness import server, worker_pid
from tests.helpers.places import ROOT

CPU = torch.device("cpu")
ME = "a" * 32
unix = pytest.mark.skipif(not hasattr(os, "killpg"), reason="sessions of processes are a Unix thing")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    for name, value in (("OMP_NUM_THREADS", "1"), ("EXPLORER_SAVE_SECONDS", "0.1"), ("EXPLORER_IDLE_SECONDS", "0.5")):
        monkeypatch.setenv(name, value)
    return Database(tmp_path)


@pytest.fixture
def watching(database: Database, tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor as a server has it; what it started is ended with it."""
    watching_ = Supervisor(tmp_path)
    watching_.start()
    yield watching_
    watching_.stop()
    watching_._thread.join(10)
    for process in watching_.processes():
        process.kill()
        process.wait()


def wait(what: Callable[[], object], seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


def submit(jobs: Jobs, *, epochs: int = 0, seconds: float = 0.0, seed: int = 0) -> Job:
    model = ModelConfig((1, 8, 8), 2, hidden=(16,))
    return jobs.submit(Config(model, TrainingConfig("digits", epochs=epochs, seconds=seconds, seed=seed)), person=ME)


def undisturbed(job: Job, folder: Path, there: Path) -> bytes:
    """The weights of a run of the same steps in one go, with the arithmetic that the run in `folder` had."""
    speed = load_checkpoint(folder).config.provenance["speed"]
    how = {"threads": speed["threads"], "bfloat16": speed["bfloat16"]}
    torch.distributions.Distribution.set_default_validate_args(False)
    run = Run(job.config, load_dataset("digits"), there, CPU, **how)
    for _ in run:
        pass
    run.finish(whole=True)
    return (there / WEIGHTS_FILE).read_bytes()


@unix
def test_a_run_whose_worker_is_killed_ends_with_the_same_bytes_and_then_nobody_is_left(
    database: Database, watching: Supervisor, tmp_path: Path
) -> None:
    jobs, presence = Jobs(database), Presence(database)
    job = submit(jobs, epochs=60, seed=3)
    expect_work()
    folder = tmp_path / "models" / job.name
    wait(lambda: jobs.get(job.id).step > 100 and (folder / STATE_FILE).is_file())
    pid, _ = presence.workers()["cpu"]
    assert os.getsid(pid) != os.getsid(0)  # Ctrl-C in this terminal does not reach it
    assert os.getpriority(os.PRIO_PROCESS, pid) >= 10
    os.kill(pid, signal.SIGKILL)
    expect_work()
    wait(lambda: jobs.get(job.id).state == "done")
    done = jobs.get(job.id)
    assert done.attempt == 2 and "SIGKILL" in done.facts["ended"] and done.step == 60 * 11
    wait(lambda: not Measurements(database).any())
    assert (folder / "evaluation.json").is_file() and jobs.get(job.id).notes == ()
    assert (folder / WEIGHTS_FILE).read_bytes() == undisturbed(job, folder, tmp_path / "whole")
    wait(lambda: not is_there(tmp_path, "cpu") and not is_there(tmp_path, MEASURING))  # nothing is left to do


@pytest.mark.slow
@unix
def test_a_run_killed_ten_times_at_random_ends_with_the_same_bytes(database: Database, tmp_path: Path) -> None:
    jobs, dice = Jobs(database), random.Random(7)
    job = submit(jobs, epochs=3_500, seed=4)  # longer than eleven lives of a quick machine
    folder = tmp_path / "models" / job.name
    command = [sys.executable, "-m", "explorer", "worker", "--device", "cpu"]

    def kept() -> float:
        path = folder / STATE_FILE
        return path.stat().st_mtime if path.exists() else 0.0

    def live_and_die() -> None:
        attempt, step = jobs.get(job.id).attempt, jobs.get(job.id).step
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            wait(lambda: jobs.get(job.id).attempt > attempt)
            if dice.random() < 0.8:  # else in the midst of its start
                more = dice.randint(1, 300)
                wait(lambda: jobs.get(job.id).step >= step + more)
                before = kept()
                wait(lambda: kept() > before)  # three deaths without a later state would end the run
            time.sleep(dice.uniform(0.0, 0.3))
            assert jobs.get(job.id).state == "running", "the run was over too soon"
        finally:
            process.kill()
            process.wait()

    for _ in range(10):
        live_and_die()
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        wait(lambda: jobs.get(job.id).state == "done", 600)
    finally:
        process.kill()
        process.wait()
    assert jobs.get(job.id).attempt >= 11
    assert (folder / WEIGHTS_FILE).read_bytes() == undisturbed(job, folder, tmp_path / "whole")


@unix
@pytest.mark.slow  # the clock's law is held without waiting in test_training
def test_a_run_that_is_stopped_by_a_signal_does_not_spend_its_budget_asleep(
    database: Database, watching: Supervisor
) -> None:
    jobs, presence = Jobs(database), Presence(database)
    job = submit(jobs, seconds=6.0)
    expect_work()
    wait(lambda: jobs.get(job.id).progress.get("elapsed", 0) > 0.5)
    pid, _ = presence.workers()["cpu"]
    os.kill(pid, signal.SIGSTOP)
    before = jobs.get(job.id).progress["elapsed"]
    time.sleep(4.0)
    os.kill(pid, signal.SIGCONT)
    wait(lambda: jobs.get(job.id).progress["elapsed"] > before)
    assert jobs.get(job.id).progress["elapsed"] < before + 3.5
    jobs.ask(job.id, "stop", person=ME)
    wait(lambda: jobs.get(job.id).state == "stopped")


def test_two_workers_on_one_folder_do_not_both_train(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FileLock(lock_file(tmp_path, "cpu")):
        assert main(["worker", "--device", "cpu"]) == 0
    with FileLock(lock_file(tmp_path, MEASURING)):
        assert main(["worker", "--measure"]) == 0
    assert capsys.readouterr().out.count("Another worker") == 2


@pytest.mark.parametrize("served", [True, False])
def test_a_worker_ends_when_it_is_idle_or_no_server_is_left(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: bool
) -> None:
    monkeypatch.setattr(worker, "NICENESS", 0)
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.5 if served else 1e9)
    monkeypatch.setattr(worker, "_leisure", lambda *_: iter(()))
    presence = Presence(database)
    presence.server_beat(os.getpid())
    thread = threading.Thread(target=worker.work, args=(tmp_path, CPU), kwargs={"while_served": True})
    thread.start()
    wait(lambda: presence.workers().get("cpu", (0, 1e9))[1] < 2)
    if not served:
        time.sleep(0.4)
        assert thread.is_alive()
        with database.open(write=True) as table:
            table.execute("UPDATE servers SET beat = 0")
    thread.join(20)
    assert not thread.is_alive() and presence.workers()["cpu"][1] > 1e6  # it has said goodbye


class Child:
    """A process that never was."""

    code: int | None = None

    def poll(self) -> int | None:
        return self.code


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(supervisor, "spawn", lambda _, *arguments: started.append(arguments) or Child())
    monkeypatch.setattr(supervisor, "devices", lambda: ("cpu",))
    return started


def test_a_worker_is_started_when_there_is_work_and_only_then(
    database: Database, tmp_path: Path, spawned: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, watching = Jobs(database), Supervisor(tmp_path)
    start = ("--device", "cpu", "--while-served")
    watching._train(jobs, expected=False)
    assert spawned == []
    watching._train(jobs, expected=True)  # somebody looks at the Train page
    assert spawned == [start]
    job = submit(jobs, epochs=1)
    watching._train(jobs, expected=False)
    assert spawned == [start]  # it is still starting
    monkeypatch.setattr(Child, "code", 0)  # it was idle for too long
    with FileLock(lock_file(tmp_path, "cpu")):
        watching._train(jobs, expected=False)
    assert spawned == [start]  # somebody else's is there
    watching._train(jobs, expected=False)
    assert spawned == [start, start]
    monkeypatch.setattr(Child, "code", None)
    jobs.claim("cpu")
    with FileLock(lock_file(tmp_path, "cpu")):
        watching._train(jobs, expected=False)  # it is seen at work
    monkeypatch.setattr(Child, "code", -signal.SIGSEGV)
    watching._train(jobs, expected=False)
    assert spawned[2][:3] == start and "SIGSEGV" in spawned[2][-1] and spawned[2][-2] == "--after"
    monkeypatch.setattr(Child, "code", 1)  # it cannot start: not in haste
    watching._train(jobs, expected=False)
    assert len(spawned) == 3
    jobs.settle(jobs.get(job.id), "done")
    monkeypatch.setattr(Child, "code", 0)
    watching._train(jobs, expected=False)
    assert len(spawned) == 3


def test_one_that_dies_before_it_works_is_started_again_with_growing_pauses(
    database: Database, tmp_path: Path, spawned: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, starts = 0.0, []
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now)
    jobs, watching = Jobs(database), Supervisor(tmp_path)
    submit(jobs, epochs=1)
    monkeypatch.setattr(Child, "code", -signal.SIGSEGV)  # such as a library that crashes as it is imported
    while now < 300:
        watching._train(jobs, expected=False)
        starts += [now] * (len(spawned) - len(starts))
        now += supervisor.LOOK_SECONDS
    pauses = [after - before for before, after in itertools.pairwise(starts)]
    assert pauses == sorted(pauses) and len(starts) <= 12
    assert pauses[0] < 10 and pauses[-1] >= supervisor.AGAIN_SECONDS


def test_a_run_of_a_device_that_is_gone_wakes_a_worker_of_another(
    database: Database, tmp_path: Path, spawned: list[tuple[str, ...]]
) -> None:
    jobs, watching = Jobs(database), Supervisor(tmp_path)
    submit(jobs, epochs=1)
    jobs.claim("cuda:7")
    watching._train(jobs, expected=False)
    assert spawned == []  # it may well live
    with database.open(write=True) as table:
        table.execute("UPDATE jobs SET beat = beat - 2000")
    watching._train(jobs, expected=False)
    assert len(spawned) == 1


def test_what_the_system_counts_of_memory_is_a_number_that_does_not_fall() -> None:
    before = endings.memory_kills()
    assert 0 <= before <= endings.memory_kills()


@pytest.mark.slow
@unix
def test_a_run_goes_on_while_the_server_is_gone_and_is_found_by_the_next(database: Database, tmp_path: Path) -> None:
    jobs = Jobs(database)

    def seen() -> float:
        return jobs.get(job.id).progress.get("elapsed", 0.0)

    with server(leave_workers=True, EXPLORER_DATA=str(tmp_path)):
        job = submit(jobs, seconds=12.0)
        wait(lambda: seen() > 0.5)
        pid = worker_pid(tmp_path)
    before = seen()
    wait(lambda: seen() > before + 1)  # nobody serves, and it trains
    with server(EXPLORER_DATA=str(tmp_path)):
        wait(lambda: jobs.get(job.id).state == "done")
        # The new server took the old one's worker; where it was slow to come up, that has ended its work and itself.
        assert worker_pid(tmp_path) in (pid, None)
    assert (jobs.get(job.id).attempt, jobs.get(job.id).deaths) == (1, 0)
