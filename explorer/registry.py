"""The models there are: the pretrained ones, and those in the folder of one's own."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from .checkpoint import CONFIG_FILE, Checkpoint, CheckpointError, load_checkpoint

PRETRAINED = Path(__file__).resolve().parent.parent / "pretrained"
DEFAULT = "mnist-2d"


def pretrained() -> tuple[str, ...]:
    """Names of the models that come with the project, the one to open with first."""
    names = sorted(path.parent.name for path in PRETRAINED.glob(f"*/{CONFIG_FILE}"))
    return tuple(sorted(names, key=lambda name: name != DEFAULT))


def own_folder() -> Path:
    """Where one's own checkpoints are looked for: EXPLORER_MODELS, else ./runs."""
    return Path(os.environ.get("EXPLORER_MODELS") or "runs")


def models() -> dict[str, Path]:
    """Every model that can be opened by name, with its folder; a pretrained name wins."""
    found = {name: PRETRAINED / name for name in pretrained()}
    for path in sorted(own_folder().glob(f"*/{CONFIG_FILE}")):
        found.setdefault(path.parent.name, path.parent)
    return found


def open_model(name_or_path: str | Path, *, device: torch.device | str = "cpu") -> Checkpoint:
    """A model by its name, or a checkpoint by its folder.

    Raises:
        CheckpointError: neither a known name nor a folder that holds a sound checkpoint.
    """
    known = models()
    folder = known.get(str(name_or_path), Path(name_or_path))
    if not folder.is_dir():
        names = ", ".join(known) or "none"
        raise CheckpointError(f"There is no model {str(name_or_path)!r}. There are: {names}; or give a checkpoint's folder.")
    return load_checkpoint(folder, device=device)
