"""The held-out terms are the ELBO of images that training does not see, with the same noise each time."""

from __future__ import annotations

import pytest
import torch

from explorer.config import ModelConfig
from explorer.datasets import load_dataset
from explorer.datasets.binarise import repeatable
from explorer.inference import elbo
from explorer.models import build
from explorer.training.heldout import HeldOut

CPU = torch.device("cpu")


@pytest.mark.parametrize("binarisation", ["dynamic", "fixed", "threshold"])
def test_it_estimates_the_elbo_of_the_test_split_and_repeats(binarisation: str) -> None:
    test = load_dataset("digits", "test")
    model = build(ModelConfig((1, 8, 8), 2, hidden=(16,)), seed=0)
    heldout = HeldOut(test, binarisation, CPU, count=200)
    log_likelihood, kl, active = heldout.measure(model)
    assert (log_likelihood, kl, active) == heldout.measure(model)
    means = torch.cat([model.posterior(chunk).mean for chunk in heldout.x.split(250)])
    assert active == (means.double().var(0, correction=0) > 0.01).sum()
    with torch.no_grad():
        terms = elbo(model, repeatable(test.images[:200], binarisation), samples=64)
    assert kl == pytest.approx(terms.kl.mean().item(), rel=1e-5)
    draws = torch.stack([elbo(model, heldout.x).log_likelihood.mean() for _ in range(50)])
    assert abs(log_likelihood - terms.log_likelihood.mean().item()) < 4 * draws.std().item()
