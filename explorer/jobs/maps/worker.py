"""The process that fits maps: one for each data folder, beside those that train.

A server starts it when a map is asked for. umap-learn takes most of a minute to compile itself, so the process
stays for a while when it has nothing to do: the next map is there much sooner.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from ...checkpoint.catalogue import open_model
from ...checkpoint.maps import fit_map, map_file, trim_maps
from ...checkpoint.signature import fingerprint
from ...checkpoint.weights import CheckpointError
from ...models import VAE
from ...projection import DECODED, ProjectionError, save_embedding
from ..database import Database, DatabaseFault
from ..faults import until_written
from ..processes import MAPS, lock_file
from ..training.job import JobError
from .fit import Fit
from .table import Fits

POLL_SECONDS, REPORT_SECONDS = 0.3, 0.3
IDLE_SECONDS = 300.0
NICENESS = 10


class Stopped(Exception):
    """Its person has asked for the end of a fit."""


def fit_maps(data_dir: Path, *, while_served: bool, why: str = "") -> bool:
    """Fits what is asked for until there has been nothing to do for long; False where another process does already.

    Args:
        while_served: end when there is nothing to do and the server that started it is gone.
        why: the last such process ended, see `endings.cause`; "" where nobody knows.
    """
    database = Database(data_dir)
    fits, parent = Fits(database), os.getppid()
    try:
        with FileLock(lock_file(data_dir, MAPS), timeout=0.5):
            if hasattr(os, "nice"):
                os.nice(NICENESS)
            lost = True  # a fit may be under way of which nobody takes care: this is the only process that would
            busy = time.monotonic()
            while time.monotonic() - busy < IDLE_SECONDS:
                with contextlib.suppress(JobError):  # the data folder is full, or away: it may come back
                    if lost:
                        fits.orphans(why)
                    fit = fits.claim()
                    lost = fit is not None
                    if fit is not None:
                        logging.getLogger("explorer").info("Fitting a map of %s: %s", fit.model, fit.settings)
                        carry_out(fits, fit, data_dir)
                        lost = False
                        busy = time.monotonic()
                        continue
                if while_served and os.getppid() != parent:
                    return True
                time.sleep(POLL_SECONDS)
    except Timeout:
        return False
    return True


def _same_model(folder: Path, weights: str) -> VAE:
    """The model that a map was asked for.

    Raises:
        JobError: it is not there any more, or another one is.
    """
    try:
        model = open_model(folder).model
    except CheckpointError:
        raise JobError("The model is not there any more, so its images cannot be compared.") from None
    if fingerprint(model) != weights:
        raise JobError("The model has changed since its map was asked for: reload the page, and ask again.")
    return model


def carry_out(fits: Fits, fit: Fit, data_dir: Path) -> None:
    """Fits one map and keeps it."""
    last = 0.0

    def end(state: str, said: str | None = None) -> None:
        until_written(lambda: fits.end(fit.id, state, said))

    def progress(share: float) -> None:
        nonlocal last
        if share < 1 and time.monotonic() - last < REPORT_SECONDS:
            return
        last = time.monotonic()
        with contextlib.suppress(DatabaseFault):  # a report can be missed, and an order be heard a moment later
            if not fits.report(fit.id, share):
                raise Stopped

    try:
        codes, labels, rows, folder, weights = fits.read_input(fit.id)
        progress(0.0)
        model = _same_model(folder, weights) if fit.settings.metric == DECODED else None
        embedding, notices = fit_map(model, codes, labels, fit.settings, progress)
        save_embedding(map_file(data_dir, fit.id), replace(embedding, rows=rows), fit.id)
        trim_maps(data_dir)
    except Stopped:
        end("stopped")
    except (ProjectionError, JobError) as error:
        end("failed", str(error))
    except OSError as error:
        said = f"The data folder cannot be written ({str(error)[:200]}): make room, and ask for the map again."
        end("failed", said)
    except Exception as error:  # umap-learn's own: said to the person, and kept in the log
        logging.getLogger("explorer").exception("A map was not fitted.")
        end("failed", f"UMAP failed on these codes: {str(error)[:200] or type(error).__name__}")
    else:
        end("done", " ".join(notices) or None)
