"""A model's numbers on a data set: means, standard errors, repeatability."""

from __future__ import annotations

import json
import math

import pytest
import torch

from explorer.inference import elbo
from explorer.inference.evaluation import evaluate
from explorer.models import VAE

from .oracle import Oracle, binary_images, tiny_model


def test_means_over_images_against_quadrature(model: VAE) -> None:
    x = binary_images(40)
    result = evaluate(model, x, samples=200, evidence_images=40, evidence_samples=2_000, seed=0)
    oracles = [Oracle(model, x[i], points=161) for i in range(40)]
    reconstruction = sum(o.reconstruction() for o in oracles) / 40
    kl = sum(o.kl_to_prior() for o in oracles) / 40
    evidence = sum(o.log_evidence() for o in oracles) / 40
    assert result.kl == pytest.approx(kl, abs=1e-4)
    assert result.log_likelihood == pytest.approx(reconstruction, abs=0.1)  # 8,000 draws of sd about 2: 4 errors
    assert result.log_evidence == pytest.approx(evidence, abs=0.03)
    assert result.elbo == pytest.approx(result.log_likelihood - result.kl, abs=1e-9)
    assert result.elbo < result.log_evidence
    assert sum(result.kl_per_dimension) == pytest.approx(result.kl, abs=1e-9)
    assert (result.n, result.samples, result.evidence_images, result.evidence_samples) == (40, 200, 40, 2_000)


def test_standard_error_is_over_images(model: VAE) -> None:
    x = binary_images(30)
    value = elbo(model, x, samples=16, generator=torch.Generator().manual_seed(3)).value.double()
    expected = math.sqrt(((value - value.mean()) ** 2).sum().item() / 29 / 30)
    assert evaluate(model, x, samples=16, seed=3).elbo_standard_error == pytest.approx(expected, rel=1e-6)


def test_the_same_seed_gives_the_same_numbers(model: VAE) -> None:
    x = binary_images(20)
    one, again = (evaluate(model, x, evidence_images=5, evidence_samples=50, seed=1) for _ in range(2))
    assert one == again
    assert evaluate(model, x, seed=2).log_likelihood != one.log_likelihood
    assert evaluate(model, x, seed=2).kl == one.kl


def test_chunks_do_not_show(model: VAE, monkeypatch: pytest.MonkeyPatch) -> None:
    x = binary_images(23)
    whole = evaluate(model, x)
    monkeypatch.setattr("explorer.inference.evaluation.CHUNK", 5)
    parts = evaluate(model, x)
    assert parts.n == 23
    assert parts.kl == pytest.approx(whole.kl, rel=1e-6)
    assert parts.active_units == whole.active_units


def test_active_units_are_those_whose_mean_moves() -> None:
    model = tiny_model(4)
    last = model.encoder.network[1][-1]
    with torch.no_grad():
        last.weight[1] = 0  # the mean of z_2 no longer depends on x,
        last.bias[1] = 3  # however large it is
    x = binary_images(64)
    means = model.posterior(x).mean
    variances = means.var(0)
    assert variances[1] == 0
    with torch.no_grad():
        last.weight[2] *= math.sqrt(0.008 / variances[2])
        last.weight[3] *= math.sqrt(0.012 / variances[3])
    result = evaluate(model, x)
    assert result.active_units == int(variances[0] > 0.01) + 1


@pytest.mark.parametrize(("n", "images"), [(7, 0), (7, 3), (7, 7), (7, 200)])
def test_progress_rises_to_one(model: VAE, n: int, images: int) -> None:
    seen: list[float] = []
    result = evaluate(model, binary_images(n), evidence_images=images, evidence_samples=20, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1) and max(seen) <= 1
    assert result.evidence_images == min(n, images)


def test_one_image_has_no_standard_error_and_says_so(model: VAE) -> None:
    result = evaluate(model, binary_images(1), evidence_images=1, evidence_samples=10)
    assert result.elbo_standard_error == math.inf
    assert math.isfinite(result.elbo)
    facts = json.loads(json.dumps(result.facts(), allow_nan=False))
    assert facts["elbo_standard_error"] is None and facts["elbo"] == result.elbo
