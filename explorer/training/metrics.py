"""A run's curve on disk: metrics.jsonl, a line a report, and TensorBoard's event files for who wants them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ..checkpoint.weights import write_file
from .loop import Progress

METRICS_FILE = "metrics.jsonl"
TENSORBOARD_FOLDER = "tensorboard"


class MetricsError(ValueError):
    """Reports cannot be written as they were asked for."""


class Writer(Protocol):
    """Where reports go."""

    def write(self, progress: Progress) -> None: ...


class Lines:
    """Reports as lines of JSON, each on disk as soon as it is written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def write(self, progress: Progress) -> None:
        self._file.write(json.dumps(dataclasses.asdict(progress)) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class TensorBoard:
    """The same reports as TensorBoard reads them, by the package tensorboard.

    Raises:
        MetricsError: the package is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MetricsError(
                "TensorBoard's event files need the package tensorboard: pip install tensorboard, or leave them out."
            ) from None
        self._writer = SummaryWriter(log_dir=str(folder), flush_secs=5)

    def write(self, progress: Progress) -> None:
        step, add = progress.step, self._writer.add_scalar
        for name in ("log_likelihood", "kl", "elbo"):
            add(f"train/{name}", getattr(progress, name), step)
            if (held_out := getattr(progress, f"heldout_{name}")) is not None:
                add(f"held-out/{name}", held_out, step)
        for index, value in enumerate(progress.kl_per_dimension):
            add(f"kl per dimension/{index}", value, step)
        for name in ("learning_rate", "beta", "images_per_second"):
            add(f"run/{name}", getattr(progress, name), step)

    def close(self) -> None:
        self._writer.close()


@contextlib.contextmanager
def open_writers(folder: Path, *, tensorboard: bool) -> Iterator[list[Writer]]:
    """JSON lines always, event files where they are asked for."""
    with contextlib.ExitStack() as stack:
        writers: list[Writer] = [stack.enter_context(contextlib.closing(Lines(folder / METRICS_FILE)))]
        if tensorboard:
            writers.append(stack.enter_context(contextlib.closing(TensorBoard(folder / TENSORBOARD_FOLDER))))
        yield writers


def keep_reports(path: Path, step: int) -> None:
    """Drops the reports after `step`: a run that was killed had gone on beyond its saved state."""
    kept = []
    for line in path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []:
        try:
            if json.loads(line)["step"] > step:
                break
        except (ValueError, KeyError, TypeError, RecursionError):
            break  # half a line
        kept.append(line + "\n")
    write_file(path, "".join(kept).encode())
