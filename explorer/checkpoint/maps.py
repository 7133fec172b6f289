"""Fitted maps of a model's codes, kept beside its checkpoint or in the data folder, and found again by content.

A map's name is made of the weights, of the first images and labels, and of its settings: what has this name need
not be fitted again. Not of the codes themselves, whose last digits differ from machine to machine. Row i is image i
of the test set, and then of a training set where that is fitted to as well; a gallery, which holds the first of
them, takes the first rows. A map of other images behind the same
first ones is known by a checksum that is kept of every row.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..geometry import looks, mean_decoder, ruler
from ..latents import Latents
from ..models import VAE
from ..projection import DECODED, Embedding, ProjectionError, UmapSettings, load_embedding, read_settings
from ..projection.umap_fit import fit_umap
from .signature import fingerprint

FOLDER = "projections"
PROBE = 64  # images and labels that are compared
FEW_TEST = 500  # images of a test set: fewer make no map
# Points a map is fitted to, the first of the test set; the quality of each takes all distances. Others are placed.
MOST_FITTED = 20_000
MOST_FILES = 500  # of a folder: the newest are looked through, and the worker keeps no more
_VERSION = b"1"


def fit_count(test: int, shown: int) -> int:
    """Number of images, the first of those that are shown, that stand for all: the test set's, or where these are
    fewer than `FEW_TEST` all that are shown.

    Args:
        test: images of the test set, the first; shown: with those of the training set that are shown beside them.
    """
    return test if test >= FEW_TEST else shown


def fitted_count(count: int) -> int:
    """Number of the first `count` images that a map is fitted to."""
    return min(count, MOST_FITTED)


def fit_map(
    model: VAE | None,
    codes: Tensor,
    labels: Tensor,
    settings: UmapSettings,
    progress: Callable[[float], None] = lambda fraction: None,
) -> tuple[Embedding, tuple[str, ...]]:
    """`fit_umap` of a model's codes, by what they decode to where the settings say so.

    Args:
        model: None will do for distances in latent space.

    Raises:
        ProjectionError: these codes have no map; the message says why.
    """
    if settings.metric != DECODED:
        return fit_umap(codes, labels, settings, progress)
    assert model is not None
    decode = mean_decoder(model)
    embedding, notices = fit_umap(codes, labels, settings, progress, looks(decode, codes))
    return replace(embedding, ruler=ruler(decode, codes)), notices


def map_key(model: VAE, latents: Latents, settings: UmapSettings, test: int = PROBE) -> str:
    """Names a fit by what it depends on, see `map_subject`: 16 hexadecimal digits."""
    return key_of(map_subject(model, latents, test), settings)


def map_subject(model: VAE, latents: Latents, test: int = PROBE) -> bytes:
    """Hash of all that maps of these codes have in common, see `key_of`: for comparing many.

    Args:
        test: images of the test set, the first: those alone tell, so that a map has one name whether or not others
            are shown beside them.
    """
    probe = min(PROBE, test)
    x, labels = latents.x[:probe].contiguous(), latents.labels[:probe].contiguous()
    parts = _VERSION, fingerprint(model).encode(), repr(tuple(x.shape)).encode(), x.numpy().tobytes()
    return b"\0".join((*parts, labels.long().numpy().tobytes()))


def key_of(subject: bytes, settings: UmapSettings) -> str:
    """The name of a fit of this subject."""
    return hashlib.sha256(subject + settings.to_json().encode()).hexdigest()[:16]


def map_file(folder: Path, key: str) -> Path:
    """Where a map of this name lies below a checkpoint's folder or the data folder."""
    return folder / FOLDER / f"{key}.safetensors"


def row_sums(latents: Latents, count: int) -> Tensor:
    """A checksum of each of the first `count` images and its label, int64 (count,)."""
    images, labels = latents.images[:count].contiguous().numpy(), latents.labels[:count].tolist()
    sums = [zlib.crc32(image.tobytes(), label & 0xFFFFFFFF) for image, label in zip(images, labels, strict=True)]
    return torch.tensor(sums, dtype=torch.int64)


def find_map(folders: tuple[Path, ...], key: str, latents: Latents, count: int) -> Embedding | None:
    """A map by its name, from the first folder that has it; None where none has one of these images.

    Args:
        count: images a map of all would be fitted to, so that one of a gallery does not stand for it; a map of more
            is used as far as there are images.
    """
    for folder in folders:
        path = map_file(folder, key)
        if not path.is_file():
            continue
        try:
            found = load_embedding(path, key)
        except ProjectionError as error:
            logging.getLogger("explorer").warning("%s was passed over: %s", path, error)
            continue
        rows = row_sums(latents, min(len(found), count))
        fits = found.ruler is None or len(found.ruler) == latents.loc.shape[1]
        if fits and len(found) >= fitted_count(count) and torch.equal(found.rows[: len(rows)], rows):
            return found
    return None


def map_stamps(folders: tuple[Path, ...]) -> Iterator[tuple[str, int, int]]:
    """Name, time of change and size of every file that may be a map: while they stay, `list_maps` finds the same."""
    for folder in folders:
        yield from sorted((str(path), time, size) for time, path, size in _newest(folder)[:MOST_FILES])


def trim_maps(folder: Path) -> None:
    """Takes away the oldest maps of a folder that holds too many."""
    for _, path, _ in _newest(folder)[MOST_FILES:]:
        path.unlink(missing_ok=True)


def _newest(folder: Path) -> list[tuple[int, Path, int]]:
    """Time of change, path and size of a folder's maps, the newest first."""
    found = []
    for path in (folder / FOLDER).glob("*.safetensors"):
        with contextlib.suppress(OSError):  # gone since it was listed
            stat = path.stat()
            found.append((stat.st_mtime_ns, path, stat.st_size))
    return sorted(found, reverse=True)


def list_maps(
    folders: tuple[Path, ...], model: VAE, latents: Latents, count: int, test: int = PROBE
) -> Iterator[tuple[str, Embedding]]:
    """Every map that is kept of a model and these images, by name, each once; `test` as in `map_subject`."""
    subject, seen = map_subject(model, latents, test), set()
    for name, _, _ in map_stamps(folders):
        path = Path(name)
        try:
            settings = read_settings(path)
        except ProjectionError:
            continue  # find_map says why, if it is one of this model's
        key = key_of(subject, settings)
        if key != path.stem or key in seen:
            continue
        found = find_map((path.parent.parent,), key, latents, count)
        if found is not None:
            seen.add(key)
            yield key, found
