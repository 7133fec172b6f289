"""Fitted maps of a space: which there are, fits that are under way, and their points."""

from __future__ import annotations

import re
from typing import Any

import torch

from ...checkpoint.maps import find_map, fitted_count, key_of, list_maps, map_file, map_stamps, map_subject, row_sums
from ...checkpoint.signature import fingerprint
from ...datasets import default_data_dir
from ...jobs import JobError
from ...jobs.maps.fit import Fit
from ...jobs.maps.table import Fits
from ...projection import Embedding, Local, ProjectionError, UmapSettings, check_codes
from ...projection.quality import quality_neighbours
from ..elbo_page.answers import packed
from ..http.kept import MB, Kept
from ..space.space import Space
from ..space.state import BadState
from ..train_page.routes import open_database
from ..visitors.person import Visitor

_SUBJECTS: Kept[bytes] = Kept(64, MB)
_READY: Kept[list[dict[str, Any]]] = Kept(64, 4 * MB)  # facts of a space's maps, as long as no file is new or changed


def open_fits() -> Fits:
    """The fits in this server's data folder.

    Raises:
        JobError: the folder cannot be written.
    """
    return Fits(open_database(default_data_dir()))


def describe_maps(space: Space, visitor: Visitor) -> dict[str, Any]:
    """The maps that are there, and the fits that are under way or went wrong; whether these are known at the moment."""
    ready = _ready(space)
    there = {entry["id"] for entry in ready}
    known = True
    try:
        fits = [fit for fit in open_fits().all() if fit.id == _key(space, fit.settings)]
    except JobError:  # what is kept can be looked at all the same
        fits, known = [], False
    # What was done about codes that are not as they should be is said where the map is shown.
    said = {fit.id: fit.message for fit in fits if fit.state == "done"}
    maps = [{**entry, "message": said.get(entry["id"])} for entry in ready]
    return {"maps": maps, "fits": [_fit(fit, visitor) for fit in fits if fit.id not in there], "known": known}


def _ready(space: Space) -> list[dict[str, Any]]:
    """Facts of the maps that are there. A page asks every second while one is fitted: only what changed is read."""
    folders = _folders(space)
    stamps = tuple(map_stamps(folders))

    def read() -> list[dict[str, Any]]:
        found = list_maps(folders, space.checkpoint.model, space.latents, space.fit_count, space.test_count)
        return [_facts(key, embedding) for key, embedding in found]

    return _READY.get((space.key, space.name, stamps), read) or []


def _facts(key: str, found: Embedding) -> dict[str, Any]:
    return {
        "id": key,
        **_settings(found.settings),
        "made": found.made,
        "judged_by": quality_neighbours(len(found)),
        "trustworthiness": round(found.trustworthiness.mean().item(), 6),
        "continuity": round(found.continuity.mean().item(), 6),
    }


def _settings(settings: UmapSettings) -> dict[str, Any]:
    names = ("neighbours", "min_distance", "metric", "seed", "supervised")
    return {"settings": {name: getattr(settings, name) for name in names}}


def _key(space: Space, settings: UmapSettings) -> str:
    """`map_key`, with the weights read once and not at each of many questions."""
    subject = _SUBJECTS.get(space.key, lambda: map_subject(space.checkpoint.model, space.latents, space.test_count))
    assert subject is not None
    return key_of(subject, settings)


def _fit(fit: Fit, visitor: Visitor) -> dict[str, Any]:
    facts = {"id": fit.id, **_settings(fit.settings), "state": fit.state, "progress": fit.progress}
    own = visitor.may_change(fit.person)
    return {**facts, "message": fit.message, "stopping": fit.stopping, "own": own}


def order_map(space: Space, state: Any, visitor: Visitor) -> dict[str, Any]:
    """A fit that is asked for, {"action": "fit", "settings": {...}}, or stopped, {"action": "stop", "id": ...}.

    Raises:
        BadState: the order is not usable, or cannot be carried out; the message says why.
    """
    if not isinstance(state, dict) or state.get("action") not in ("fit", "stop"):
        raise BadState("An order is to fit a map or to stop it.")
    try:
        if state["action"] == "stop":
            stopped = open_fits().stop(str(state.get("id"))[:40], person=visitor.person, local=visitor.local)
            return _fit(stopped, visitor)
        values = state.get("settings")
        if not isinstance(values, dict) or not set(values) <= set(_settings(UmapSettings())["settings"]):
            raise BadState("The settings of a map are its neighbours, min_distance, metric, seed and supervised.")
        settings = UmapSettings(**values)
        key, n = _key(space, settings), fitted_count(space.fit_count)
        there = find_map(_folders(space), key, space.latents, space.fit_count)
        if there is not None:
            return {**_facts(key, there), "state": "done", "progress": 1.0}
        codes, labels = space.latents.loc[:n], space.latents.labels[:n]
        check_codes(codes, settings)
        fit = open_fits().submit(
            *(key, codes, labels, row_sums(space.latents, n), settings),
            person=visitor.person,
            network=visitor.network,
            model=space.name,
            checkpoint=space.checkpoint.folder,
            weights=fingerprint(space.checkpoint.model),
        )
        return _fit(fit, visitor)
    except (ProjectionError, JobError) as error:
        raise BadState(str(error)) from None


def pack_map(space: Space, key: str) -> bytes | None:
    """A map's points: facts; u float32 (n, 2) of all of a space's images; trustworthiness and continuity float32 of
    those it was fitted to, the first; of a map by decoded images its ruler (d, d). None where there is no map of this
    name.

    Images beyond those are placed among them, and move none.
    """
    found = _found(space, key)
    if found is None:
        return None
    fitted = min(len(found), space.fit_count)
    facts = {**_facts(key, found), "count": len(space.latents), "fitted": fitted}
    parts = [_places(space, found), found.trustworthiness[:fitted], found.continuity[:fitted]]
    if found.ruler is not None:
        parts.append(found.ruler)
    return packed(facts, b"".join(part.contiguous().numpy().astype("<f4", copy=False).tobytes() for part in parts))


def _found(space: Space, key: str) -> Embedding | None:
    """The fitted map of this name, where it is one of these codes by these settings; None else."""
    if not re.fullmatch("[0-9a-f]{16}", key):
        return None
    found = find_map(_folders(space), key, space.latents, space.fit_count)
    return found if found is not None and key == _key(space, found.settings) else None


def _places(space: Space, found: Embedding) -> torch.Tensor:
    """Places of all images on a fitted map (n, 2)."""
    fitted = min(len(found), space.fit_count)
    places = found.places[:fitted]
    if len(space.latents) == fitted:
        return places
    local = Local(space.latents.loc[:fitted], places, ruler=found.ruler)
    return torch.cat([places, local.place(space.latents.loc[fitted:]).float()])


def places_in(space: Space, key: str) -> torch.Tensor | None:
    """Places of all images on the fitted map of this name (n, 2); None where there is none."""
    found = _found(space, key)
    return None if found is None else _places(space, found)


def trust_in(space: Space, key: str) -> dict[str, torch.Tensor]:
    """Trustworthiness and continuity of every image (n,) on a fitted map, NaN of those that were placed afterwards."""
    found = _found(space, key)
    if found is None:
        return {}
    columns = {}
    for name in ("trustworthiness", "continuity"):
        columns[name] = torch.full((len(space.latents),), torch.nan)
        known = getattr(found, name)[: space.fit_count]
        columns[name][: len(known)] = known
    return columns


def map_stamp(space: Space, key: str) -> tuple[Any, ...]:
    """Changes when the file of a map does: one that is fitted again has other places."""
    names = {str(map_file(folder, key)) for folder in _folders(space)}
    return tuple(stamp for stamp in map_stamps(_folders(space)) if stamp[0] in names)


def _folders(space: Space) -> tuple[Any, ...]:
    return (space.checkpoint.folder, default_data_dir())
