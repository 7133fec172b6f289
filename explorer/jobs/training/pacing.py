"""Slow motion: a run held back between its steps, so that a class can watch."""

from __future__ import annotations

import time

from ...training import Cadence
from .job import Job
from .table import Jobs

# How often a held run looks for orders, and whether others wait.
LOOK_SECONDS, QUEUE_SECONDS = 0.05, 1.0
# Reports a second that eyes can follow: a faster run takes several steps between two.
REPORTS = 10
# A run in slow motion to which nobody says anything gives its place up to others after this long; one that
# stands still does in any case at last.
PATIENCE_SECONDS, LONGEST_SECONDS = 60.0, 1_800.0


class Pacer:
    """Holds one run back as its person wants it.

    Args:
        cadence: of the loop; its `steps` is changed.
    """

    def __init__(self, jobs: Jobs, cadence: Cadence) -> None:
        self.jobs, self.cadence = jobs, cadence
        self._order: tuple[float | None, int] | None = None
        self._since = self._looked = time.monotonic()

    def hold(self, job: Job, step: int) -> Job | None:
        """Waits until the next step is due, and sets how many steps there are to the next report.

        Args:
            step: steps done.

        Returns:
            The job as its person wants it now; None where it is no longer this worker's.
        """
        began = time.monotonic()
        while True:
            self._heard(job)
            if job.pace is None or job.wanted != "run":
                self.cadence.steps = None
                return job
            if job.pace > 0:
                steps = max(1, round(job.pace / REPORTS))
                wait = began + steps / job.pace - time.monotonic()
                if wait <= 0:
                    self.cadence.steps = steps
                    return job
            elif job.allowed > step:
                self.cadence.steps = job.allowed - step
                return job
            else:
                wait = LOOK_SECONDS
            self._give_way(job, still=job.pace == 0)
            time.sleep(min(wait, LOOK_SECONDS))
            current = self.jobs.beat(job)
            if current is None:
                return None
            job = current

    def _heard(self, job: Job) -> None:
        if (job.pace, job.allowed) != self._order:
            self._order, self._since = (job.pace, job.allowed), time.monotonic()

    def _give_way(self, job: Job, *, still: bool) -> None:
        now = time.monotonic()
        silent = now - self._since
        if now - self._looked < min(QUEUE_SECONDS, PATIENCE_SECONDS):
            return
        self._looked = now
        if (silent > PATIENCE_SECONDS and self.jobs.others_wait()) or (still and silent > LONGEST_SECONDS):
            self.jobs.note(job, "It was paused because it stood in slow motion while others waited.")
            self.jobs.pause(job)
