"""The routes of the anatomy of an ELBO: their numbers against other ways to them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from starlette.applications import Starlette
from starlette.testclient import TestClient

from explorer.inference import log_evidence
from explorer.inference.quadrature.lattice import QuadratureError
from explorer.serving.elbo_page import answers as anatomy
from explorer.serving.elbo_page import best
from explorer.serving.routes import routes
from explorer.serving.space.space import SPACES, Space
from tests.helpers.anatomy_space import AT, evidence_of, opened, pixels, post, x_of
from tests.helpers.spaces import save_pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("anatomy")


@pytest.fixture(scope="module")
def space(folder: Path) -> Space:
    return opened(folder / "two", 12.0)


@pytest.fixture(scope="module")
def larger(folder: Path) -> Space:
    return opened(folder / "five", 6.0, latent=5)


@pytest.fixture(scope="module")
def narrow(folder: Path) -> Space:
    """Too sure of itself for any lattice, and all but certain that no digit exists."""
    return opened(folder / "narrow", 3e4)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes())) as client:
        yield client


def elbo(client: TestClient, space: Space, **state: Any) -> float:
    return post(client, space, "terms", {"mode": "gaussian", **state})["elbo"]


@pytest.mark.parametrize("index", [0, 7])
def test_the_evidence_is_log_p_and_the_masses_are_the_posteriors(client: TestClient, space: Space, index: int) -> None:
    facts, mass = evidence_of(client, space, index)
    model, x = space.checkpoint.model, x_of(space, index)
    exact = log_evidence(model, x, method="quadrature", tolerance=1e-5).value.item()
    assert facts["method"] == "quadrature" and facts["error"] < 1e-3
    assert facts["value"] == pytest.approx(exact, abs=1e-3)
    assert mass.sum(dtype=float) == pytest.approx(1, abs=1e-5) and mass.min() >= 0
    # Bin by bin against the model itself: the density at a bin's middle times its area.
    low, side = np.array(facts["low"]), facts["bin"]
    middle = np.stack(np.meshgrid(*(low[j] + (np.arange(n) + 0.5) * side for j, n in enumerate(mass.shape)),
                                  indexing="ij"), -1)  # fmt: skip
    z = torch.from_numpy(middle.reshape(-1, 2)).float()
    with torch.inference_mode():
        log_joint = model.likelihood(z).log_prob(x).double() - 0.5 * z.double().square().sum(1) - math.log(2 * math.pi)
    density = (log_joint - exact).exp().view(mass.shape).numpy() * side**2
    assert np.abs(density - mass).sum() < 0.02
    mean = (middle * mass[..., None]).sum((0, 1))
    np.testing.assert_allclose(facts["mean"], mean, atol=0.1 * side)
    spread = ((middle - mean) ** 2 * mass[..., None]).sum((0, 1)) ** 0.5
    np.testing.assert_allclose(facts["deviations"], spread, rtol=0.02)
    assert density[tuple(((np.array(facts["peak"]) - low) / side).astype(int))] > 0.98 * density.max()
    for share, level in zip(facts["shares"], facts["levels"], strict=True):
        inside = mass >= np.float32(level)
        assert mass[inside].sum() >= share - 1e-5 > mass[inside].sum() - mass[inside].min() - 2e-5


def test_a_drawn_image_is_weighed_as_the_same_one_of_the_data_set(client: TestClient, space: Space) -> None:
    state = {"pixels": pixels(x_of(space, 3))}
    (facts, mass), (drawn, drawn_mass) = evidence_of(client, space, 3), post(client, space, "evidence", state)
    assert drawn["value"] == pytest.approx(facts["value"], abs=1e-6)
    assert drawn["sides"] == facts["sides"] and np.abs(mass - drawn_mass).sum() < 1e-4
    for name, at in (("best", {}), ("gradient", AT), ("kl", AT), ("encode", {})):
        one, other = (post(client, space, name, {**image, **at}) for image in ({"image": 3}, state))
        flat, flat_other = (np.concatenate([np.ravel(value) for value in _numbers(some)]) for some in (one, other))
        np.testing.assert_allclose(flat, flat_other, rtol=1e-3, atol=1e-4)
    q = space.checkpoint.model.posterior(x_of(space, 3)).base_dist
    encoded = post(client, space, "encode", state)
    np.testing.assert_allclose(encoded["loc"], q.loc[0].detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(encoded["scale"], q.scale[0].detach(), rtol=1e-5)


def _numbers(value: Any) -> Iterator[list[float]]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _numbers(part)
    elif value is not None:
        yield value if isinstance(value, list) else [value]


def test_an_image_that_the_model_thinks_impossible_is_weighed(client: TestClient, folder: Path) -> None:
    sure = opened(folder / "sure", 100.0)
    x = torch.zeros(1, 1, 8, 8)
    x[..., ::2, 1::2] = x[..., 1::2, ::2] = 1  # a chessboard
    facts, mass = post(client, sure, "evidence", {"pixels": pixels(x)})
    exact = log_evidence(sure.checkpoint.model, x, method="quadrature", tolerance=1e-4).value.item()
    assert facts["method"] == "quadrature" and exact < -500 and facts["value"] == pytest.approx(exact, abs=5e-3)
    assert mass.sum(dtype=float) == pytest.approx(1, abs=1e-5)
    found = post(client, sure, "best", {"pixels": pixels(x)})
    assert found["full"]["elbo"] < facts["value"] + 1e-2


def test_above_two_dimensions_it_is_an_importance_estimate(client: TestClient, larger: Space) -> None:
    for index in (0, 5):
        facts, rest = evidence_of(client, larger, index)
        generator = torch.Generator().manual_seed(1)
        other = log_evidence(
            larger.checkpoint.model, x_of(larger, index), method="iwae", samples=50_000, widen=1.3, generator=generator
        )
        assert facts["method"] == "importance" and facts["caution"] == "" and rest.size == 0
        assert abs(facts["value"] - other.value.item()) < 5 * math.hypot(facts["error"], other.error.item())
        assert 0 < facts["effective"] <= facts["samples"] and 0 < facts["error"] < 0.1


def test_where_quadrature_is_impossible_the_next_best_says_why(
    client: TestClient, space: Space, narrow: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, _ = evidence_of(client, narrow, 0)
    assert facts["method"] == "importance" and facts["caution"].endswith(".") and math.isfinite(facts["value"])
    answer = client.post(f"/explorer/kl/{narrow.key}", json={"image": 0, **AT})
    assert answer.status_code == 400 and answer.json()["error"].endswith(".")

    def never(*_: object, **__: object) -> None:
        raise QuadratureError("The lattice is on strike")

    monkeypatch.setattr(anatomy, "posterior_of", never)
    monkeypatch.setattr(best, "mass_of", never)
    exact = evidence_of(client, space, 7)[0]["value"]  # kept
    facts, _ = post(client, space, "evidence", {"pixels": pixels(x_of(space, 7))})
    assert facts["method"] == "importance" and facts["caution"].startswith("The lattice is on strike. log p(x)")
    assert abs(facts["value"] - exact) < 5 * facts["error"] + 0.02


def test_the_best_gaussians_lie_where_they_say_and_in_order(client: TestClient, space: Space) -> None:
    value = evidence_of(client, space, 2)[0]["value"]
    found = post(client, space, "best", {"image": 2})
    own, diagonal, full = (found[name]["elbo"] for name in ("encoder", "diagonal", "full"))
    assert own < diagonal - 0.1 and diagonal <= full + 1e-3 and full <= value + 1e-3
    at = {"image": 2, "u": found["diagonal"]["u"], "sigma": found["diagonal"]["sigma"]}
    assert elbo(client, space, **at) == pytest.approx(diagonal, abs=1e-2)
    q = space.checkpoint.model.posterior(x_of(space, 2)).base_dist
    encoder = {"u": space.plane.project(q.loc[0]).tolist(), "sigma": q.scale[0].tolist()}
    assert elbo(client, space, image=2, **encoder) == pytest.approx(own, abs=1e-2)
    covariance = np.array(found["full"]["covariance"])
    assert covariance[0] * covariance[2] > covariance[1] ** 2
    np.testing.assert_allclose(np.square(found["full"]["sigma"]), covariance[[0, 2]], rtol=1e-6)
    # A top: the gradient in units of q's own scale is nothing.
    slope = np.array(post(client, space, "gradient", at)["exact"]) * np.tile(at["sigma"], 2)
    assert np.abs(slope).max() < 0.05


@pytest.mark.parametrize("which", ["space", "larger"])
def test_the_gradient_is_the_difference_of_the_elbos_beside(
    client: TestClient, which: str, request: pytest.FixtureRequest
) -> None:
    some = request.getfixturevalue(which)
    found = post(client, some, "gradient", {"image": 1, **AT})
    values, step = [*AT["u"], *AT["sigma"]], 0.02
    slopes = []
    for k in range(4):
        sides = []
        for sign in (1, -1):
            moved = [value + sign * step * (i == k) for i, value in enumerate(values)]
            sides.append(elbo(client, some, image=1, u=moved[:2], sigma=moved[2:]))
        slopes.append((sides[0] - sides[1]) / (2 * step))
    np.testing.assert_allclose(found["exact"], slopes, rtol=0.02, atol=0.1)
    draws = np.reshape(found["draws"], (-1, 4))
    error = draws.std(0, ddof=1) / len(draws) ** 0.5
    assert len(draws) == 200 and (np.abs(draws.mean(0) - found["exact"]) < 4.5 * error).all()  # standard errors


@pytest.mark.parametrize("at", [AT, {"u": [1.5, 0.5], "sigma": [0.02, 0.7]}])
def test_kl_and_elbo_make_log_p(client: TestClient, space: Space, at: dict[str, Any]) -> None:
    found = post(client, space, "kl", {"image": 4, **at})
    value = evidence_of(client, space, 4)[0]["value"]
    assert found["log_evidence"] == pytest.approx(value, abs=1e-3)
    terms = post(client, space, "terms", {"image": 4, "mode": "gaussian", **at})
    assert found["kl_to_posterior"] + terms["elbo"] == pytest.approx(value, abs=5e-3)


@pytest.mark.parametrize("sigma", [[1e-4, 1e-4], [3.0, 3.0], [1e-4, 3.0]])
def test_a_degenerate_q_has_finite_numbers_that_draws_agree_with(
    client: TestClient, space: Space, sigma: list[float]
) -> None:
    state = {"image": 4, "u": [0.1, 0.2], "sigma": sigma}
    gradient = np.concatenate([np.ravel(value) for value in post(client, space, "gradient", state).values()])
    assert np.isfinite(gradient).all()
    found = post(client, space, "kl", state)
    eps = torch.randn(100_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = torch.tensor(state["u"]) + torch.tensor(sigma) * eps
    with torch.inference_mode():
        log_likelihood = space.checkpoint.model.likelihood(z.float()).log_prob(x_of(space, 4)).double()
    log_prior = torch.distributions.Normal(0, 1).log_prob(z).sum(1)
    log_q = torch.distributions.Normal(0, 1).log_prob(eps).sum(1) - torch.tensor(sigma).log().sum()
    draws = log_q - log_prior - log_likelihood + found["log_evidence"]
    error = draws.std().item() / len(draws) ** 0.5
    assert abs(found["kl_to_posterior"] - draws.mean().item()) < 5 * error + 2e-3
    assert found["kl_to_posterior"] > 0


@pytest.mark.parametrize("which", ["space", "larger"])
def test_the_units_are_numpys(client: TestClient, which: str, request: pytest.FixtureRequest) -> None:
    some = request.getfixturevalue(which)
    facts = client.get(f"/explorer/units/{some.key}.json").json()
    loc, scale = some.latents.loc.double().numpy(), some.latents.scale.double().numpy()
    kl = 0.5 * (scale**2 + loc**2 - 1) - np.log(scale)
    np.testing.assert_allclose(facts["kl"], kl.mean(0), rtol=1e-9)
    np.testing.assert_allclose(facts["variance"], loc.var(0), rtol=1e-9)
    assert facts["n"] == len(loc) and facts["threshold"] == 0.01
    assert facts["rate"] == pytest.approx(kl.sum(1).mean()) == pytest.approx(facts["information"] + facts["marginal"])
    # The draws are others, so within its own standard error.
    rng = np.random.default_rng(3)
    z = loc + scale * rng.standard_normal(loc.shape)
    log_q = np.log(_mixture(loc, scale, z))
    own = np.log(_density(z, loc, scale).prod(1))
    assert abs(facts["information"] - (own - log_q).mean()) < 4 * facts["error"] * 2**0.5 + 1e-3
    # The picture: rows along the second axis of the map.
    basis, (x0, x1, y0, y1), side = some.plane.basis.numpy(), facts["range"], facts["side"]
    picture = np.reshape(facts["density"], (side, side))
    for i, j in ((36, 36), (10, 50), (60, 20)):
        at = np.array([[x0 + (x1 - x0) * (j + 0.5) / side, y0 + (y1 - y0) * (i + 0.5) / side]])
        exact = np.log(_mixture(loc @ basis, (scale**2 @ basis**2) ** 0.5, at))[0]
        assert picture[i, j] == pytest.approx(max(exact, -60), abs=2e-3)


def _density(z: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * ((z - loc) / scale) ** 2) / (scale * (2 * np.pi) ** 0.5)


def _mixture(loc: np.ndarray, scale: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.array([_density(one, loc, scale).prod(1).mean() for one in z])


def test_grey_images_are_sent_as_bytes(client: TestClient, tmp_path: Path) -> None:
    grey = SPACES.get(str(save_pictures(tmp_path / "grey", (1, 8, 8), "discretised-logistic", gain=3.0)))
    white = {"pixels": pixels((255 * x_of(grey, 5)).round())}
    (facts, mass), (drawn, _) = evidence_of(client, grey, 5), post(client, grey, "evidence", white)
    assert facts["method"] == "quadrature" and drawn["value"] == pytest.approx(facts["value"], abs=1e-3)
    assert mass.sum(dtype=float) == pytest.approx(1, abs=1e-5)
    exact = log_evidence(grey.checkpoint.model, x_of(grey, 5), method="quadrature", tolerance=1e-4).value.item()
    assert facts["value"] == pytest.approx(exact, abs=2e-3)
