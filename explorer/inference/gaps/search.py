"""The search for the best Gaussian of an image, from several starts: all climb a little, the highest few to the top."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...models import VAE
from ..evidence.modes import highest
from ..expectation.rules import gaussian_rule
from .climb import COARSE, FAMILIES, Gaussians, best_of, climbed, climbed_by, measured, rule_for

# Of several starts: steps with few nodes until they are compared; so many climb on, which are near the highest, in
# nats, and apart, in scales.
SCREENED, MOST_KEPT, NEAR, APART = 12, 2, 1.0, 0.5
MOST_SEARCHED = 64  # latent dimensions in which other modes are looked for

Start = tuple[Tensor, Tensor]


def best_from(model: VAE, x: Tensor, starts: Sequence[Start], *, family: str = "diagonal") -> Gaussians:
    """The best q of a family for each image, from several starts: all climb a little, the highest few to the top.

    Args:
        x: (batch, c, h, w).
        starts: of each image, m (k, d) and F (k, d, d), k >= 1; never below where the first of them begins.

    Raises:
        ValueError: an unknown family.
    """
    d = model.config.latent
    rows = torch.cat([torch.full((len(m),), i) for i, (m, _) in enumerate(starts)])
    loc, factor = (torch.cat([start[k] for start in starts]).double() for k in range(2))
    first = torch.tensor([0, *(len(m) for m, _ in starts)]).cumsum(0)[:-1]
    own = loc[first], factor[first]
    if len(rows) > len(x):
        rule = gaussian_rule(d, COARSE[d]) if d in COARSE else rule_for(d, fine=False)
        loc, factor = climbed_by(rule, model, x[rows], loc, factor, family, SCREENED)
        kept = _highest(rows, measured(model, x[rows], loc, factor, rule_for(d, fine=False)))
        rows, loc, factor = rows[kept], loc[kept], factor[kept]
    fine = rule_for(d, fine=True)
    ends = measured(model, x[rows], *climbed(model, x[rows], loc, factor, family=family), fine)
    began = measured(model, x, *own, fine)
    return best_of(torch.cat([torch.arange(len(x)), rows]), began, ends)


def best_gaussians(
    model: VAE, x: Tensor, loc: Tensor, factor: Tensor, starts: Sequence[Start | None]
) -> tuple[Gaussians, Gaussians, Gaussians]:
    """The encoder's q of each image with its ELBO, and the best diagonal and full-covariance one, never below it.

    Args:
        x: (batch, c, h, w); loc: m (batch, d) and factor: F (batch, d, d) of the encoder's q.
        starts: of each image, m (k, d) and F (k, d, d) to begin at too; None has other modes looked for.
    """
    starts = _searched(model, x, loc, factor, starts)
    found = [measured(model, x, loc, factor, rule_for(model.config.latent, fine=True))]
    for family in FAMILIES:
        # The best of a family is a start for the next, which holds it; and the encoder's q for all.
        own = [(m[None], f[None]) for m, f in zip(found[-1].loc, found[-1].factor, strict=True)]
        if len(found) > 1:
            own = [_joined(start, (m[None], f[None])) for start, m, f in zip(own, loc, factor, strict=True)]
        all_ = [_joined(start, more) for start, more in zip(own, starts, strict=True)]
        found.append(best_from(model, x, all_, family=family))
    return found[0], found[1], found[2]


def _searched(model: VAE, x: Tensor, loc: Tensor, factor: Tensor, starts: Sequence[Start | None]) -> list[Start | None]:
    """The starts, and the encoder's scales about other modes where there were none."""
    searched = list(starts)
    lost = [row for row, start in enumerate(starts) if start is None]
    if model.config.latent <= MOST_SEARCHED:
        for row, places in zip(lost, highest(model, x[lost], loc[lost], factor[lost]), strict=True):
            if places:
                searched[row] = torch.stack(places), factor[row].expand(len(places), -1, -1)
    return searched


def _joined(one: Start, other: Start | None) -> Start:
    return one if other is None else (torch.cat([one[0], other[0]]), torch.cat([one[1], other[1]]))


def _highest(rows: Tensor, found: Gaussians) -> Tensor:
    """Which of the ends to climb on from: the highest of each image, and others that are near it."""
    value = found.elbo.nan_to_num(-torch.inf, -torch.inf, -torch.inf)
    kept: dict[int, list[int]] = {}
    for at in value.argsort(descending=True).tolist():
        others = kept.setdefault(int(rows[at]), [])
        near = not others or (len(others) < MOST_KEPT and value[at] > value[others[0]] - NEAR)
        if near and all(_apart(found, at, other) for other in others):
            others.append(at)
    return torch.tensor([at for others in kept.values() for at in others])


def _apart(found: Gaussians, one: int, other: int) -> bool:
    """Whether two Gaussians differ by more than a part of a scale in their means, or of themselves in their scales."""
    away = torch.linalg.solve(found.factor[other], (found.loc[one] - found.loc[other])[:, None]).norm()
    sizes = (torch.linalg.slogdet(found.factor[k]).logabsdet for k in (one, other))
    return bool(away > APART) or abs(float(next(sizes) - next(sizes))) > APART
