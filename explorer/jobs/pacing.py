"""Slow motion: a run held back between its steps, so that a class can watch."""

from __future__ import annotations

import time

from ..training import Cadence
from .job import Job
from .table import Jobs

# How often a held run looks for orders, and says that it lives.
LOOK_SECONDS = 0.05
# Reports a second that eyes can follow: a faster run takes several steps between two.
REPORTS = 10
# A run that is held while others wait gives its place up after this long, and in any case at last.
PATIENCE_SECONDS, LONGEST_SECONDS = 60.0, 1_800.0


def hold(jobs: Jobs, job: Job, cadence: Cadence, step: int) -> Job | None:
    """Waits until the next step is due, and sets how many steps there are to the next report.

    Args:
        cadence: of the loop; its `steps` is changed.
        step: steps done.

    Returns:
        The job as its person wants it now; None where it is no longer this worker's.
    """
    began = time.monotonic()
    while True:
        if job.pace is None or job.wanted != "run":
            cadence.steps = None
            return job
        if job.pace > 0:
            steps = max(1, round(job.pace / REPORTS))
            wait = began + steps / job.pace - time.monotonic()
            if wait <= 0:
                cadence.steps = steps
                return job
        elif job.allowed > step:
            cadence.steps = job.allowed - step
            return job
        else:
            wait = LOOK_SECONDS
            waited = time.monotonic() - began
            if waited > LONGEST_SECONDS or (waited > PATIENCE_SECONDS and jobs.others_wait()):
                jobs.note(job, "It was paused because it stood still while others waited.")
                jobs.pause(job)
        time.sleep(min(wait, LOOK_SECONDS))
        current = jobs.beat(job)
        if current is None:
            return None
        job = current
