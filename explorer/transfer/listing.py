"""The models there are, in groups whose numbers may be compared."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checkpoint import catalogue
from ..checkpoint.card import EVALUATION_FILE, describe_binarisation, describe_likelihood
from ..checkpoint.catalogue import kept_folder, read_facts
from ..checkpoint.weights import CONFIG_FILE, CheckpointError, read_config
from ..config import Config
from .own_models import owners_of_models, source_of


@dataclass(frozen=True)
class Listed:
    """A model in the list.

    Attributes:
        elbo, standard_error: nats an image; None where it was not measured.
        images: test images it was measured on.
        source: where it was brought from, {} where it was made here or came with the project.
        kept: whether it lies in the app's own folder, and so can be deleted there.
        owner: the mark of who trained or brought it, "" where that is not known; shipped: it came with the project.
        fault: why it cannot be opened; "" where its configuration is sound.
    """

    name: str
    config: Config | None
    elbo: float | None = None
    standard_error: float | None = None
    images: int | None = None
    source: Mapping[str, Any] = ()
    kept: bool = False
    fault: str = ""
    owner: str = ""
    shipped: bool = False


@dataclass(frozen=True)
class Group:
    """Models whose test numbers, where they have any, may be compared.

    Attributes:
        title: data set, images and likelihood, in a few words.
        conditions: what the numbers are, in a sentence.
    """

    title: str
    conditions: str
    models: tuple[Listed, ...]


def list_models(folders: Mapping[str, Path]) -> tuple[list[Group], list[Listed]]:
    """Groups of comparable models, the largest ELBO first in each, and the models that cannot be opened.

    Two stand in one group only where data set, its content, image shape, likelihood, the way
    pixels are seen and the number of test images are the same.
    """
    owners = owners_of_models()
    listed = [_listed(name, folder, owners.get(name, "")) for name, folder in folders.items()]
    sound = [model for model in listed if model.config is not None]
    usual: dict[tuple[Any, ...], Counter[int]] = {}
    for model in sound:
        if model.images is not None:
            usual.setdefault(_kind(model), Counter())[model.images] += 1
    groups: dict[tuple[Any, ...], list[Listed]] = {}
    for model in sound:
        kind = _kind(model)
        most = usual[kind].most_common(1)[0][0] if kind in usual else None
        groups.setdefault((*kind, most if model.images is None else model.images), []).append(model)
    titles = Counter(_title(models[0].config) for models in groups.values())
    made = [_group(key, models, titles) for key, models in groups.items()]
    return made, [model for model in listed if model.config is None]


def _listed(name: str, folder: Path, owner: str) -> Listed:
    kept = folder.parent == kept_folder()
    whose = {"kept": kept, "owner": owner if kept else "", "shipped": folder.parent == catalogue.PRETRAINED}
    try:
        config = read_config(folder / CONFIG_FILE)
    except CheckpointError as error:
        return Listed(name, None, **whose, fault=str(error).replace(f"{folder}{os.sep}", ""))
    facts = read_facts(folder / EVALUATION_FILE)
    elbo, images = _number(facts.get("elbo")), _number(facts.get("n"))
    if elbo is None or images is None or images < 1:
        elbo, images = None, None  # a number without its conditions says nothing
    error = _number(facts.get("elbo_standard_error"))
    count = None if images is None else int(images)
    return Listed(name, config, elbo, error, count, source_of(folder), **whose)


def _number(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12
    return float(value) if known and math.isfinite(value) else None


def _kind(model: Listed) -> tuple[Any, ...]:
    config = model.config
    return (
        config.training.dataset,
        str(config.provenance.get("data_sha256"))[:64],
        config.model.image_shape,
        config.model.likelihood,
        describe_binarisation(config.training.binarisation),
    )


def _title(config: Config) -> str:
    channels, height, width = config.model.image_shape
    colour = "grey" if channels == 1 else "colour"
    return f"{config.training.dataset[:60]} · {height}×{width} {colour} · {config.model.likelihood} likelihood"


def _group(key: tuple[Any, ...], models: list[Listed], titles: Mapping[str, int]) -> Group:
    config, images = models[0].config, key[-1]
    title = _title(config)
    if titles[title] > 1:
        title += f" · data {key[1][:8]}"
    seen = f"Pixels: {key[4]}; {describe_likelihood(config.model.likelihood)}."
    count = "" if images is None else f"Test ELBO in nats per image, over {images:,} test images. "
    best = sorted(models, key=lambda model: (model.elbo is None, -(model.elbo or 0.0), model.name))
    return Group(title, count + seen, tuple(best))
