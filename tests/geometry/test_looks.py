"""How codes look: distances between decoded images, against decoders for which they are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from explorer.geometry import looks, ruler

GENERATOR = torch.Generator().manual_seed(0)
CODES = torch.randn(3_000, 4, generator=GENERATOR)
MIXING = torch.randn(4, 60, generator=GENERATOR) * torch.tensor([[3.0], [1.0], [0.1], [0.0]])  # the last is not heeded


def linear(z: Tensor) -> Tensor:
    return z @ MIXING.to(z.dtype)


def apart(points: Tensor) -> Tensor:
    """Distances among the first of them."""
    return (points[:50, None] - points[None, :50]).double().norm(dim=2)


def test_of_a_linear_decoder_distances_are_those_of_its_images() -> None:
    images = apart(linear(CODES))
    seen = looks(linear, CODES)
    assert seen.shape == (len(CODES), 50) and seen.dtype == torch.float32
    torch.testing.assert_close(apart(seen), images, rtol=1e-4, atol=1e-4)
    measured = CODES @ ruler(linear, CODES)
    torch.testing.assert_close(apart(measured), images, rtol=1e-4, atol=1e-4)


def test_components_are_fewer_where_images_are_small_or_codes_few() -> None:
    assert looks(lambda z: z[:, :3], CODES).shape == (len(CODES), 3)
    assert looks(linear, CODES[:12]).shape == (12, 12)


def test_of_a_curved_decoder_the_ruler_is_the_mean_metric() -> None:
    # x = (z1^2, 2 z2): G = diag(4 z1^2, 4), and the mean of z1^2 is the codes'.
    codes = CODES[:400, :2].double()
    found = ruler(lambda z: torch.stack([z[:, 0] ** 2, 2 * z[:, 1]], 1), codes).double()
    expected = torch.diag(torch.stack([4 * codes[:, 0].square().mean(), torch.tensor(4.0).double()]))
    torch.testing.assert_close(found @ found.T, expected, rtol=1e-5, atol=1e-5)


def test_a_decoder_that_heeds_nothing_has_a_ruler_of_next_to_no_length() -> None:
    assert ruler(lambda z: torch.zeros(len(z), 5, dtype=z.dtype), CODES).abs().max() < 1e-12


@pytest.mark.parametrize("n", [3, 10])
def test_few_codes(n: int) -> None:
    assert looks(linear, CODES[:n]).isfinite().all() and ruler(linear, CODES[:n]).isfinite().all()
