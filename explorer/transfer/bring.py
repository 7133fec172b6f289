"""Bringing a model from a zip archive or from a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..checkpoint.weights import CONFIG_FILE, WEIGHTS_FILE
from ..files.archives import ArchiveError, Entry, Limits, read_archive
from .arrival import Arrival, Brought, arriving
from .files import MAX_BYTES, NEEDED, TAKEN, TransferError, is_regular, open_regular, passed_over, refuse_pickles, shown
from .own_models import check_name, suggest_name

ENTRIES = 2_000
# What a visitor's upload may unpack to; the person at the machine may bring any model there can be.
UPLOAD_BYTES = 256 << 20
OWN_BYTES = 1 << 30
# Weights pack by a few per cent; what packs fifty times is no model anybody trained.
RATIO = 50.0
_PIECE = 1 << 20


def from_zip(
    source: Path | BinaryIO | bytes, name: str = "", *, file_name: str = "", most: int = UPLOAD_BYTES, by: str = ""
) -> Brought:
    """Takes a model from a zip: files at its top or inside one folder.

    Args:
        name: what to call it; "" for a free name near to the file's.
        file_name: as the person knows it, where `source` is not a path.
        most: bytes it may unpack to.
        by: the mark of who brought it, see `explorer.files.owners`.

    Raises:
        TransferError: it is not a sound model or not a zip; nothing was kept.
    """
    file_name = file_name or (source.name if isinstance(source, Path) else "model.zip")
    name = name or suggest_name(file_name)
    check_name(name)
    with arriving() as arrival:
        try:
            _unpack(source, arrival, most)
        except ArchiveError as error:
            raise TransferError(str(error)) from None
        return arrival.keep(name, {"kind": "zip", "file": shown(file_name), "by": by})


def from_folder(folder: Path | str, name: str = "", *, by: str = "") -> Brought:
    """Takes a copy of a checkpoint's folder.

    Raises:
        TransferError: it is not a sound model; nothing was kept.
    """
    folder = Path(os.path.expanduser(folder))
    try:
        entries = list(folder.iterdir())
    except (OSError, ValueError):
        raise TransferError(f"{shown(str(folder))} is not a folder that can be read here.") from None
    there = [path.name for path in entries if is_regular(path)]
    links = [path.name for path in entries if path.is_symlink() and path.name in TAKEN]
    if needed := [name for name in links if name in NEEDED]:
        raise TransferError(f"{needed[0]} is a link to another file, which is not followed: put the file itself there.")
    name = name or suggest_name(folder.resolve().name)
    check_name(name)
    _needed(there)
    refuse_pickles(there)
    with arriving() as arrival:
        _copy(folder, CONFIG_FILE, arrival, MAX_BYTES[CONFIG_FILE])
        most = arrival.most_weights()
        for file in TAKEN[1:]:
            if file in there:
                _copy(folder, file, arrival, most if file == WEIGHTS_FILE else MAX_BYTES[file])
        arrival.notices += [f"{file} was left out: it is a link, which is not followed." for file in sorted(links)]
        arrival.notices += passed_over(file for file in there if file not in TAKEN and not file.startswith("."))
        return arrival.keep(name, {"kind": "folder", "file": shown(folder.resolve().name), "by": by})


def _copy(folder: Path, file: str, arrival: Arrival, most: int) -> None:
    """Copies one file; what is too large is refused, or left out where it can be done without."""
    size = (folder / file).lstat().st_size
    if size <= most:
        with open_regular(folder / file) as source, arrival.path(file, size).open("wb") as target:
            left = size  # and no more, should it grow meanwhile
            while piece := source.read(min(_PIECE, left)):
                target.write(piece)
                left -= len(piece)
    elif file in NEEDED:
        raise TransferError(too_large(file, most))
    else:
        arrival.notices.append(f"{file} was left out: it is larger than {most:,} bytes.")


def _unpack(source: Path | BinaryIO | bytes, arrival: Arrival, most: int) -> None:
    """In two passes: what the weights may weigh stands in config.json."""
    names: list[str] = []
    configs: dict[str, Entry] = {}

    def is_config(entry: str) -> bool:
        names.append(entry)
        return entry.rpartition("/")[2] == CONFIG_FILE and entry.count("/") <= 1

    limits = Limits(ENTRIES, most, MAX_BYTES[CONFIG_FILE], RATIO)
    for entry in _entries(source, limits, is_config):
        if entry.name.rpartition("/")[2] == CONFIG_FILE:
            configs.setdefault(entry.name.removesuffix(CONFIG_FILE), entry)
    refuse_pickles(names)
    root = _root(configs, names)
    _take(configs[root], CONFIG_FILE, arrival)
    weights = arrival.most_weights()
    limits = Limits(ENTRIES, most, max(weights, *MAX_BYTES.values()), RATIO)
    wanted = {f"{root}{file}" for file in TAKEN[1:]}
    seen = {f"{root}{CONFIG_FILE}"}
    for entry in _entries(source, limits, wanted.__contains__):
        file = entry.name.removeprefix(root)
        if entry.name not in wanted:
            arrival.notices.append(f"{shown(entry.name)} was passed over. {entry.fault}")
        elif entry.name not in seen:
            seen.add(entry.name)
            _take(entry, file, arrival, weights if file == WEIGHTS_FILE else MAX_BYTES[file])
    _needed([entry.removeprefix(root) for entry in seen])
    arrival.notices += passed_over(entry for entry in names if entry not in seen)


def _entries(source: Path | BinaryIO | bytes, limits: Limits, wanted: Callable[[str], bool]) -> Iterator[Entry]:
    if not isinstance(source, (Path, bytes)):
        source.seek(0)
    return read_archive(source, limits, wanted)


def _take(entry: Entry, file: str, arrival: Arrival, most: int | None = None) -> None:
    fault = entry.fault
    if entry.content is not None and most is not None and len(entry.content) > most:
        fault = too_large(file, most)
    if entry.content is not None and not fault:
        arrival.write(file, entry.content)
    elif file in NEEDED:
        raise TransferError(fault if fault.startswith(file) else f"{file} cannot be taken. {fault}")
    else:
        arrival.notices.append(f"{file} was left out. {fault}")


def too_large(file: str, most: int) -> str:
    """Why a file was not taken, where its size is bound."""
    bound = f"{CONFIG_FILE} has room for" if file == WEIGHTS_FILE else "such a file may have"
    return f"{file} is too large: {bound} {most:,} bytes at most."


def _root(configs: dict[str, Entry], names: list[str]) -> str:
    """The folder within the zip that holds the model: "" or "name/"."""
    if "" in configs:
        return ""
    if len(configs) > 1:
        several = ", ".join(shown(root.rstrip("/")) for root in sorted(configs)[:3])
        raise TransferError(f"The zip holds {len(configs)} models ({several}, …): pack one of them alone.")
    if not configs:
        _needed(names)
        raise TransferError(f"{CONFIG_FILE} lies too deep in the zip: it must be at its top or inside one folder.")
    return next(iter(configs))


def _needed(names: list[str]) -> None:
    missing = [file for file in NEEDED if file not in {name.rpartition("/")[2] for name in names}]
    if not missing:
        return
    refuse_pickles(names)
    raise TransferError(f"{' and '.join(missing)} is missing: a model needs {' and '.join(NEEDED)}.")
