"""Credible regions hold their share: by simulation of latents and images from the model itself.

Where z ~ p(z) and x ~ p(x|z), z is a draw of p(z|x): a region that holds a share of p(z|x) holds z as often (Cook,
Gelman & Rubin 2006; Talts et al. 2018).
"""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

import explorer
from explorer.inference.quadrature.lattice import fitted_lattice
from explorer.inference.quadrature.posterior import TruePosterior, true_posterior
from explorer.models import VAE


def simulated(model: VAE, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """z ~ p(z) (n, d) and x ~ p(x|z) (n, c, h, w)."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # of the distribution's own draws, which take no generator
        z = torch.randn(n, model.config.latent)
        return z, model.likelihood(z).sample()


def mass_at(found: TruePosterior, z: Tensor) -> float:
    """Of the bin in which z lies; 0 beyond the grid."""
    place = ((z.double() - found.low) / found.bin).floor().long()
    inside = (place >= 0).all() and (place < torch.tensor(found.mass.shape)).all()
    return found.mass[tuple(place)].item() if inside else 0.0


@pytest.mark.parametrize(
    ("name", "n"),
    [("mnist-2d", 60), pytest.param("mnist-2d", 1_000, marks=pytest.mark.slow),
     pytest.param("fashion-mnist-2d", 1_000, marks=pytest.mark.slow)],
)  # fmt: skip
@torch.inference_mode()
def test_regions_hold_the_latent_as_often_as_they_say(name: str, n: int) -> None:
    model = explorer.load(name)
    z, x = simulated(model, n, seed=3)
    lattice = fitted_lattice(model, z, most=8_000)
    above, inside = [], {0.5: 0, 0.95: 0}
    spread = torch.rand(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for image, place, part in zip(x, z, spread, strict=True):
        found = true_posterior(model, image[None], lattice=lattice)
        mass = mass_at(found, place)
        # The share of p(z|x) in denser places than z: uniform, with z's own bin dealt out at random.
        denser = found.mass[found.mass > mass].sum().item()
        above.append(min(denser + part.item() * mass, 1.0))
        for share in inside:
            inside[share] += mass >= found.level(share)
    assert stats.kstest(above, "uniform").pvalue > 0.001
    for share, count in inside.items():
        # Four standard errors; a region's last bin lies across its border and makes it larger by half of itself.
        assert abs(count / n - share) < 4 * math.sqrt(share * (1 - share) / n) + 0.01
