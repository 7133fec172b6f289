"""Any q that can be dragged, at rest, as the routes give it: against fine grids of this test's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from explorer.serving.elbo_page.answers import gradient_of, kl_of
from explorer.serving.space.posteriors import posterior_of
from explorer.serving.space.space import SPACES, Space
from explorer.serving.space.state import gaussian_in, image_of
from explorer.serving.space.terms import evaluate_state

HARD = (149, 964)


def reconstruction(space: Space, index: int, mean: list[float], factor: Tensor, nodes: int) -> float:
    """E_q[log p(x|z)] of N(mean, F F^T) by the midpoint rule over 13 scales, float64 sums, in parts."""
    x = image_of(space, index).x
    eps = (np.arange(nodes) + 0.37) / nodes * 13 - 6.5
    weight = np.exp(-0.5 * eps**2)
    weight /= weight.sum()
    total = 0.0
    for part, share in zip(np.array_split(eps, 40), np.array_split(weight, 40), strict=True):
        z = torch.tensor(mean) + torch.cartesian_prod(torch.from_numpy(part), torch.from_numpy(eps)) @ factor.T
        with torch.inference_mode():
            found = _linear(space, x, z).view(len(part), nodes).numpy()
        total += float(share @ found @ weight)
    return total


def _linear(space: Space, x: Tensor, z: Tensor) -> Tensor:
    """log p(x|z) of a Bernoulli, from its logits."""
    logits = space.checkpoint.model.decoder.network(z.float()).flatten(1)
    return logits.double() @ x.flatten().double() - torch.nn.functional.softplus(logits).sum(1).double()


def turned(angle: float) -> list[list[float]]:
    """A basis (2, 2), its columns unit vectors."""
    return [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]


def kl_to_prior(mean: list[float], factor: Tensor) -> float:
    m, f = np.array(mean), factor.numpy()
    return float(0.5 * ((f**2).sum() + (m**2).sum() - len(m)) - np.linalg.slogdet(f)[1])


@pytest.mark.parametrize(
    ("sigma", "nodes", "angle"),
    [
        ([0.01, 0.01], 40, 0.0),
        ([0.25, 0.25], 180, 0.0),
        ([0.5, 0.5], 260, 0.0),
        ([0.5, 0.12], 260, 0.6),
        ([2.0, 0.3], 260, 2.2),
        ([0.5, 3.0], 260, 0.0),
        ([3.0, 3.0], 260, 0.0),
    ],
)
def test_the_elbo_is_a_fine_grids_and_kl_makes_it_log_p(sigma: list[float], nodes: int, angle: float) -> None:
    space = SPACES.get("mnist-2d")
    index = HARD[sigma[0] > 0.3]
    mean = space.latents.loc[index].double().tolist()
    state = {"image": index, "mode": "gaussian", "z": mean, "basis": turned(angle), "sigma": sigma}
    terms = evaluate_state(space, state)
    factor = gaussian_in(space, state).factor
    along = torch.tensor(turned(angle), dtype=torch.float64)
    deviations = (along.T @ factor @ factor.T @ along).diagonal().sqrt()  # along the axes of the turned map
    assert deviations.tolist() == pytest.approx(sigma, rel=1e-6)
    exact = reconstruction(space, index, mean, factor, nodes) - kl_to_prior(mean, factor)
    assert abs(terms["elbo"] - exact) < (0.005 if max(sigma) <= 0.5 else 1e-4 * abs(exact))
    found = kl_of(space, state)
    log_p = posterior_of(space, image_of(space, index)).log_evidence
    assert abs(log_p - terms["elbo"] - found["kl_to_posterior"]) < 0.001 + 2e-4 * abs(terms["elbo"])
    assert found["kl_to_posterior"] + terms["elbo"] != log_p  # two integrals, not one


@pytest.mark.parametrize(("index", "s"), [(9_999, 0.06), (9_999, 0.35)])
def test_no_number_of_a_q_up_to_half_a_unit_wide_carries_a_mark(index: int, s: float) -> None:
    """Images whose log p(x|z) has a kink within q: the usual nodes say ± 0.01 of them."""
    space = SPACES.get("mnist-2d")
    mean = space.latents.loc[index].double().tolist()
    state = {"image": index, "mode": "gaussian", "z": mean, "basis": [[1, 0], [0, 1]], "sigma": [s, s]}
    terms = evaluate_state(space, state)
    exact = reconstruction(space, index, mean, torch.eye(2, dtype=torch.float64) * s, 260)
    assert abs(terms["reconstruction"] - exact) <= terms["standard_error"] < 0.005


def test_the_gradient_of_a_wide_q_is_the_difference_beside() -> None:
    space = SPACES.get("mnist-2d")
    mean = space.latents.loc[964].double().tolist()

    def elbo(values: list[float]) -> float:
        state = {"image": 964, "mode": "gaussian", "z": values[:2], "basis": [[1, 0], [0, 1]], "sigma": values[2:]}
        return evaluate_state(space, state)["elbo"]

    at = [*mean, 0.8, 1.4]
    state = {"image": 964, "z": mean, "basis": [[1, 0], [0, 1]], "sigma": at[2:]}
    found = gradient_of(space, state)["exact"]
    for k in range(4):
        sides = [elbo([value + by * (i == k) for i, value in enumerate(at)]) for by in (0.05, -0.05)]
        assert found[k] == pytest.approx((sides[0] - sides[1]) / 0.1, rel=0.01, abs=0.3)
    assert all(map(math.isfinite, found))
