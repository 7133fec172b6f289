"""A model on its way in: its files in a folder of their own, checked, then given their name in one step."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..checkpoint.card import EVALUATION_FILE
from ..checkpoint.catalogue import kept_folder
from ..checkpoint.gallery import INDEX_FILE, SHEET_FILE, load_gallery
from ..checkpoint.gaps import GAPS_FILE, load_gaps
from ..checkpoint.weights import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    CheckpointError,
    load_checkpoint,
    most_weight_bytes,
    read_config,
)
from ..config import Config
from ..datasets import names, own_names
from ..datasets.folder import has_room
from ..files.leftovers import sweep
from .files import METRICS_FILE, NEEDED, SOURCE_FILE, TransferError
from .own_models import check_name, incoming_folder, kept_names

MOST_MODELS = 500
MAX_GALLERY_PIXELS = 80_000_000


@dataclass(frozen=True)
class Brought:
    """A model that was taken: its name, its folder, and what people should be told of it."""

    name: str
    folder: Path
    notices: tuple[str, ...] = ()


@dataclass
class Arrival:
    """A model's files before it has a name.

    Attributes:
        folder: temporary, on the disk of the models.
        notices: what was left out, and why.
    """

    folder: Path
    notices: list[str] = field(default_factory=list)

    def path(self, name: str, size: int) -> Path:
        """Where a file of that many bytes is to be written. Raises TransferError where the disk is too full."""
        if not has_room(self.folder, size):
            raise TransferError("There is not enough room on this machine's disk for the model.")
        return self.folder / name

    def write(self, name: str, content: bytes) -> None:
        """Writes one file. Raises TransferError where the disk is too full."""
        self.path(name, len(content)).write_bytes(content)

    def config(self) -> Config:
        """config.json, its bounds checked. Raises TransferError."""
        with self._said():
            return read_config(self.folder / CONFIG_FILE)

    def most_weights(self) -> int:
        """The most bytes that weights for this config.json can have. Raises TransferError."""
        with self._said():
            return most_weight_bytes(self.config().model)

    def keep(self, name: str, source: dict[str, Any]) -> Brought:
        """Checks everything, and puts the model among the others under a name that is free.

        Args:
            source: where it is from; written into source.json, with the weights' hash and the day.

        Raises:
            TransferError: it is not a sound model, or the name is taken.
        """
        self._check()
        check_name(name)
        if len(kept_names()) >= MOST_MODELS:
            raise TransferError(f"There are {MOST_MODELS} models here already: delete one first.")
        with (self.folder / WEIGHTS_FILE).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        facts = {**source, "brought": today, "sha256": {WEIGHTS_FILE: digest}}
        self.write(SOURCE_FILE, (json.dumps(facts, indent=2) + "\n").encode())
        os.chmod(self.folder, 0o755)
        folder = kept_folder() / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(self.folder, folder)  # fails where somebody else was quicker
        except OSError:
            check_name(name)
            raise TransferError(f"{name} could not be put among the models: the folder is not writable.") from None
        return Brought(name, folder, tuple(self.notices))

    def _check(self) -> None:
        for name in NEEDED:
            if not (self.folder / name).is_file():
                raise TransferError(f"{name} is missing: a model needs {' and '.join(NEEDED)}.")
        with self._said():
            checkpoint = load_checkpoint(self.folder)
        config = checkpoint.config
        self._check_gallery(config)
        dataset = config.training.dataset
        if dataset not in (*names(), *own_names()) and not (self.folder / SHEET_FILE).exists():
            self.notices.append(
                f"It brings no gallery, and its data set {dataset!r:.60} is not here: there are no images to show."
            )
        self._drop_unless(EVALUATION_FILE, _is_object, "does not hold a model's numbers")
        self._drop_unless(METRICS_FILE, _is_record, "is not the record of a run")
        gaps = self.folder / GAPS_FILE
        if gaps.exists() and load_gaps(self.folder, checkpoint.model) is None:
            gaps.unlink()
            self.notices.append(f"{GAPS_FILE} was left out: it does not belong to these weights.")

    def _check_gallery(self, config: Config) -> None:
        sheet, index = self.folder / SHEET_FILE, self.folder / INDEX_FILE
        try:
            if sheet.exists() and _pixels(sheet) > MAX_GALLERY_PIXELS:
                raise CheckpointError(f"{SHEET_FILE} has too many pixels.")
            load_gallery(self.folder, config.model.image_shape)
        except CheckpointError as error:
            self.notices.append(f"The gallery was left out: {self._local(error)}")
            sheet.unlink(missing_ok=True)
            index.unlink(missing_ok=True)

    def _drop_unless(self, name: str, sound: Callable[[str], bool], fault: str) -> None:
        path = self.folder / name
        if not path.exists():
            return
        try:
            if sound(path.read_text("utf-8-sig")):
                return
        except (ValueError, RecursionError):
            pass
        path.unlink()
        self.notices.append(f"{name} was left out: it {fault}.")

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except CheckpointError as error:
            raise TransferError(self._local(error)) from None

    def _local(self, error: Exception) -> str:
        """A sentence without the temporary folder's name in it."""
        return str(error).replace(f"{self.folder}{os.sep}", "")


@contextlib.contextmanager
def arriving() -> Iterator[Arrival]:
    """A new arrival, whose folder is gone at the end unless it was kept.

    Raises:
        TransferError: the data folder cannot be written to.
    """
    place = incoming_folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        sweep(place.parent)
        folder = Path(tempfile.mkdtemp(dir=place, prefix="model-"))
    except OSError as error:
        raise TransferError(f"The data folder cannot be written to: {error.strerror}.") from None
    try:
        yield Arrival(folder)
    except OSError as error:
        raise TransferError(f"The model could not be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_object(text: str) -> bool:
    return isinstance(_json(text), dict)


def _is_record(text: str) -> bool:
    return all(_is_object(line) for line in text.splitlines())


def _json(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def _pixels(path: Path) -> int:
    """Width times height, as a PNG's first chunk says; 0 where it is none."""
    with path.open("rb") as file:
        start = file.read(24)
    if len(start) < 24 or start[:8] != b"\x89PNG\r\n\x1a\n":
        return 0
    return int.from_bytes(start[16:20], "big") * int.from_bytes(start[20:24], "big")
