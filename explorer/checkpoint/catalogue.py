"""The models there are: the pretrained ones, the app's own, and those in a folder of one's own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..datasets import default_data_dir
from .card import EVALUATION_FILE
from .weights import CONFIG_FILE, MAX_CONFIG_BYTES, Checkpoint, CheckpointError, load_checkpoint

PRETRAINED = Path(__file__).resolve().parents[2] / "pretrained"
DEFAULT = "mnist-2d"


def pretrained() -> tuple[str, ...]:
    """Names of the models that come with the project, the one to open with first."""
    names = sorted(path.parent.name for path in PRETRAINED.glob(f"*/{CONFIG_FILE}"))
    return tuple(sorted(names, key=lambda name: name != DEFAULT))


def own_folder() -> Path:
    """Where one's own checkpoints are looked for: EXPLORER_MODELS, else ./runs."""
    return Path(os.environ.get("EXPLORER_MODELS") or "runs")


def kept_folder() -> Path:
    """Where the app keeps the models that are trained or brought in it: models/ in the data folder."""
    return default_data_dir() / "models"


def models() -> dict[str, Path]:
    """Every model that can be opened by name, with its folder.

    Of two with one name a pretrained one wins, then one of the app's own.
    """
    found = {name: PRETRAINED / name for name in pretrained()}
    for folder in (kept_folder(), own_folder()):
        for path in sorted(folder.glob(f"*/{CONFIG_FILE}")):
            found.setdefault(path.parent.name, path.parent)
    return found


@dataclass(frozen=True)
class Summary:
    """What a chooser says of a model, read without opening it; unknown facts are None."""

    name: str
    dataset: str | None = None
    latent: int | None = None
    elbo: float | None = None


def summarise(name: str, folder: Path) -> Summary:
    """A model's data set, latent size and test ELBO, as its files say."""
    config, numbers = read_facts(folder / CONFIG_FILE), read_facts(folder / EVALUATION_FILE)
    model, training = config.get("model", {}), config.get("training", {})
    try:
        dataset = str(training["dataset"])[:60].encode("utf-8", "replace").decode()
        return Summary(name, dataset, int(model["latent"]), _finite(numbers.get("elbo")))
    except (KeyError, TypeError, ValueError, OverflowError):
        return Summary(name)


def _finite(value: Any) -> float | None:
    """A number of JSON that can be shown, else None."""
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if known else None


def read_facts(path: Path) -> dict[str, Any]:
    """A small JSON object as its file has it; {} where there is none, or something else."""
    try:
        facts = json.loads(path.read_text("utf-8-sig")) if path.stat().st_size <= MAX_CONFIG_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def model_folder(name_or_path: str | Path) -> Path:
    """Where a model lies, by its name or its folder.

    Raises:
        CheckpointError: neither a known name nor a folder.
    """
    known = models()
    folder = known.get(str(name_or_path), Path(name_or_path))
    try:
        there = folder.is_dir()
    except OSError:  # a name longer than any file's
        there = False
    if not there:
        names = ", ".join(known) or "none"
        raise CheckpointError(
            f"There is no model {str(name_or_path)!r:.80}. There are: {names}; or give a checkpoint's folder."
        )
    return folder


def open_model(name_or_path: str | Path, *, device: torch.device | str = "cpu") -> Checkpoint:
    """A model by its name, or a checkpoint by its folder.

    Raises:
        CheckpointError: neither a known name nor a folder that holds a sound checkpoint.
    """
    return load_checkpoint(model_folder(name_or_path), device=device)
