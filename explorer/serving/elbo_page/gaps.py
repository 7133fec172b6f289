"""The gaps over a data set, as the page of the ELBO asks for them."""

from __future__ import annotations

import numpy as np

from ...checkpoint.gaps import COLUMNS, load_gaps
from ..space.space import Space
from .answers import packed


def pack_gaps(space: Space) -> bytes:
    """The table beside the checkpoint, of as many of a space's images as it has: none, where there is no table.

    uint32: the length of a JSON text; the text, padded by spaces to a multiple of four; then each of its
    columns, float32 (n,).
    """
    latents = space.latents
    table = load_gaps(space.checkpoint.folder, space.checkpoint.model, latents.observed, len(latents))
    if table is None:
        return packed({"n": 0, "columns": []})
    columns = [getattr(table.survey, name).double().numpy() for name in COLUMNS]
    facts = {
        "n": len(table.survey),
        "columns": list(COLUMNS),
        "binarisation": table.binarisation,
        "made": table.made,
    }
    return packed(facts, np.stack(columns).astype("<f4").tobytes())
