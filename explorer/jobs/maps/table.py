"""The table of maps that are being fitted, shared by servers and the worker that fits them.

As with training jobs, every change is one short transaction. What a fit starts from lies beside the table, in
`fits/<id>.safetensors`: the codes and labels, and where their model lies. What it makes is kept by content, see
`fitted_maps`.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import sqlite3
import time
from functools import lru_cache
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...files.owners import may_change
from ...projection import UmapSettings
from ..database import Database
from ..endings import sentence
from ..shares import Share
from ..training.job import JobError, is_key, not_yours
from .fit import OPEN, Fit

FOLDER = "fits"
SHARE = Share(of_one=3, of_network=80, of_all=160)
# A fit in the midst of which its worker ended so often would end the next one too.
MOST_DEATHS = 2
KEPT_SECONDS = 7 * 86_400.0


class Fits:
    """The fits in a data folder's database."""

    def __init__(self, database: Database) -> None:
        self._open = database.open
        self.folder = database.data_dir / FOLDER

    def submit(
        self,
        key: str,
        codes: Tensor,
        labels: Tensor,
        rows: Tensor,
        settings: UmapSettings,
        *,
        person: str,
        model: str,
        checkpoint: Path,
        weights: str,
        network: str = "",
    ) -> Fit:
        """Puts a fit at the end of the queue; one that waits or runs already is the same.

        Args:
            rows: of the images, see `fitted_maps.row_sums`; checkpoint: the folder of the model they are codes of;
                weights: its `fingerprint`.
            network: from which it is asked for, see `Share`.

        Raises:
            JobError: too many wait, of this person, of the network or of all; or the folder cannot be written.
        """
        there = self.get(key)
        if there is not None and there.state in OPEN:
            self._go_on(key)
            return self.get(key) or there
        beside = self.folder / f"{key}-{secrets.token_hex(4)}.part"  # somebody else may ask for the same
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            parts = {"codes": codes.float(), "labels": labels.long(), "rows": rows}
            whose = {"checkpoint": str(checkpoint.resolve()), "weights": weights}
            save_file({name: part.clone() for name, part in parts.items()}, beside, whose)
            self._enter(key, beside, settings, person, network, model)
        except (OSError, SafetensorError) as error:
            raise JobError(f"The data folder cannot be written ({error}), so no map can be fitted.") from None
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
        found = self.get(key)
        assert found is not None
        return found

    def _go_on(self, key: str) -> None:
        """Somebody wants what somebody, perhaps the same, has asked to stop."""
        with self._open(write=True) as table:
            table.execute("UPDATE fits SET stop = 0 WHERE id = ?", (key,))

    def _enter(self, key: str, beside: Path, settings: UmapSettings, person: str, network: str, model: str) -> None:
        now = time.time()
        # Files change within transactions, so that nobody's row is left without its own.
        with self._open(write=True) as table:
            row = table.execute("SELECT * FROM fits WHERE id = ?", (key,)).fetchone()
            if row is not None and _is_open(row):
                return
            waiting = table.execute("SELECT person, network FROM fits WHERE state = 'waiting'").fetchall()
            full = SHARE.full(person, network, [(row["person"], row["network"]) for row in waiting])
            if full:
                whose = "of your maps" if full == "one" else "maps"
                raise JobError(f"Enough {whose} are waiting to be fitted: try again when one of them is done.")
            ended = "state NOT IN ('waiting', 'running')"
            table.execute(f"DELETE FROM fits WHERE id = ? OR ({ended} AND created < ?)", (key, now - KEPT_SECONDS))
            # The turn that is on, or the one after the person's last: a second fit comes after everybody's first.
            on = "coalesce((SELECT max(turn) FROM fits WHERE state != 'waiting'), 0)"
            own = f"coalesce((SELECT max(turn) + 1 FROM fits WHERE person = ? AND state IN {OPEN}), 0)"
            table.execute(
                "INSERT INTO fits (id, person, network, model, settings, state, created, turn) "
                f"VALUES (?, ?, ?, ?, ?, 'waiting', ?, max({on}, {own}))",
                (key, person, network, model, settings.to_json(), now, person),
            )
            beside.replace(self._input(key))

    def get(self, key: str) -> Fit | None:
        """One fit; None where there is none of this name, or its row cannot be read."""
        with self._open() as table:
            row = table.execute("SELECT * FROM fits WHERE id = ?", (key,)).fetchone()
        try:
            return None if row is None else Fit.read(row)
        except JobError as error:
            _passed_over(key, str(error))
            return None

    def all(self) -> list[Fit]:
        """Every fit, in the order in which they were asked for."""
        with self._open() as table:
            rows = table.execute("SELECT * FROM fits ORDER BY created, rowid").fetchall()
        found = []
        for row in rows:
            try:
                found.append(Fit.read(row))
            except JobError as error:  # of another version, perhaps: the others are still to be seen
                _passed_over(str(row["id"]), str(error))
        return found

    def stop(self, key: str, *, person: str, local: bool = False) -> Fit:
        """Asks for the end of a fit; one that waits ends at once.

        Args:
            local: the person sits at the machine that serves, and may stop anybody's.

        Raises:
            JobError: there is none of this name, or it is somebody else's.
        """
        there = self.get(key)
        if there is None:
            raise JobError("There is no such fit any more.")
        if not may_change(there.person, person, local):
            raise JobError(not_yours("map", person))
        with self._open(write=True) as table:
            ended = table.execute(
                "UPDATE fits SET state = 'stopped' WHERE id = ? AND state = 'waiting'", (key,)
            ).rowcount
            table.execute("UPDATE fits SET stop = 1 WHERE id = ?", (key,))
            if ended:
                self._input(key).unlink(missing_ok=True)
        return self.get(key) or there

    def open_states(self) -> set[str]:
        """Of "waiting" and "running", those that some fit is in: a worker is wanted, if only to look after its dead."""
        with self._open() as table:
            rows = table.execute("SELECT DISTINCT state FROM fits WHERE state IN ('waiting', 'running')")
            return {row["state"] for row in rows}

    # What the worker does

    def claim(self) -> Fit | None:
        """The next that waits, now running; None where none does. What cannot be read has failed.

        A person's second comes after everybody's first.
        """
        while True:
            with self._open(write=True) as table:
                row = table.execute(
                    "UPDATE fits SET state = 'running' WHERE rowid = (SELECT rowid FROM fits WHERE state = 'waiting' "
                    "ORDER BY turn, created, rowid LIMIT 1) RETURNING *, rowid AS row"
                ).fetchone()
            if row is None:
                return None
            try:
                return Fit.read(row)
            except JobError as error:  # damaged or of another version: nobody can carry it out
                with self._open(write=True) as table:
                    query = "UPDATE fits SET state = 'failed', message = ? WHERE rowid = ?"
                    table.execute(query, (str(error), row["row"]))
                    if is_key(row["id"]):
                        self._input(row["id"]).unlink(missing_ok=True)

    def orphans(self, why: str = "") -> None:
        """Puts the fits of a worker that is gone back into the queue; where that happened too often they have failed.

        Args:
            why: it ended, see `endings.cause`; "" where nobody knows.
        """
        with self._open(write=True) as table:
            table.execute("UPDATE fits SET deaths = deaths + 1 WHERE state = 'running'")
            said = sentence("fitting this map", MOST_DEATHS, why)
            table.execute(
                "UPDATE fits SET state = 'failed', message = ? WHERE state = 'running' AND deaths >= ?",
                (said, MOST_DEATHS),
            )
            table.execute("UPDATE fits SET state = 'waiting', progress = 0 WHERE state = 'running'")
            failed = table.execute("SELECT id FROM fits WHERE state = 'failed'").fetchall()
            with contextlib.suppress(OSError):  # what cannot be put away does not keep others waiting
                for row in filter(lambda row: is_key(row["id"]), failed):
                    self._input(row["id"]).unlink(missing_ok=True)

    def read_input(self, key: str) -> tuple[Tensor, Tensor, Tensor, Path, str]:
        """Codes (n, d), labels (n,), the rows' checksums (n,), the model's folder and its `fingerprint`.

        Raises:
            JobError: they are gone or spoilt.
        """
        try:
            with safe_open(self._input(key), "pt") as file:
                whose = file.metadata() or {}
                codes, labels, rows = map(file.get_tensor, ("codes", "labels", "rows"))
            return codes, labels, rows, Path(whose["checkpoint"]), whose["weights"]
        except (OSError, KeyError, SafetensorError) as error:
            logging.getLogger("explorer").warning("The codes to be mapped cannot be read: %s", error)
            raise JobError("The codes to be mapped are gone from the data folder: ask for the map again.") from None

    def report(self, key: str, progress: float) -> bool:
        """Says how far a fit is; False where it is to stop."""
        with self._open(write=True) as table:
            table.execute("UPDATE fits SET progress = ? WHERE id = ?", (progress, key))
            row = table.execute("SELECT stop FROM fits WHERE id = ?", (key,)).fetchone()
        return row is not None and not row["stop"]

    def end(self, key: str, state: str, message: str | None = None) -> None:
        """A fit is done, stopped or failed; its input is not needed any more."""
        with self._open(write=True) as table:
            table.execute(
                "UPDATE fits SET state = ?, message = ?, progress = max(progress, ?) WHERE id = ?",
                (state, message, float(state == "done"), key),
            )
            self._input(key).unlink(missing_ok=True)

    def _input(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"


def _is_open(row: sqlite3.Row) -> bool:
    """Whether a fit waits or runs; one that cannot be read is over."""
    try:
        return Fit.read(row).state in OPEN
    except JobError:
        return False


@lru_cache(maxsize=256)  # said once: a page asks for the list every second
def _passed_over(key: str, why: str) -> None:
    logging.getLogger("explorer").warning("The fit %s was passed over: %s", key, why)
