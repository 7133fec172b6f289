"""Trustworthiness and continuity are scikit-learn's, and know a torn map from a whole one."""

from __future__ import annotations

import pytest
import torch
from sklearn.manifold import trustworthiness as theirs

from explorer.projection.quality import continuity, trustworthiness


@pytest.mark.parametrize(("n", "k"), [(5, 2), (60, 7), (700, 30)])
def test_the_means_are_scikit_learns(n: int, k: int) -> None:
    generator = torch.Generator().manual_seed(n)
    codes = torch.randn(n, 6, generator=generator, dtype=torch.float64)
    places = codes[:, :2] + 0.7 * torch.randn(n, 2, generator=generator, dtype=torch.float64)
    own = trustworthiness(codes, places, k)
    assert own.mean().item() == pytest.approx(theirs(codes, places, n_neighbors=k), abs=1e-9)
    assert continuity(codes, places, k).mean().item() == pytest.approx(theirs(places, codes, n_neighbors=k), abs=1e-9)
    assert own.shape == (n,) and own.min() >= 0 and own.max() <= 1


def test_a_whole_map_a_folded_one_and_a_torn_one() -> None:
    codes = torch.rand(800, 2, generator=torch.Generator().manual_seed(1))
    assert trustworthiness(codes, 3 * codes).min() == 1 == continuity(codes, 3 * codes).min()
    folded = torch.stack([(codes[:, 0] - 0.5).abs(), codes[:, 1]], 1)  # what is far apart lies together
    assert trustworthiness(codes, folded).mean() < 0.9 < continuity(codes, folded).mean()
    torn = codes + torch.where(codes[:, :1] > 0.5, 10.0, 0.0)
    edge = (codes[:, 0] - 0.5).abs() < 0.02
    assert trustworthiness(codes, torn).mean() > 0.99
    assert continuity(codes, torn)[edge].mean() < continuity(codes, torn)[~edge].mean()


def test_duplicates_and_too_few_points() -> None:
    codes = torch.tensor([[0.1, -0.7, 1.3]]).repeat(200, 1)
    # All are equally near, so none is shown as near that is not.
    assert (trustworthiness(codes, torch.rand(200, 2)) == 1).all()
    with pytest.raises(ValueError, match="at least 5 points"):
        trustworthiness(codes[:4], codes[:4, :2])
