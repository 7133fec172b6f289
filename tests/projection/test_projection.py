"""From latent space to a plane and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from explorer.projection import ProjectionError, axes_plane, fit_plane, images_plane


def codes_of(d: int, n: int = 200, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(d, d, generator=generator) * torch.linspace(2, 0.2, d)[:, None]
    return torch.randn(n, d, generator=generator) @ mixing + torch.randn(d, generator=generator)


@pytest.mark.parametrize("d", [2, 3, 16, 128])
def test_lift_then_project_is_exact_and_keeps_what_is_perpendicular(d: int) -> None:
    codes = codes_of(d)
    plane, anchor = fit_plane(codes), codes[7]
    u = torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 3
    z = plane.lift(u, anchor)
    assert z.shape == (50, d)
    torch.testing.assert_close(plane.project(z), u, rtol=0, atol=1e-12)
    outside = torch.eye(d, dtype=torch.float64) - plane.basis @ plane.basis.T
    torch.testing.assert_close(z @ outside, (anchor.double() @ outside).expand(50, -1), rtol=0, atol=1e-12)
    torch.testing.assert_close(plane.lift(plane.project(anchor), anchor), anchor.double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("d", [3, 16])
def test_the_plane_is_the_principal_one(d: int) -> None:
    codes = codes_of(d)
    plane, pca = fit_plane(codes), PCA(2).fit(codes.double().numpy())
    assert plane.kind == "pca"
    for ours, theirs in zip(plane.basis.T.numpy(), pca.components_, strict=True):
        np.testing.assert_allclose(ours, theirs * np.sign(ours @ theirs), atol=1e-9)
    assert plane.explained == pytest.approx(pca.explained_variance_ratio_.sum(), rel=1e-9)


@pytest.mark.parametrize("d", [3, 16])
def test_the_same_codes_in_any_order_give_the_same_picture(d: int) -> None:
    codes = codes_of(d)
    order = torch.randperm(len(codes), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(fit_plane(codes).basis, fit_plane(codes[order]).basis, rtol=0, atol=1e-9)
    basis = fit_plane(codes).basis
    assert (basis.gather(0, basis.abs().argmax(0, keepdim=True)) > 0).all()


def test_distances_on_the_map_are_in_units_of_the_prior() -> None:
    """B is orthonormal, so N(0, I) projects to N(0, I); no centring moves the origin."""
    plane = fit_plane(codes_of(16))
    torch.testing.assert_close(plane.basis.T @ plane.basis, torch.eye(2, dtype=torch.float64))
    assert plane.project(torch.zeros(16)).tolist() == [0, 0]


def test_two_dimensions_are_the_map_itself() -> None:
    plane, codes = fit_plane(codes_of(2)), codes_of(2)
    assert (plane.kind, plane.explained) == ("identity", 1.0)
    assert torch.equal(plane.project(codes), codes.double())


def test_one_dimension_lies_along_the_first_axis() -> None:
    plane = fit_plane(codes_of(1))
    assert plane.basis.shape == (1, 2)
    z = torch.tensor([[-2.0], [0.5]])
    assert plane.project(z).tolist() == [[-2, 0], [0.5, 0]]
    assert torch.equal(plane.lift(plane.project(z), torch.tensor([9.0])), z.double())


@pytest.mark.parametrize(
    "codes",
    [
        torch.ones(50, 4),
        torch.zeros(1, 4),
        torch.tensor([[1.0, 2, 3, 4]]).repeat(9, 1) * torch.arange(9)[:, None],  # on one line
        torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]]),  # duplicates
    ],
)
def test_codes_without_spread_still_give_a_plane(codes: Tensor) -> None:
    plane = fit_plane(codes)
    torch.testing.assert_close(plane.basis.T @ plane.basis, torch.eye(2, dtype=torch.float64))
    assert 0 <= plane.explained <= 1
    u = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    torch.testing.assert_close(plane.project(plane.lift(u, codes[0])), u)


def test_two_axes_are_two_columns_of_the_codes() -> None:
    codes = codes_of(6)
    plane = axes_plane(codes, 4, 1)
    torch.testing.assert_close(plane.project(codes), codes[:, [4, 1]].double())
    assert plane.explained == pytest.approx((codes[:, [4, 1]].var(0).sum() / codes.var(0).sum()).item(), rel=1e-5)
    for first, second in ((2, 2), (0, 6), (-1, 0)):
        with pytest.raises(ProjectionError, match="different dimensions from 1 to 6"):
            axes_plane(codes, first, second)


@pytest.mark.parametrize("d", [3, 16])
def test_the_plane_of_three_images_holds_all_three(d: int) -> None:
    codes = codes_of(d)
    three = codes[[3, 50, 120]]
    plane = images_plane(codes, three)
    torch.testing.assert_close(plane.basis.T @ plane.basis, torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-12)
    for anchor in three:
        lifted = plane.lift(plane.project(three), anchor)
        torch.testing.assert_close(lifted, three.double(), rtol=0, atol=1e-5)


def test_three_images_without_a_plane_are_said() -> None:
    codes = codes_of(4)
    a, b = codes[0], codes[1]
    with pytest.raises(ProjectionError, match="same code"):
        images_plane(codes, torch.stack([a, a, b]))
    for c in (a, b, a + 3 * (b - a)):
        with pytest.raises(ProjectionError, match="one line"):
            images_plane(codes.double(), torch.stack([a, b, c]).double())
    with pytest.raises(ProjectionError, match="same code"):
        images_plane(codes, torch.stack([a, a, a]))
