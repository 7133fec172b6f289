"""Training in the background: a table of jobs, and the processes that carry them out."""

from .database import Database, DatabaseFault, jobs_file
from .measuring.queue import Measurements
from .presence import Presence
from .training.job import ACTIVE, Job, JobError
from .training.phases import ORDERS, measured_share, phase_of
from .training.table import Jobs

__all__ = [
    "ACTIVE",
    "ORDERS",
    "Database",
    "DatabaseFault",
    "Job",
    "JobError",
    "Jobs",
    "Measurements",
    "Presence",
    "jobs_file",
    "measured_share",
    "phase_of",
]
