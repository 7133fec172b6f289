"""gaps.safetensors beside a checkpoint: the gaps of its first test images, to be looked at as a whole.

Row i is image i of the test split, and so of the gallery. The file says of which weights and of which images
it is; one that does not belong to what lies beside it is passed over, whoever wrote it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..inference.gaps.survey import Survey
from ..models import VAE
from .signature import fingerprint
from .weights import write_file

GAPS_FILE = "gaps.safetensors"
MOST_IMAGES = 100_000
MOST_NATS = 1e9  # of an image; a file that says more was not made by a survey
MAX_BYTES = 64 * MOST_IMAGES
COLUMNS = tuple(field.name for field in fields(Survey))
# Images that are compared with those on screen: an index must mean the same in both.
PROBE = 64
_VERSION = "1"

Observed = Callable[[slice], Tensor]


@dataclass(frozen=True)
class GapTable:
    """A survey and what it is of.

    Attributes:
        binarisation: of the images, see `datasets.binarise.repeatable`; made: by what, in words.
    """

    survey: Survey
    binarisation: str
    made: str


def save_gaps(folder: Path, model: VAE, x: Tensor, survey: Survey, *, binarisation: str, made: str) -> Path:
    """Writes the table and gives its path.

    Args:
        model: with the weights as they are stored; x: the images (n, c, h, w), as the likelihood sees them.

    Raises:
        ValueError: a number of the survey is not finite, or there are too many images.
    """
    columns = {name: getattr(survey, name) for name in COLUMNS}
    for name, values in columns.items():
        # An error that is not known is NaN, see `inference.estimate`.
        if not (values.isfinite() | (values.isnan() & (name == "error"))).all():
            lost = len(values) - int(values.isfinite().sum())
            raise ValueError(f"{GAPS_FILE} was not written: {name} is not finite for {lost:,} of the images.")
    if not 0 < len(survey) <= MOST_IMAGES:
        raise ValueError(f"{GAPS_FILE} was not written: a table has 1 to {MOST_IMAGES:,} images, not {len(survey):,}.")
    metadata = {
        "version": _VERSION,
        "model": fingerprint(model),
        "images": _digest(x[:PROBE]),
        "count": str(len(survey)),
        "binarisation": binarisation,
        "made": made,
    }
    path = folder / GAPS_FILE
    write_file(path, save({name: values.float().contiguous() for name, values in columns.items()}, metadata))
    return path


def load_gaps(folder: Path, model: VAE, observed: Observed | None = None, count: int = MOST_IMAGES) -> GapTable | None:
    """The table beside a checkpoint; None where there is none, or one that does not belong, which is logged.

    Args:
        model: of this folder; observed: gives rows of the images that an index stands for, as the likelihood
            sees them, of which there are `count`; None asks nothing of the images.
    """
    path = folder / GAPS_FILE
    if not path.is_file():
        return None
    try:
        return _read(path, model, observed, count)
    except (ValueError, KeyError, OSError, SafetensorError, RecursionError) as error:  # KeyError: a dtype not known
        logging.getLogger("explorer").warning("%s was passed over: %s", path, error)
        return None


def _read(path: Path, model: VAE, observed: Observed | None, count: int) -> GapTable:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"it is too large ({size:,} bytes).")
    content = path.read_bytes()
    metadata, columns = _metadata(content), load(content)
    if set(columns) != set(COLUMNS):
        raise ValueError(f"its columns are not {', '.join(COLUMNS)}.")
    n = len(columns["elbo"].reshape(-1))
    for name, values in columns.items():
        if values.shape != (n,) or values.dtype != torch.float32 or not 0 < n <= MOST_IMAGES:
            raise ValueError(f"{name} is not a column of {n:,} numbers in float32.")
        unknown = values.isnan() & (name == "error")
        if not ((values.abs() <= MOST_NATS) | unknown).all():  # false for any other NaN
            raise ValueError(f"{name} holds values that no image has.")
    if metadata["version"] != _VERSION or metadata["count"] != str(n):
        raise ValueError("what it says of itself does not fit what it holds.")
    if not (not (columns["error"] < 0).any() and ((columns["exact"] == 0) | (columns["exact"] == 1)).all()):
        raise ValueError("an error is below zero, or a method is none.")
    if metadata["model"] != fingerprint(model):
        raise ValueError("it was made for other weights.")
    if observed is not None and metadata["images"] != _digest(observed(slice(0, min(PROBE, n)))):
        raise ValueError("it was made of other images.")
    kept = {name: values[:count].double() for name, values in columns.items()}
    kept["exact"] = kept["exact"].bool()
    return GapTable(Survey(**kept), metadata["binarisation"], metadata["made"])


def _metadata(content: bytes) -> dict[str, str]:
    """What the header says beside the tensors; the library gives it for a file alone."""
    length = int.from_bytes(content[:8], "little")
    header: Any = json.loads(content[8 : 8 + length]) if length <= len(content) else None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    known = ("version", "model", "images", "count", "binarisation", "made")
    if not isinstance(metadata, dict) or not all(isinstance(metadata.get(name), str) for name in known):
        raise ValueError("it does not say what it is of.")
    return {name: metadata[name][:200] for name in known}


def _digest(x: Tensor) -> str:
    """SHA-256 of images whose values lie between 0 and 1, to 8 bits."""
    values = (x.cpu() * 255).round().to(torch.uint8).contiguous()
    return hashlib.sha256(repr(tuple(x.shape)).encode() + values.numpy().tobytes()).hexdigest()
