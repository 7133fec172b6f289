"""A held run: step by step, at a pace, and giving way to others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.jobs import Job, Jobs
from explorer.jobs.training import pacing
from tests.jobs.work.at_work import ME, STEPS, config_of, take_up


@pytest.fixture
def under_way(jobs: Jobs, tmp_path: Path) -> Iterator[Job]:
    """A held run, carried out by a thread."""
    job = jobs.submit(config_of(), person=ME)
    jobs.ask(job.id, "step", person=ME)
    thread = threading.Thread(target=take_up, args=(jobs, tmp_path))
    thread.start()
    yield job
    if jobs.get(job.id).state == "running":
        jobs.ask(job.id, "stop", person=ME)
    thread.join(30)
    assert not thread.is_alive()


def reach(jobs: Jobs, job: Job, step: int) -> None:
    until = time.monotonic() + 120
    while jobs.get(job.id).step < step:
        assert time.monotonic() < until, jobs.get(job.id)
        time.sleep(0.01)
    time.sleep(0.25)
    assert jobs.get(job.id).step == step


def test_a_held_run_takes_one_step_or_one_epoch_at_a_time(jobs: Jobs, under_way: Job) -> None:
    reach(jobs, under_way, 1)
    jobs.ask(under_way.id, "step", person=ME)
    reach(jobs, under_way, 2)
    jobs.ask(under_way.id, "epoch", person=ME)
    reach(jobs, under_way, 2 + STEPS)
    # The wait is no part of the run's time, nor are the pictures taken between the steps.
    before = jobs.get(under_way.id).progress["elapsed"]
    time.sleep(1.5)
    jobs.ask(under_way.id, "step", person=ME)
    reach(jobs, under_way, 3 + STEPS)
    assert jobs.get(under_way.id).progress["elapsed"] - before < 0.2
    jobs.ask(under_way.id, "pace", person=ME, pace=None)
    until = time.monotonic() + 20
    while jobs.get(under_way.id).state != "done":
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_pace_is_kept(jobs: Jobs, under_way: Job) -> None:
    reach(jobs, under_way, 1)
    began = time.monotonic()
    jobs.ask(under_way.id, "pace", person=ME, pace=20.0)
    while jobs.get(under_way.id).step < 17:
        assert time.monotonic() < began + 20
        time.sleep(0.01)
    assert 0.6 < time.monotonic() - began < 6


def test_who_stands_still_gives_way(jobs: Jobs, under_way: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "PATIENCE_SECONDS", 0.2)
    reach(jobs, under_way, 1)
    assert jobs.get(under_way.id).state == "running"
    jobs.submit(config_of(seed=9), person=ME)
    until = time.monotonic() + 10
    while jobs.get(under_way.id).state != "paused":
        assert time.monotonic() < until
        time.sleep(0.02)
    assert "others waited" in jobs.get(under_way.id).notes[-1]
