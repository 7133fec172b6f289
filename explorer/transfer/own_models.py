"""The models kept by the app: their names, where they came from, and deleting one."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from ..checkpoint.catalogue import kept_folder, models, read_facts
from ..datasets import default_data_dir
from ..files.names import free_name, is_name, name_from
from ..files.owners import may_change, owner_of
from ..jobs import Database, JobError, Jobs, jobs_file
from .files import SOURCE_FILE, TransferError


def incoming_folder() -> Path:
    """Where models lie that are not checked yet: beside models/, on the same disk, where nobody looks for one."""
    return default_data_dir() / "incoming"


def kept_names() -> set[str]:
    """Names of the models in the app's own folder, half-made ones included."""
    try:
        return {path.name for path in kept_folder().iterdir() if path.is_dir()}
    except OSError:
        return set()


def _runs() -> dict[str, bool]:
    """Names of the models of training runs, and whether each run may still write to its folder."""
    folder = default_data_dir()
    if not jobs_file(folder).is_file():
        return {}
    try:
        return Jobs(Database(folder)).names()
    except (JobError, sqlite3.Error):
        return {}


def _taken() -> set[str]:
    """Names a new model cannot have: a run that waits has its name before it has a folder."""
    return {*models(), *kept_names(), *_runs()}


def suggest_name(text: str) -> str:
    """A free name near to a file's or a repository's: "My model.zip" gives "my-model", or "my-model-2"."""
    last = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    stem = last[:-4] if last.lower().endswith(".zip") else last
    return free_name(name_from(stem, "model"), _taken())


def check_name(name: str) -> None:
    """Whether a new model may have this name.

    Raises:
        TransferError: it is no name, or is taken; the message has one that is free.
    """
    if not is_name(name):
        raise TransferError(
            f"{name!r:.60} cannot be a model's name: small letters, digits and hyphens, 48 at most; "
            f"{suggest_name(name)!r} could."
        )
    if name in _taken():
        raise TransferError(
            f"There is a model {name!r} already, and it stays as it is; {suggest_name(name)!r} is free."
        )


def source_of(folder: Path) -> dict[str, Any]:
    """What is known of where a model was brought from; {} for one that was made here."""
    return read_facts(folder / SOURCE_FILE)


def owners_of_models() -> dict[str, str]:
    """The marks of who trained or brought each model that the app keeps, by name; none where that is not known."""
    folder, found = default_data_dir(), {}
    if jobs_file(folder).is_file():
        with contextlib.suppress(JobError, sqlite3.Error):
            found = Jobs(Database(folder)).owners()
    return {name: found.get(name) or _kept_owner(kept_folder() / name) for name in kept_names()}


def _kept_owner(folder: Path) -> str:
    by = source_of(folder).get("by")
    return owner_of(folder) or (by if isinstance(by, str) else "")


def delete_model(name: str, *, person: str, local: bool) -> None:
    """Deletes a model of the app's own folder; those who look at it keep what they see.

    Args:
        person: the mark of who asks, see `explorer.files.owners`; local: whether they sit at the machine that serves.

    Raises:
        TransferError: there is none of this name there, it is somebody else's, or it is being trained.
    """
    folder = kept_folder() / name
    if name not in kept_names() or folder.is_symlink():
        raise TransferError(f"{name!r:.60} is not a model that is kept here, so there is nothing to delete.")
    if not may_change(owners_of_models().get(name, ""), person, local):
        raise TransferError(
            f"{name} is not yours: only who made or brought it, or somebody at the machine that serves, deletes it."
        )
    if _runs().get(name):
        raise TransferError(f"{name} is still being trained: stop its run on the Train page first.")
    incoming_folder().mkdir(parents=True, exist_ok=True)
    # Out of sight at once, whatever happens to its files afterwards.
    grave = Path(tempfile.mkdtemp(dir=incoming_folder(), prefix="deleted-"))
    try:
        os.replace(folder, grave / name)
    except OSError as error:
        with contextlib.suppress(OSError):
            grave.rmdir()
        raise TransferError(f"{name} could not be deleted: {error.strerror}.") from None
    shutil.rmtree(grave, ignore_errors=True)
