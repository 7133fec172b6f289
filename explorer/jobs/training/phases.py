"""Phases of a run as people see them, finer than the states of its row, and the orders that make sense in each."""

from __future__ import annotations

from .job import ACTIVE, Job

_SLOW = ("step", "epoch", "pace")
# By phase, the orders of `actions` that its person is offered: none while a model is saved or measured.
ORDERS: dict[str, tuple[str, ...]] = {
    "queued": ("stop", *_SLOW),
    "running": ("pause", "stop", *_SLOW),
    "slow": ("pause", "stop", *_SLOW),
    "held": ("pause", "stop", *_SLOW),
    "pausing": ("resume", "stop"),
    "stopping": (),
    "finishing": (),
    "paused": ("resume", "stop", *_SLOW),
    "measuring": (),
    "stopped": (),
    "failed": (),
    "done": (),
}


def phase_of(job: Job) -> str:
    """The phase of a run, one of ORDERS."""
    if job.state not in ACTIVE:
        return "measuring" if "measuring" in job.facts else job.state
    if job.wanted == "stop":
        return "stopping"
    if job.state != "running":
        return job.state
    if job.progress.get("fraction", 0) >= 1:
        return "finishing"
    if job.wanted == "pause":
        return "pausing"
    if job.pace == 0 and job.allowed <= job.step:
        return "held"
    return "running" if job.pace is None else "slow"


def measured_share(job: Job) -> float | None:
    """The share of a model's measuring that is done, 0 to 1; None where it is not being measured."""
    share = job.facts.get("measuring")
    if share is None:
        return None
    return float(share) if isinstance(share, (int, float)) and 0 <= share <= 1 else 0.0
