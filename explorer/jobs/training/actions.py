"""Orders that people give to a run, and the columns of its row that each changes."""

from __future__ import annotations

import time
from typing import Any

from .job import ACTIVE, Job, JobError

SLOWEST_PACE, FASTEST_PACE = 0.1, 1_000.0


def changes_of(job: Job, action: str, pace: float | None) -> dict[str, Any]:
    """Columns and their new values.

    Raises:
        JobError: it cannot be done with the run as it stands, or there is no such action.
    """
    if job.state not in ACTIVE:
        raise JobError(f"This run is {job.state}, so there is nothing to {action}.")
    if job.wanted == "stop" and action != "stop":
        raise JobError("This run is being stopped: its model will be here in a moment.")
    behind = {"rank": max(job.created, job.rank)}  # where its turns have brought it, but not before all others
    if action == "pause":
        return {"wanted": "pause"} if job.state == "running" else {"state": "paused", "wanted": "run"} | behind
    if action == "resume":
        if job.state == "paused":
            return {"state": "queued", "wanted": "run", "pace": None, "deaths": 0} | behind
        return {"wanted": "run", "pace": None}
    if action == "stop":
        if job.state == "running":
            return {"wanted": "stop"}
        if job.attempt:  # it has learnt something: a worker makes a model of it
            return {"state": "queued", "wanted": "stop", "rank": 0.0}
        return {"state": "stopped", "finished": time.time(), "message": "It was stopped before it had begun."}
    held = {"pace": 0.0, "wanted": "run"} | ({"state": "queued"} if job.state == "paused" else {})
    if action == "step":
        return held | {"allowed": max(job.allowed, job.step) + 1}
    if action == "epoch":
        return held | {"allowed": max(job.allowed, job.step) + int(job.facts.get("steps_per_epoch", 1))}
    if action == "pace":
        if pace is not None and pace != 0 and not SLOWEST_PACE <= pace <= FASTEST_PACE:  # also true for NaN
            raise JobError(f"A pace is 0, or between {SLOWEST_PACE:g} and {FASTEST_PACE:g} steps per second.")
        return held | {"pace": pace, "allowed": 0}
    raise JobError(f"There is nothing called {action[:20]!r} to do with a run.")
