"""The queue of models to be measured, in the table of runs: `facts["measuring"]`, "waiting" or the share done."""

from __future__ import annotations

import json

from ..database import Database
from ..endings import sentence
from ..training.job import Job, JobError
from ..training.table import MAX_DEATHS, Jobs

_SHARE = "CASE WHEN json_valid(facts) THEN json_extract(facts, '$.measuring') END"
_MEASURING = f"{_SHARE} IS NOT NULL"


class Measurements:
    """The measuring of models in a data folder, which comes after the end of their runs."""

    def __init__(self, database: Database) -> None:
        self._open, self._jobs = database.open, Jobs(database)

    def any(self) -> bool:
        """Whether any model waits to be measured, or is being measured."""
        with self._open() as table:
            return table.execute(f"SELECT 1 FROM jobs WHERE {_MEASURING} LIMIT 1").fetchone() is not None

    def claim(self) -> Job | None:
        """The run whose model has waited longest to be measured; None where none does."""
        with self._open(write=True) as table:
            row = table.execute(
                "UPDATE jobs SET facts = json_set(facts, '$.measuring', 0.0) WHERE id = (SELECT id FROM jobs "
                f"WHERE {_MEASURING} AND {_SHARE} = 'waiting' ORDER BY finished, rowid LIMIT 1) RETURNING *"
            ).fetchone()
        if row is None:
            return None
        try:
            return Job.read(row)
        except JobError:  # of another version: nobody can measure it
            self._change_facts(row["id"], "json_remove(facts, '$.measuring')")
            return self.claim()

    def report(self, job: Job, share: float) -> bool:
        """Says how far the measuring is, 0 to 1; False where the run is not there any more."""
        return self._change_facts(job.id, "json_set(facts, '$.measuring', ?)", float(share))

    def again(self, job: Job) -> None:
        """Puts a model back among those that wait."""
        self._change_facts(job.id, "json_set(facts, '$.measuring', 'waiting')")

    def end(self, job: Job, note: str | None = None) -> None:
        """A model is measured, or cannot be."""
        self._change_facts(job.id, "json_remove(facts, '$.measuring', '$.measuring_deaths')")
        if note:
            self._jobs.note(job, note)

    def orphans(self, why: str) -> None:
        """Puts models whose measuring process ended back into the queue; gives up where that happened too often."""
        with self._open() as table:
            rows = table.execute(f"SELECT * FROM jobs WHERE {_MEASURING} AND {_SHARE} != 'waiting'").fetchall()
        for row in rows:
            deaths = 1 + int(json.loads(row["facts"]).get("measuring_deaths", 0))
            if deaths < MAX_DEATHS:
                change = "json_set(facts, '$.measuring', 'waiting', '$.measuring_deaths', ?)"
                self._change_facts(row["id"], change, deaths)
            else:
                self._change_facts(row["id"], "json_remove(facts, '$.measuring', '$.measuring_deaths')")
                self._jobs.note(self._jobs.get(row["id"]), sentence("measuring this model", deaths, why))

    def _change_facts(self, identity: str, change: str, *values: object) -> bool:
        with self._open(write=True) as table:
            query = f"UPDATE jobs SET facts = {change} WHERE id = ? AND json_valid(facts)"
            return bool(table.execute(query, (*values, identity)).rowcount)
