"""The ladder of bounds: from the ELBO upwards to log p(x), never above it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from explorer.inference.evidence.iwae import log_weights
from explorer.inference.evidence.ladder import KS, POOL, ladder
from explorer.models import VAE
from tests.helpers.linear_gaussian import images, linear_gaussian
from tests.helpers.oracle import Oracle, binary_images, overflowing_model, tiny_model


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_first_rung_is_the_elbo_and_none_is_above_log_p() -> None:
    for seed in range(6):
        model, x = tiny_model(seed=seed, gain=4.0), binary_images(1, seed=seed)
        oracle = Oracle(model, x)
        rungs = ladder(model, x, generator=seeded(seed))
        assert [rung.k for rung in rungs] == list(KS)
        elbo, log_p = oracle.reconstruction() - oracle.kl_to_prior(), oracle.log_evidence()
        assert abs(rungs[0].value - elbo) < 4 * rungs[0].error
        assert all(rung.value < log_p + 4 * rung.error for rung in rungs)
        # Groups are nested: the climb is exact, not only within errors.
        assert all(lower.value <= higher.value for lower, higher in itertools.pairwise(rungs))
        assert log_p - rungs[-1].value < 0.1 * (log_p - rungs[0].value)


def test_the_rungs_of_a_linear_gaussian_model() -> None:
    """ELBO in closed form: log p(x) - KL(q || posterior), for a q whose scales are half the posterior's."""
    model, marginal = linear_gaussian(too_narrow=2)
    x = images(marginal, 1)
    log_p = marginal.logpdf(x.flatten()).item()
    rungs = ladder(model, x, generator=seeded())
    kl = 2 * (math.log(2) + 0.5 / 4 - 0.5)  # two dimensions
    assert abs(rungs[0].value - (log_p - kl)) < 4 * rungs[0].error
    assert rungs[0].error < 0.01
    assert log_p - 0.2 < rungs[-1].value < log_p + 4 * rungs[-1].error


def test_every_rung_and_its_error_from_groups_of_the_pool(
    model: VAE, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(log_weights.__globals__, "VALUES", 16 * 100)
    rungs = ladder(model, x, ks=(3, 7, 40), pool=100, generator=seeded(1))
    w = torch.cat([*log_weights(model, x, 100, generator=seeded(1))]).squeeze(1).exp().numpy()
    for rung in rungs:
        groups = 100 // rung.k
        bounds = np.log(w[: groups * rung.k].reshape(groups, rung.k).mean(1))
        assert rung.value == pytest.approx(bounds.mean(), abs=1e-9)
        assert rung.error == pytest.approx(bounds.std(ddof=1) / math.sqrt(groups), rel=1e-9)


def test_errors_are_those_of_repetition() -> None:
    model, x = tiny_model(gain=4.0), binary_images(1)
    many = [ladder(model, x, ks=(1, 10, 100), pool=2_000, generator=seeded(seed)) for seed in range(60)]
    for rung in range(3):
        scatter = np.std([rungs[rung].value for rungs in many], ddof=1)
        claimed = np.sqrt(np.mean([rungs[rung].error ** 2 for rungs in many]))
        assert 0.65 < scatter / claimed < 1.5  # a standard deviation of 60 is known to 9 %


def test_one_group_has_no_error_and_overflow_no_nan(model: VAE, x: Tensor) -> None:
    (rung,) = ladder(model, x, ks=(50,), pool=99, generator=seeded())
    assert rung.error == math.inf and math.isfinite(rung.value)
    (rung,) = ladder(overflowing_model(), x, ks=(5,), pool=20, generator=seeded())
    assert (rung.value, rung.error) == (-math.inf, math.inf)


def test_all_groups_of_the_usual_pool_are_whole_and_nested() -> None:
    assert all(POOL % k == 0 for k in KS)
    assert all(b % a == 0 for a, b in itertools.pairwise(KS))


@pytest.mark.parametrize(
    ("count", "options", "word"),
    [
        (2, {}, "one image"),
        (0, {}, "one image"),
        (1, {"ks": ()}, "at least one k"),
        (1, {"ks": (0, 5)}, "at least 1"),
        (1, {"ks": (500,), "pool": 100}, "too small"),
        (1, {"widen": -1.0}, "widened"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(model: VAE, count: int, options: dict, word: str) -> None:
    with pytest.raises(ValueError, match=rf"{word}.*\.$"):
        ladder(model, binary_images(count), **options)
