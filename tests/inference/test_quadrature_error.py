"""The error that quadrature reports is a bound: on odd images, for narrow likelihoods, and beyond float32."""

from __future__ import annotations

import pytest
import torch

import explorer
from explorer.datasets import load_dataset
from explorer.datasets.binarise import repeatable
from explorer.inference.quadrature.integral import integrated, quadrature
from explorer.inference.quadrature.lattice import fitted_lattice, make_lattice
from explorer.models import VAE
from tests.helpers.adaptive import NumpyModel
from tests.helpers.linear_vae import linear_case
from tests.helpers.odd_images import finer, odd_images


def bounded(model: VAE, each: int, nodes: int, tolerance: float) -> None:
    own, other = (
        repeatable(load_dataset(name, "test").images[: max(3 * each, 300)], "dynamic")
        for name in ("mnist", "fashion-mnist")
    )
    lattice = fitted_lattice(model, model.posterior(own).mean, most=nodes)
    anew = NumpyModel(model)
    for kind, x in odd_images(own, other, each):
        for row, cells in integrated(model, x, tolerance, lattice):
            off = cells.value - finer(anew, x[row : row + 1], cells, lattice)
            assert abs(off) <= cells.error <= tolerance, (kind, row)


@torch.inference_mode()
def test_the_error_of_odd_images_is_a_bound() -> None:
    bounded(explorer.load("mnist-2d"), each=1, nodes=8_000, tolerance=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [8_000, 40_000])
@torch.inference_mode()
def test_the_error_of_many_odd_images_is_a_bound(nodes: int) -> None:
    bounded(explorer.load("mnist-2d"), each=37, nodes=nodes, tolerance=0.01)


@pytest.mark.parametrize(("d", "noise"), [(1, 0.0025), (2, 0.02)])
@pytest.mark.parametrize("far", [0.0, 4.0])
def test_a_narrow_gaussian_is_decoded_in_float64(d: int, noise: float, far: float) -> None:
    """At the floor of its scale, where float32 decoding was off by up to a tenth of a nat."""
    case = linear_case(d, noise=noise, pixels=64, far=far)
    box = torch.full((d,), 5.0)
    lattice = make_lattice(case.model, -box, box, 20_000)
    found = quadrature(case.model, case.x, tolerance=0.01, lattice=lattice)
    assert abs(found.value.item() - case.log_evidence) <= found.error.item() + 1e-6
    assert found.error.item() <= 0.01


def test_a_kink_along_an_axis_shows_in_the_error() -> None:
    """On a chessboard of cells, stripes along an axis cancel."""
    case = linear_case(2, noise=1.0)
    with torch.no_grad():
        case.model.decoder.network[0].weight.mul_(torch.tensor([40.0, 0.0]))
    low, high = -torch.full((2,), 5.0), torch.full((2,), 5.0)
    found, fine = (
        quadrature(case.model, case.x, tolerance=tolerance, lattice=make_lattice(case.model, low, high, nodes))
        for tolerance, nodes in ((10.0, 2_500), (1e-6, 40_000))
    )
    assert abs(found.value.item() - fine.value.item()) <= found.error.item()
