"""Phases of a run: each has its words and the orders that its table takes, whatever a row may hold."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path

import pytest

from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.frontend.files import STATIC
from explorer.jobs import ACTIVE, ORDERS, Database, Job, Jobs, measured_share, phase_of
from explorer.jobs.training.actions import changes_of
from explorer.jobs.training.job import STATES, WANTED
from explorer.page import train_runs as runs

MEASURING = (None, "waiting", 0.0, 0.35, "damaged")
PACES = (None, 0, 2.0)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    config = Config(ModelConfig((1, 8, 8), 2, hidden=(16,)), TrainingConfig("digits"))
    return Jobs(Database(tmp_path)).submit(config, person="x")


def rows(job: Job) -> list[Job]:
    """Every state with everything that people and workers may have written beside it."""
    found = []
    for state, wanted, pace, done, measuring in itertools.product(STATES, WANTED, PACES, (None, 0.4, 1.0), MEASURING):
        progress = {} if done is None else {"fraction": done, "step": 50, "elbo": -100.0}
        facts = {} if measuring is None else {"measuring": measuring}
        values = {"state": state, "wanted": wanted, "pace": pace, "progress": progress, "facts": facts}
        found.append(dataclasses.replace(job, attempt=int(done is not None), **values))
    return found


def test_every_phase_is_reached_and_has_words_in_the_list_and_on_the_page(job: Job) -> None:
    reached = {phase_of(row) for row in rows(job)}
    assert reached == set(ORDERS) == set(runs.WORDS)
    words = (STATIC / "words/en/training.mjs").read_text("utf-8")
    spoken = re.search(r"\n  states: \{\n(.*?)\n  \},", words, re.DOTALL)
    assert spoken and {*reached, "kept", "unknown"} == set(re.findall(r"^    (\w+): '.+',$", spoken[1], re.MULTILINE))


def test_orders_are_those_that_change_the_run_and_a_run_that_is_over_takes_none(job: Job) -> None:
    for row in rows(job):
        orders = ORDERS[phase_of(row)]
        for order in orders:
            changes = changes_of(row, order, 5.0)  # raises where the table would refuse it
            assert any(getattr(row, name) != value for name, value in changes.items()), (phase_of(row), order)
        assert not orders or row.state in ACTIVE
        assert not orders or row.wanted != "stop"
        # Whoever waits for a run, or for one that is held, can always end it; a paused one can always go on.
        assert ("stop" in orders) == (phase_of(row) in ("queued", "running", "slow", "held", "pausing", "paused"))
        assert ("resume" in orders) == (phase_of(row) in ("paused", "pausing"))


@pytest.mark.parametrize(
    ("values", "phase", "standing"),
    [
        ({"state": "running", "progress": {"fraction": 1.0, "elbo": -5.0}}, "finishing", "saving the model"),
        ({"state": "done", "facts": {"measuring": 0.35}}, "measuring", "measuring the model 35 %"),
        ({"state": "done", "facts": {"measuring": "waiting"}}, "measuring", "measuring the model"),
        ({"state": "stopped", "facts": {}}, "stopped", "stopped"),
        ({"state": "queued", "wanted": "stop", "attempt": 1}, "stopping", "stopping"),
        ({"state": "running", "wanted": "pause"}, "pausing", "pausing"),
        ({"state": "running", "pace": 0, "allowed": 3}, "slow", "training in slow motion"),
        ({"state": "running", "pace": 0}, "held", "held"),
    ],
)
def test_what_a_run_is_doing_is_said(job: Job, values: dict, phase: str, standing: str) -> None:
    row = dataclasses.replace(job, **values)
    assert phase_of(row) == phase and runs.standing(row).startswith(standing)
    assert (measured_share(row) is not None) == (phase == "measuring")
