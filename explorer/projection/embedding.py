"""A fitted map, kept in one file: places, how far each can be believed, and what it was made of."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .plane import ProjectionError
from .settings import DECODED, UmapSettings

VERSION = "2"
MAX_BYTES = 1 << 26
COLUMNS = ("places", "trustworthiness", "continuity")
# Places wider than this hold no map: umap-learn's lie within some tens.
FARTHEST = 1e4
LONGEST = 1e9  # entry of a ruler


@dataclass(frozen=True)
class Embedding:
    """A map of codes.

    Attributes:
        places: (n, 2), float32.
        trustworthiness, continuity: of each point (n,), 0 to 1, float32.
        settings: it was fitted with; made: by what, in words.
        rows: a number for each image and its label (n,), int64, by which it is known again; None of a map that is
            not kept yet.
        ruler: (d, d), float32, of a map by decoded images: codes times it are as far apart as their images, nearly,
            see `geometry.ruler`; None of other maps, and of one that is not kept yet.
    """

    places: Tensor
    trustworthiness: Tensor
    continuity: Tensor
    settings: UmapSettings
    made: str
    rows: Tensor | None = None
    ruler: Tensor | None = None

    def __len__(self) -> int:
        return len(self.places)


def save_embedding(path: Path, embedding: Embedding, key: str) -> None:
    """Writes the file, whole or not at all. It must say of which rows it is.

    Raises:
        OSError: it cannot be written.
    """
    assert embedding.rows is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"version": VERSION, "key": key, "settings": embedding.settings.to_json(), "made": embedding.made}
    parts = {name: getattr(embedding, name).float().contiguous() for name in COLUMNS}
    parts["rows"] = embedding.rows.contiguous()
    if embedding.ruler is not None:
        parts["ruler"] = embedding.ruler.float().contiguous()
    beside = path.with_name(f"{path.stem}-{secrets.token_hex(4)}.part")  # two may write the same map
    try:
        save_file(parts, beside, metadata)
        beside.replace(path)
    except SafetensorError as error:  # what it says of a full disk
        raise OSError(str(error)) from None
    finally:
        beside.unlink(missing_ok=True)


def load_embedding(path: Path, key: str | None = None) -> Embedding:
    """Reads it again.

    Args:
        key: that it must have been fitted under; None asks nothing.

    Raises:
        ProjectionError: the file is none of ours, spoilt, or of other codes.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProjectionError(f"{path.name} is too large for a map.")
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("version") != VERSION or {*file.keys()} - {"ruler"} != {*COLUMNS, "rows"}:
                raise ProjectionError(f"{path.name} is not a map of this version.")
            parts = {name: file.get_tensor(name) for name in COLUMNS}
            rows = file.get_tensor("rows")
            ruler = file.get_tensor("ruler") if "ruler" in file.keys() else None  # noqa: SIM118 - it is no dict
    except ProjectionError:
        raise
    except (OSError, SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise ProjectionError(f"{path.name} cannot be read: {error}") from None
    places = parts["places"]
    n = len(places) if places.dim() else 0
    if places.shape != (n, 2) or not n or any(parts[name].shape != (n,) for name in COLUMNS[1:]):
        raise ProjectionError(f"{path.name} does not hold two coordinates and two columns for every point.")
    if rows.shape != (n,) or rows.dtype != torch.int64:
        raise ProjectionError(f"{path.name} does not say of which images it is.")
    if any(part.dtype != torch.float32 for part in parts.values()):
        raise ProjectionError(f"{path.name} does not hold numbers in float32.")
    if not (places.abs() <= FARTHEST).all() or not all(
        ((parts[name] >= 0) & (parts[name] <= 1)).all() for name in COLUMNS[1:]
    ):
        raise ProjectionError(f"{path.name} holds numbers that no map has.")
    if key is not None and metadata.get("key") != key:
        raise ProjectionError(f"{path.name} is the map of other codes.")
    settings = UmapSettings.from_json(metadata.get("settings", ""))
    if (ruler is not None) != (settings.metric == DECODED) or (ruler is not None and not _measures(ruler)):
        raise ProjectionError(f"{path.name} does not say how far its codes are apart.")
    return Embedding(**parts, settings=settings, made=metadata.get("made", "")[:300], rows=rows, ruler=ruler)


def _measures(ruler: Tensor) -> bool:
    """Whether it is a square of numbers that a ruler has."""
    square = ruler.dim() == 2 and ruler.shape[0] == ruler.shape[1]
    return square and ruler.dtype == torch.float32 and bool((ruler.abs() <= LONGEST).all())


def read_settings(path: Path) -> UmapSettings:
    """What a kept map was fitted with, from its header alone.

    Raises:
        ProjectionError: it is no map of this version.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise ProjectionError(f"{path.name} cannot be read: {error}") from None
    if metadata.get("version") != VERSION:
        raise ProjectionError(f"{path.name} is not a map of this version.")
    return UmapSettings.from_json(metadata.get("settings", ""))
