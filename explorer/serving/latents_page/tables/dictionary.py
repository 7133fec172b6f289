"""Dictionary of the columns that are taken away: of each its name, meaning, unit, and in how many rows it is known."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

HEAD = ("column", "meaning", "unit", "rows_known")
_THEIRS = {"pictures": "Column that the pictures came with.", "brought": "Column of a table that was brought."}
_KL = "KL(q(z|x) ‖ p(z)) of the encoder's q, in closed form; what the codes cost."
_NUMBERED = re.compile(r"(map|z|scale)_([0-9]+)")
# By its name, # for the number of a coordinate: meaning and unit.
_MEANINGS = {
    "index": ("Number of the image on the map, from 0; test images come first.", ""),
    "split": ("Whether the image is of the test or of the training set.", ""),
    "split_index": ("Number of the image within its set, from 0.", ""),
    "file": ("Name of the picture's file.", ""),
    "original": ("Name that the picture's file had when the set was made.", ""),
    "label": ("Class of the image.", ""),
    "class": ("Name of the image's class.", ""),
    "kl": (_KL, "nats"),
    "reconstruction": ("E[log p(x|z)] over z from q(z|x): elbo + kl.", "nats"),
    "elbo": ("Evidence lower bound of the encoder's q: reconstruction − kl. elbo_draws says how it was made.", "nats"),
    "elbo_draws": ("Draws of z from q(z|x) that elbo is the mean of; 0 where it is by a rule of quadrature.", ""),
    "log_evidence": ("log p(x) of the first images, which were measured ({made}); empty for others.", "nats"),
    "gap": ("log_evidence − elbo = KL(q(z|x) ‖ p(z|x)), where log_evidence is known; empty elsewhere.", "nats"),
    "map_#": ("Place on the map {map}, coordinate {number}.", "map units"),
    "trustworthiness": ("Share of the image's neighbours on the map that are its neighbours in latent space, too, by "
                         "rank (Venna & Kaski 2001).", "0 to 1"),
    "continuity": ("Share of the image's neighbours in latent space that are its neighbours on the map, too, by "
                    "rank (Venna & Kaski 2001).", "0 to 1"),
    "z_#": ("Mean of q(z|x), dimension {number}.", "latent units (the prior is N(0, I))"),
    "scale_#": ("Standard deviation of q(z|x), dimension {number}.", "latent units (the prior is N(0, I))"),
    "loc": ("Means of q(z|x), one row an image and one column a dimension.", "latent units (the prior is N(0, I))"),
    "scale": ("Standard deviations of q(z|x), as loc.", "latent units (the prior is N(0, I))"),
    "images": ("Pixels of the images: image, channel, row, column.", "0 to 255"),
    "labels": ("Classes of the images.", ""),
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column that is taken away: its meaning in a sentence, its unit ("" for none), rows in which it is known."""

    name: str
    meaning: str
    unit: str
    known: int


def dictionary(table: Mapping[str, np.ndarray], origins: Mapping[str, str] | None = None, **facts: str) -> list[Column]:
    """A column's entry for each of a table.

    Args:
        table: columns (n,) or arrays (n, ...) by name.
        origins: by its name, of a column that is not ours, "pictures" or "brought".
        facts: `map`, the name of the map, and `made`, how log p(x) was estimated.
    """
    entries = []
    for name, values in table.items():
        origin = (origins or {}).get(name)
        meaning, unit = (_THEIRS[origin], "as given") if origin else _meaning(name, facts)
        entries.append(Column(name, meaning, unit, _known(values)))
    return entries


def rows_of(entries: Collection[Column]) -> list[list[object]]:
    """A dictionary as rows of a table, with its head."""
    return [list(HEAD), *([entry.name, entry.meaning, entry.unit, entry.known] for entry in entries)]


def _meaning(name: str, facts: Mapping[str, str]) -> tuple[str, str]:
    numbered = _NUMBERED.fullmatch(name)
    meaning, unit = _MEANINGS[f"{numbered[1]}_#" if numbered else name]
    told = {"map": "shown", "made": "by its method", "number": numbered and numbered[2], **facts}
    return meaning.format_map(told), unit


def _known(values: np.ndarray) -> int:
    if values.dtype.kind == "f" and values.ndim == 1:
        return int((~np.isnan(values)).sum())
    if values.dtype == object:
        return sum(1 for text in values.tolist() if text != "")
    return len(values)
