"""What is served: bytes as the browser's modules read them, and torch's terms for a state."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from explorer.checkpoint.weights import load_checkpoint
from explorer.serving.http.pack import (
    SHEET,
    SHEET_BYTES,
    pack_images,
    pack_latents,
    pack_points,
    pack_rule,
    sheet_size,
    sheets,
)
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import Space, open_space
from explorer.serving.space.state import plane_gaussian_in
from explorer.serving.space.terms import BadState, evaluate_state
from tests.helpers.spaces import odd_space, save_digits, save_pictures


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Space:
    return odd_space(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module", params=[2, 5])
def digits(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Space:
    folder = save_digits(tmp_path_factory.mktemp("digits"), latent=request.param)
    return open_space(load_checkpoint(folder), "digits")


# Read as data.mjs reads them: typed arrays at these offsets.


def test_points_are_codes_then_labels(odd: Space) -> None:
    content, n = pack_points(odd), len(odd.latents)
    assert len(content) == 9 * n
    codes = np.frombuffer(content, "<f4", 2 * n).reshape(n, 2)
    np.testing.assert_allclose(codes, odd.latents.loc.double() @ odd.plane.basis, rtol=1e-6, atol=1e-6)
    assert np.frombuffer(content, "u1", n, 8 * n).tolist() == odd.latents.labels.tolist()


@pytest.mark.parametrize("index", [0, 1, 255, 256, 299])
def test_an_image_is_found_in_its_sheet_also_in_the_last_short_one(odd: Space, index: int) -> None:
    sheet, row = divmod(index, SHEET)
    rows, pixels, stride = min(SHEET, 300 - sheet * SHEET), 25, 4
    content = pack_images(odd, sheet)
    assert sheets(odd) == 2 and len(content) == rows * (pixels + stride)
    grey, bits = content[row * pixels :][:pixels], content[rows * pixels + row * stride :][:stride]
    assert list(grey) == odd.latents.images[index].flatten().tolist()
    assert [(bits[i >> 3] >> (7 - (i & 7))) & 1 for i in range(pixels)] == odd.latents.x[index].flatten().tolist()
    latents, d = pack_latents(odd, sheet), 3
    assert len(latents) == 8 * rows * d
    assert np.frombuffer(latents, "<f4", d, 4 * row * d).tolist() == odd.latents.loc[index].tolist()
    assert np.frombuffer(latents, "<f4", d, 4 * (rows + row) * d).tolist() == odd.latents.scale[index].tolist()


@pytest.fixture(scope="module", params=["continuous-bernoulli", "gaussian", "discretised-logistic"])
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Space:
    folder = save_pictures(tmp_path_factory.mktemp("pictures"), (3, 64, 64), request.param, latent=3, hidden=(8,))
    return open_space(load_checkpoint(folder), "pictures")


@pytest.mark.parametrize("index", [0, 31, 32, 59])
def test_grey_and_colour_images_travel_once_in_sheets_of_a_bounded_size(pictures: Space, index: int) -> None:
    size, pixels = sheet_size(pictures), 3 * 64 * 64
    assert size == 32 and sheets(pictures) == 2 and describe(pictures)["sheet"]["size"] == size
    sheet, row = divmod(index, size)
    content = pack_images(pictures, sheet)
    assert len(content) == min(size, 60 - sheet * size) * pixels <= SHEET_BYTES  # no bits after them
    assert list(content[row * pixels :][:pixels]) == pictures.latents.images[index].flatten().tolist()
    latents = pack_latents(pictures, sheet)
    assert np.frombuffer(latents, "<f4", 3, 12 * row).tolist() == pictures.latents.loc[index].tolist()


def test_small_binary_images_keep_the_largest_sheet(odd: Space) -> None:
    assert sheet_size(odd) == SHEET


def test_the_manifest_says_what_is_observed_and_what_the_numbers_are(pictures: Space, digits: Space) -> None:
    name = pictures.checkpoint.config.model.likelihood
    manifest = describe(pictures)
    assert manifest["observed"] == "grey"
    assert manifest["likelihood"] == {"name": name, "density": name != "discretised-logistic"}
    assert describe(digits)["observed"] == "binary"
    assert describe(digits)["likelihood"] == {"name": "bernoulli", "density": False}


@pytest.mark.parametrize("mode", ["point", "gaussian"])
def test_terms_of_grey_and_colour_images_are_of_their_values(pictures: Space, mode: str) -> None:
    terms = evaluate_state(pictures, state_of(pictures, 40, mode))
    model, x = pictures.checkpoint.model, pictures.latents.images[40:41].float() / 255
    if mode == "point":
        expected = model.likelihood(pictures.latents.loc[40:41]).log_prob(x).item()
        # A plane through three dimensions: the image's own code is not moved by the lift.
        assert terms["log_likelihood"] == pytest.approx(expected, rel=1e-5)
        return
    z = model.posterior(x.expand(300, -1, -1, -1)).rsample()
    draws = model.likelihood(z).log_prob(x).double()
    error = draws.std().item() / len(draws) ** 0.5 + terms["standard_error"] + 1e-6 * abs(terms["reconstruction"])
    assert abs(terms["reconstruction"] - draws.mean().item()) < 5 * error


def test_one_data_set_seen_as_bits_and_as_grey_has_two_names(tmp_path: Path) -> None:
    from explorer.checkpoint.weights import save_checkpoint
    from explorer.config import Config, ModelConfig, TrainingConfig
    from explorer.models import build

    keys = []
    for likelihood, how in (("bernoulli", "threshold"), ("gaussian", "none")):
        config = ModelConfig((1, 8, 8), 2, hidden=(16,), likelihood=likelihood)
        folder = tmp_path / likelihood
        save_checkpoint(folder, build(config, seed=0), Config(config, TrainingConfig("digits", binarisation=how)))
        keys.append(open_space(load_checkpoint(folder), likelihood).data_key)
    assert keys[0] != keys[1]


@pytest.mark.parametrize("name", ["live", "rest"])
def test_a_rule_is_nodes_then_weights(odd: Space, name: str) -> None:
    rule = odd.rules[name]
    content, k, d = pack_rule(rule), len(rule), 3
    assert len(content) == 8 * k * (d + 1)
    nodes, weights = np.frombuffer(content, "<f8", k * d).reshape(k, d), np.frombuffer(content, "<f8", k, 8 * k * d)
    np.testing.assert_array_equal(nodes, rule.nodes)
    assert weights.sum() == pytest.approx(1)
    assert abs((weights[:, None] * nodes).sum(0)).max() < 1e-9


def test_the_manifest_is_strict_json_and_names_everything_by_its_content(digits: Space) -> None:
    manifest = describe(digits)
    assert json.loads(json.dumps(manifest, allow_nan=False)) == manifest
    x0, x1, y0, y1 = manifest["plane"]["range"]
    u = digits.codes
    inside = (u[:, 0] > x0) & (u[:, 0] < x1) & (u[:, 1] > y0) & (u[:, 1] < y1)
    assert inside.double().mean() > 0.99 and x0 < -2 and x1 > 2 and y0 < -2 and y1 > 2
    assert digits.key in manifest["decoder"] and digits.data_key in manifest["sheet"]["images"]


def state_of(space: Space, image: int, mode: str = "gaussian", by: float = 0.0, scale: float = 1.0) -> dict:
    """The encoder's q for an image, moved and stretched on the map."""
    loc, s = space.latents.loc[image].double(), space.latents.scale[image].double()
    sigma = (space.plane.basis.T @ torch.diag(s**2) @ space.plane.basis).diagonal().sqrt() * scale
    return {"image": image, "mode": mode, "u": (loc @ space.plane.basis + by).tolist(), "sigma": sigma.tolist()}


def test_a_point_has_the_terms_of_the_models_distributions(digits: Space) -> None:
    model, image = digits.checkpoint.model, 7
    terms = evaluate_state(digits, state_of(digits, image, "point", by=0.3))
    basis = digits.plane.basis
    z = (digits.latents.loc[image].double() + basis @ torch.full((2,), 0.3, dtype=torch.float64)).float()
    x = digits.latents.x[image : image + 1].float()
    assert terms["log_likelihood"] == pytest.approx(model.likelihood(z[None]).log_prob(x).item(), abs=1e-4)
    assert terms["log_prior"] == pytest.approx(Normal(0, 1).log_prob(z).sum().item(), abs=1e-4)
    assert terms["log_posterior"] == pytest.approx(model.posterior(x).log_prob(z[None]).item(), abs=1e-3)
    total = terms["log_likelihood"] + terms["log_prior"] - terms["log_posterior"]
    assert terms["log_weight"] == pytest.approx(total, abs=1e-3)


def test_a_point_s_q_is_the_one_that_was_served(digits: Space) -> None:
    """Far from a narrow q the last digits of its mean are hundredths of a nat: both sides must take the same ones."""
    state = {"image": 9, "mode": "point", "u": [300.0, -200.0]}
    loc, scale = digits.latents.loc[9].double(), digits.latents.scale[9].double()
    z = digits.plane.lift(torch.tensor(state["u"], dtype=torch.float64), digits.latents.loc[9]).float().double()
    expected = Normal(loc, scale).log_prob(z).sum().item()
    assert evaluate_state(digits, state)["log_posterior"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("by", "scale"), [(0.0, 1.0), (0.7, 0.5), (-0.4, 1.6)])
def test_a_gaussian_has_the_kl_of_torch_and_the_reconstruction_of_draws(digits: Space, by: float, scale: float) -> None:
    image, d = 11, digits.latent
    terms = evaluate_state(digits, state_of(digits, image, by=by, scale=scale))
    # The stretch within the plane written out: A = I + (scale - 1) B B^T, since both axes stretch alike.
    basis, s = digits.plane.basis, digits.latents.scale[image].double()
    loc = digits.latents.loc[image].double() + by * basis.sum(1)
    factor = (torch.eye(d, dtype=torch.float64) + (scale - 1) * basis @ basis.T) * s
    q = MultivariateNormal(loc, factor @ factor.T)
    prior = MultivariateNormal(torch.zeros(d).double(), torch.eye(d).double())
    assert terms["kl"] == pytest.approx(kl_divergence(q, prior).item(), abs=1e-6)
    assert terms["elbo"] == pytest.approx(terms["reconstruction"] - terms["kl"], abs=1e-9)
    generator = torch.Generator().manual_seed(0)
    z = loc + torch.randn(40_000, d, generator=generator, dtype=torch.float64) @ factor.T
    values = digits.checkpoint.model.likelihood(z.float()).log_prob(digits.latents.x[image : image + 1].float())
    error = values.std().item() / len(values) ** 0.5 + terms.get("standard_error", 0.0)
    assert abs(terms["reconstruction"] - values.double().mean().item()) < 5 * error


def test_a_latent_and_its_plane_say_the_same_as_a_place_on_the_opening_map(digits: Space) -> None:
    for mode in ("gaussian", "point"):
        state = state_of(digits, 5, mode, by=0.4, scale=1.3)
        z = digits.plane.lift(torch.tensor(state["u"], dtype=torch.float64), digits.latents.loc[5])
        other = {**state, "u": None, "z": z.tolist(), "basis": digits.plane.basis.tolist()}
        assert evaluate_state(digits, other) == pytest.approx(evaluate_state(digits, state), abs=1e-9)


def test_a_latent_without_a_plane_is_the_encoder_s_q_moved_there(digits: Space) -> None:
    image, d = 6, digits.latent
    z = digits.latents.loc[image].double() + 0.3
    terms = evaluate_state(digits, {"image": image, "mode": "gaussian", "z": z.tolist()})
    q = MultivariateNormal(z, (digits.latents.scale[image].double() ** 2).diag())
    prior = MultivariateNormal(torch.zeros(d).double(), torch.eye(d).double())
    assert terms["kl"] == pytest.approx(kl_divergence(q, prior).item(), abs=1e-6)
    with pytest.raises(BadState, match="plane"):
        plane_gaussian_in(digits, {"image": image, "z": z.tolist()})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"z": [0.0] * 7}, "z must be"),
        ({"z": "zero"}, "z must be"),
        ({"z": [True]}, "z must be"),
        ({"z": [math.nan]}, "z must"),
        ({"z": [10**400]}, "z must"),
        ({"basis": [[1, 0]] * 7}, "basis must be"),
        ({"basis": [1]}, "basis must be"),
        ({"basis": [[1, 0]]}, "orthonormal"),
        ({"basis": [["1", 0]]}, "each row"),
        ({"sigma": [0, 1]}, "sigma must"),
    ],
)
def test_a_latent_or_a_basis_that_is_none_is_answered_with_a_sentence(digits: Space, changes, sentence) -> None:
    d = digits.latent
    # One entry stands for as many as there are dimensions.
    changes = {name: value * d if len(value) == 1 else value for name, value in changes.items()}
    good = {"image": 0, "mode": "gaussian", "z": [0.0] * d, "basis": torch.eye(d, 2).tolist(), "sigma": [0.3, 0.4]}
    assert evaluate_state(digits, good)["kl"] > 0
    with pytest.raises(BadState, match=sentence):
        evaluate_state(digits, {**good, **changes})


GOOD = {"image": 0, "mode": "gaussian", "u": [0.1, -0.2], "sigma": [0.3, 0.4]}
NUMBERS = [None, "1,2", 3, [], [1], [1, 2, 3], ["1", "2"], [True, 1], [None, 1], [[1], 2], {"0": 1, "1": 2},
           [math.nan, 0], [math.inf, 0], [0, -math.inf], [1e300, 0], [10**400, 0], [0, -(10**400)]]  # fmt: skip
BAD = [
    *[{"image": value} for value in (-1, 10**9, 10**400, True, False, 0.0, 1.5, math.nan, "0", None, [0], {})],
    *[{"u": value} for value in NUMBERS],
    *[{"sigma": value} for value in [*NUMBERS, [0, 0], [-1, 1], [1e-9, 1], [1, 1e3]]],
    *[{"mode": value} for value in ("", "Gaussian", "points", None, 1, ["point"], {"a": 1})],
]


@pytest.mark.parametrize("change", BAD, ids=lambda change: f"{change!r:.40}")
def test_a_state_that_cannot_be_evaluated_is_refused_in_a_sentence(digits: Space, change: dict) -> None:
    with pytest.raises(BadState) as error:
        evaluate_state(digits, {**GOOD, **change})
    assert str(error.value).endswith(".") and next(iter(change)) in str(error.value)


WITHOUT = [{key: value for key, value in GOOD.items() if key != gone} for gone in GOOD]


@pytest.mark.parametrize("state", [None, [], "state", 3, {}, *WITHOUT])
def test_a_state_that_lacks_something_is_refused(digits: Space, state: object) -> None:
    with pytest.raises(BadState):
        evaluate_state(digits, state)


def test_states_at_the_limits_are_finite(digits: Space) -> None:
    last = len(digits.latents) - 1
    for u, sigma in (([1e3, -1e3], [3.0, 1e-4]), ([0, 0], [1e-4, 1e-4])):
        for mode in ("gaussian", "point"):
            terms = evaluate_state(digits, {"image": last, "mode": mode, "u": u, "sigma": sigma})
            assert all(map(math.isfinite, terms.values()))


def test_a_point_needs_no_scales(digits: Space) -> None:
    assert evaluate_state(digits, {"image": 0, "mode": "point", "u": [0, 0]}).keys() == {
        "log_likelihood", "log_prior", "log_posterior", "log_weight"}  # fmt: skip
