"""Columns of numbers over a space's images: what points are coloured by and selections compared in."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from ...cancellation import check_cancelled
from ...checkpoint.gaps import load_gaps
from ...inference import elbo
from ...inference.units import kl_by_dimension
from ..elbo_page.answers import packed
from ..http.kept import MB, Kept
from ..space.space import Space
from .tables.own_rows import kinds_of

# Draws of z an image, whose mean the reconstruction is; fewer where many images or a costly decoder take long.
DRAWS = 8
MOST_WORK = 2e11  # multiply-adds of all draws together: some ten seconds on two cores
CHUNK = 500
LARGEST = 3e38  # of float32
NAMES = ("kl", "reconstruction", "elbo", "log_evidence", "gap")
OWN = re.compile(r"own-([0-9]{1,3})")  # a column of the set's, by its number
_DRAWN: Kept[tuple[Tensor, int]] = Kept(16, 16 * MB)


def pack_column(space: Space, name: str) -> bytes | None:
    """A column, float32 (n), NaN where nothing is known; facts: how it was made. None where there is none so named."""
    own = OWN.fullmatch(name)
    if own:
        columns = list(space.own.columns.values())
        if int(own[1]) >= len(columns):
            return None
        values, kinds = kinds_of(columns[int(own[1])])
        values[values.abs() > LARGEST] = torch.nan
        facts: dict[str, object] = {"made": "own", "kinds": kinds}
    elif name in NAMES:
        values, facts = column_of(space, name)
    else:
        return None
    return packed({"name": name, "count": len(values), **facts}, values.numpy().astype("<f4").tobytes())


def column_of(space: Space, name: str) -> tuple[Tensor, dict[str, object]]:
    """A column (n,), float64, and what is to be said of it.

    `kl` in closed form. Of as many of the first images as have been surveyed: `log_evidence`; `gap`, which is
    KL(q || p(z|x)); and `elbo` as it stands there, so that the three add up. Of the other images `elbo` is by a few
    draws from q(z|x). `reconstruction` is `elbo` + `kl`.
    """
    latents = space.latents
    kl = kl_by_dimension(latents.loc, latents.scale).sum(1)
    if name == "kl":
        return kl, {"made": "closed form"}
    table = load_gaps(space.checkpoint.folder, space.checkpoint.model, latents.observed, len(latents))
    known = 0 if table is None else len(table.survey)
    if name in ("reconstruction", "elbo"):
        kept = _DRAWN.get(space.key, lambda: _drawn(space))
        assert kept is not None
        reconstruction, draws = kept
        values = reconstruction - kl
        if table is not None:
            values[:known] = table.survey.elbo
        return values if name == "elbo" else values + kl, {"made": "draws", "draws": draws, "known": known}
    values = torch.full((len(latents),), torch.nan, dtype=torch.float64)
    if table is None:
        return values, {"made": "nothing", "known": 0}
    survey = table.survey
    values[:known] = survey.log_evidence if name == "log_evidence" else survey.log_evidence - survey.elbo
    return values, {"made": table.made, "known": known}


def draws_of(space: Space) -> Tensor:
    """How many draws from q(z|x) an image's `elbo` is by (n,), int64; 0 of one that was surveyed, by a rule."""
    _, facts = column_of(space, "elbo")
    draws = torch.full((len(space.latents),), int(str(facts["draws"])))
    draws[: int(str(facts["known"]))] = 0
    return draws


@torch.inference_mode()
def _drawn(space: Space) -> tuple[Tensor, int]:
    """The reconstruction of every image by draws, float64 (n,), and how many draws each had."""
    n, model = len(space.latents), space.checkpoint.model
    draws = int(max(1, min(DRAWS, MOST_WORK // (n * space.decoder_cost))))
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(0)
    parts = []
    step = max(1, min(CHUNK, (1 << 22) // space.checkpoint.config.model.pixels))
    for first in range(0, n, step):
        check_cancelled()
        x = space.latents.observed(slice(first, first + step)).to(device)
        parts.append(elbo(model, x, samples=draws, generator=generator).log_likelihood.double().cpu())
    return torch.cat(parts), draws
