"""Columns of numbers over a space's images: what points are coloured by and selections compared in."""

from __future__ import annotations

import torch
from torch import Tensor

from ..gap_table import load_gaps
from ..inference import elbo
from ..inference.units import kl_by_dimension
from .anatomy import packed
from .kept import Kept
from .space import Space

# Draws of z an image, whose mean the reconstruction is; fewer where many images or a costly decoder take long.
DRAWS = 8
MOST_WORK = 2e11  # multiply-adds of all draws together: some ten seconds on two cores
CHUNK = 500
NAMES = ("kl", "reconstruction", "elbo", "log_evidence", "gap")
_MEASURED: Kept[tuple[dict[str, Tensor], int]] = Kept(16)


def pack_column(space: Space, name: str) -> bytes | None:
    """A column, float32 (n), NaN where nothing is known; facts: how it was made. None where there is none so named."""
    if name not in NAMES:
        return None
    values, facts = column_of(space, name)
    return packed({"name": name, "count": len(values), **facts}, values.numpy().astype("<f4").tobytes())


def column_of(space: Space, name: str) -> tuple[Tensor, dict[str, object]]:
    """A column (n,), float64, and what is to be said of it.

    `kl` in closed form; `reconstruction` and `elbo` by a few draws from q(z|x); `log_evidence` and `gap`, which is
    KL(q || p(z|x)), of as many of the first images as have been measured.
    """
    if name == "kl":
        return kl_by_dimension(space.latents.loc, space.latents.scale).sum(1), {"made": "closed form"}
    if name in ("reconstruction", "elbo"):
        kept = _MEASURED.get(space.key, lambda: _measured(space))
        assert kept is not None
        columns, draws = kept
        return columns[name], {"made": "draws", "draws": draws}
    n = len(space.latents)
    values = torch.full((n,), torch.nan, dtype=torch.float64)
    table = load_gaps(space.checkpoint.folder, space.checkpoint.model, space.latents.observed, n)
    if table is None:
        return values, {"made": "nothing", "known": 0}
    survey = table.survey
    known = survey.log_evidence if name == "log_evidence" else survey.log_evidence - survey.elbo
    values[: len(known)] = known
    return values, {"made": table.made, "known": len(known)}


@torch.inference_mode()
def _measured(space: Space) -> tuple[dict[str, Tensor], int]:
    """Reconstruction and ELBO of every image, and how many draws each had."""
    n, model = len(space.latents), space.checkpoint.model
    draws = int(max(1, min(DRAWS, MOST_WORK // (n * space.decoder_cost))))
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(0)
    parts = []
    step = max(1, min(CHUNK, (1 << 22) // space.checkpoint.config.model.pixels))
    for first in range(0, n, step):
        x = space.latents.observed(slice(first, first + step)).to(device)
        terms = elbo(model, x, samples=draws, generator=generator)
        parts.append(torch.stack([terms.log_likelihood, terms.value]).double().cpu())
    reconstruction, value = torch.cat(parts, 1)
    return {"reconstruction": reconstruction, "elbo": value}, draws
