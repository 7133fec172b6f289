"""A model's numbers on a data set: means, standard errors, repeatability."""

from __future__ import annotations

import json
import math
from dataclasses import astuple

import pytest
import torch

from explorer.inference import Evidence, elbo, log_evidence
from explorer.inference.evaluation import EVIDENCE_IMAGES, evaluate
from explorer.models import VAE
from tests.helpers.oracle import Oracle, binary_images, overflowing_model, tiny_model


def test_means_over_images_against_quadrature(model: VAE) -> None:
    x = binary_images(40)
    result = evaluate(model, x, samples=200, evidence_images=40, evidence_method="iwae", evidence_samples=2_000, seed=0)
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
    assert result.evidence_gap == pytest.approx(result.log_evidence - result.evidence_elbo, abs=1e-9)
    assert (result.evidence_method, result.evidence_bound, result.evidence_widen) == ("iwae", "lower", 1.0)


def test_an_image_s_own_errors_in_the_mean_and_at_worst(model: VAE) -> None:
    x = binary_images(9)
    options = {"evidence_method": "iwae", "evidence_samples": 100, "evidence_widen": 1.5}
    result = evaluate(model, x, samples=3, evidence_images=6, **options, seed=4)
    generator = torch.Generator().manual_seed(4)
    elbo(model, x, samples=3, generator=generator)  # whose draws come first
    estimate = log_evidence(model, x[:6], method="iwae", samples=100, widen=1.5, generator=generator)
    assert result.log_evidence == pytest.approx(estimate.value.mean().item(), abs=1e-9)
    spread = estimate.value.std().item() / math.sqrt(6)
    assert result.log_evidence_standard_error == pytest.approx(spread, rel=1e-9)
    errors, sizes = [e for e in estimate.error.tolist() if e == e], estimate.effective_samples.tolist()
    assert astuple(result.evidence_error) == pytest.approx((sum(errors) / len(errors), max(errors)))
    assert result.evidence_unknown == 6 - len(errors)
    assert astuple(result.effective_samples) == pytest.approx((sum(sizes) / 6, min(sizes)))


@pytest.mark.parametrize("method", ["quadrature", "annealed"])
def test_other_estimators_say_what_they_are(model: VAE, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = binary_images(3)
    exact = [Oracle(model, image).log_evidence() for image in x]
    oracle = Evidence(torch.tensor(exact), torch.full((3,), 1e-3), "quadrature")
    monkeypatch.setattr("explorer.inference.evidence.choice.quadrature", lambda *args, **options: oracle)
    result = evaluate(model, x, evidence_method=method, evidence_images=3, annealing_steps=60, chains=20)
    assert result.log_evidence == pytest.approx(sum(exact) / 3, abs=0.2)
    annealed = method == "annealed"
    assert (result.evidence_method, result.evidence_bound) == (method, "lower" if annealed else None)
    assert (result.annealing_steps, result.annealing_chains) == ((60, 20) if annealed else (None, None))
    assert (result.effective_samples is not None) == annealed
    assert (result.evidence_samples, result.evidence_widen) == (0, None)


def test_images_in_their_usual_number_and_the_choice_of_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EVIDENCE_IMAGES == {"quadrature": 1_000, "importance": 200, "annealed": 20, "iwae": 200}
    monkeypatch.setitem(EVIDENCE_IMAGES, "importance", 4)
    monkeypatch.setitem(EVIDENCE_IMAGES, "annealed", 2)
    x, options = binary_images(6), {"evidence_images": None, "annealing_steps": 2, "chains": 2, "evidence_samples": 5}
    assert evaluate(tiny_model(3), x, evidence_method="auto", **options).evidence_images == 4
    assert evaluate(tiny_model(3), x, evidence_method="annealed", **options).evidence_images == 2


def test_what_makes_no_sense_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.inference.evaluation.elbo", lambda *args, **options: pytest.fail("worked"))
    for options in ({"evidence_method": "quadrature"}, {"evidence_method": "guess"}, {"evidence_samples": 0}):
        with pytest.raises(ValueError, match=r"\.$"):
            evaluate(tiny_model(3), binary_images(2), **options)
    for options in ({"evidence_widen": -1.0}, {"annealing_steps": 0}, {"chains": 0}):
        with pytest.raises(ValueError, match=r"\.$"):
            evaluate(tiny_model(3), binary_images(2), **options)


@pytest.mark.parametrize("method", ["importance", "iwae", "annealed"])
def test_images_without_any_weight_are_null_and_never_nan(method: str) -> None:
    options = {"evidence_method": method, "evidence_images": 2, "evidence_samples": 50, "annealing_steps": 2}
    facts = evaluate(overflowing_model(), binary_images(3), **options).facts()
    facts = json.loads(json.dumps(facts, allow_nan=False))
    assert facts["log_evidence"] is None and facts["log_evidence_standard_error"] is None
    assert facts["evidence_error"] == {"mean": None, "worst": None}
    assert facts["effective_samples"] == {"mean": 0, "worst": 0}
    facts = evaluate(tiny_model(gain=150.0), binary_images(3), **options).facts()
    assert facts["log_evidence"] < -100 and 0 <= facts["evidence_unknown"] <= 2


def test_standard_error_is_over_images(model: VAE) -> None:
    x = binary_images(30)
    value = elbo(model, x, samples=16, generator=torch.Generator().manual_seed(3)).value.double()
    expected = math.sqrt(((value - value.mean()) ** 2).sum().item() / 29 / 30)
    assert evaluate(model, x, samples=16, seed=3).elbo_standard_error == pytest.approx(expected, rel=1e-6)


def test_the_same_seed_gives_the_same_numbers(model: VAE) -> None:
    x = binary_images(20)
    one, again = (
        evaluate(model, x, evidence_images=5, evidence_method="importance", evidence_samples=50, seed=1)
        for _ in range(2)
    )
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


@pytest.mark.parametrize("method", ["importance", "iwae", "annealed"])
@pytest.mark.parametrize(("n", "images"), [(7, 0), (7, 3), (7, 7), (7, 200)])
def test_progress_rises_to_one(model: VAE, n: int, images: int, method: str) -> None:
    seen: list[float] = []
    options = {"evidence_method": method, "evidence_samples": 20, "annealing_steps": 4, "chains": 3}
    x = binary_images(n)
    result = evaluate(model, x, samples=100, evidence_images=images, progress=seen.append, **options)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1) and max(seen) <= 1
    assert result.evidence_images == min(n, images)


def test_one_image_has_no_standard_error_and_says_so(model: VAE) -> None:
    result = evaluate(model, binary_images(1), evidence_images=1, evidence_method="iwae", evidence_samples=10)
    assert result.elbo_standard_error == math.inf
    assert math.isfinite(result.elbo)
    facts = json.loads(json.dumps(result.facts(), allow_nan=False))
    assert facts["elbo_standard_error"] is None and facts["elbo"] == result.elbo
