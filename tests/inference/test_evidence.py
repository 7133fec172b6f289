"""log p(x) by whichever estimator: each one's number, the choice between them, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from explorer.inference import Evidence, log_evidence
from explorer.inference.evidence.choice import METHODS, chosen_method
from explorer.inference.quadrature.lattice import QuadratureError
from explorer.models import VAE
from tests.helpers.oracle import Oracle, binary_images, tiny_model


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_log_p_within_its_error(model: VAE, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # So flat a posterior fills the prior: a lattice that reaches as far is quicker than one that grows.
    monkeypatch.setattr("explorer.inference.quadrature.lattice.PRIOR", 6.5)
    monkeypatch.setattr("explorer.inference.quadrature.lattice.NODES", 10_000)
    x = binary_images(4)
    shares: list[float] = []
    generator = torch.Generator().manual_seed(0)
    options = {"samples": 4_000, "steps": 60, "chains": 32, "tolerance": 0.001}
    options |= {"widen": 1.3} if method == "iwae" else {}
    estimate = log_evidence(model, x, method=method, generator=generator, progress=shares.append, **options)
    assert estimate.method == method
    assert estimate.value.dtype == estimate.error.dtype == torch.float64
    assert (estimate.effective_samples is None) == (method == "quadrature")
    for image, value, error in zip(x, estimate.value, estimate.error, strict=True):
        assert abs(value.item() - Oracle(model, image).log_evidence()) < 5 * error.item() + 1e-4
    assert estimate.error.max() < 0.2
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)


def instead_of_quadrature(value: list[float], error: list[float]) -> Callable[..., Evidence]:
    """Stands for quadrature: NaN and an infinite error where it is not possible."""

    def quadrature(*args: object, partial: bool = False, **options: object) -> Evidence:
        if not partial and math.inf in error:
            raise QuadratureError("too narrow")
        return Evidence(torch.tensor(value).double(), torch.tensor(error).double(), "quadrature")

    return quadrature


@pytest.mark.parametrize("method", [None, "auto"])
@pytest.mark.parametrize(("d", "chosen"), [(1, "quadrature"), (2, "quadrature"), (3, "importance")])
def test_the_best_that_is_possible_is_chosen(
    method: str | None, d: int, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.inference.evidence.choice.quadrature", instead_of_quadrature([0.0, 0.0], [0.0, 0.0]))
    model = tiny_model(d)
    assert chosen_method(model, method) == chosen
    assert log_evidence(model, binary_images(2), method=method, samples=20).method == chosen


def test_where_quadrature_gives_up_importance_takes_over(
    model: VAE, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = instead_of_quadrature([math.nan], [math.inf])
    monkeypatch.setattr("explorer.inference.evidence.choice.quadrature", refusal)
    estimate = log_evidence(model, x, method="auto", samples=50)
    assert estimate.method == "importance" and math.isfinite(estimate.value.item())
    with pytest.raises(QuadratureError, match="too narrow"):
        log_evidence(model, x, method="quadrature")


def test_one_image_too_narrow_leaves_the_others_their_exact_numbers(
    model: VAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = instead_of_quadrature([-1.0, math.nan, -3.0], [0.0, math.inf, 0.0])
    monkeypatch.setattr("explorer.inference.evidence.choice.quadrature", some)
    draws = torch.Generator().manual_seed(0)
    estimate = log_evidence(model, binary_images(3), method="auto", samples=50, generator=draws)
    assert estimate.method == "mixed" and estimate.error.isfinite().all()
    assert estimate.value[[0, 2]].tolist() == [-1.0, -3.0]
    exact = Oracle(model, binary_images(3)[1]).log_evidence()
    assert abs(estimate.value[1].item() - exact) < 5 * estimate.error[1].item()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"method": "guess"}, "annealed or iwae"),
        ({"method": "importance", "samples": 0}, "sample"),
        ({"widen": 0.0}, "widened"),
        ({"method": "importance", "widen": 2.0}, "choose iwae"),
        ({"defensive": 2.0}, "prior"),
        ({"method": "annealed", "chains": 0}, "chain"),
        ({"method": "annealed", "steps": 0}, "step"),
        ({"method": "quadrature", "tolerance": 0.0}, "tolerance"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(model: VAE, x: Tensor, options: dict, word: str) -> None:
    with pytest.raises(ValueError, match=rf"{word}.*\.$"):
        log_evidence(model, x, **options)


def test_quadrature_above_two_dimensions_names_the_next_best() -> None:
    with pytest.raises(QuadratureError, match=r"has 3: choose importance.*annealed.*\.$"):
        log_evidence(tiny_model(3), binary_images(1), method="quadrature")
