"""Families of p(x|z): they are normalised, their means are means, and float32 does not hurt them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.special import log_expit
from torch import Tensor
from torch.distributions import Normal

from explorer.config import ModelConfig
from explorer.inference import gaussian_rule, gaussian_terms
from explorer.inference.evaluation import evaluate
from explorer.models import build
from explorer.models.distributions import (
    SMALL,
    ContinuousBernoulli,
    DiscretisedLogistic,
    SharedScaleNormal,
    cb_log_normaliser,
    cb_mean,
)
from explorer.models.likelihoods import LEAST_LOG_SCALE, LIKELIHOODS, LOG_SCALES, MOST_LOGIT, GaussianLikelihood

LOGITS = [-300.0, -40.0, -3.0, -0.51, -0.49, -1e-3, -1e-12, 0.0, 1e-6, 0.02, 0.5, 1.7, 25.0, 300.0]
GRID = torch.arange(256, dtype=torch.float64) / 255
# (loc, log-scale): inside, at the ends, far outside, narrower than a level, wider than the range.
PLACES = [(0.5, -2.0), (0.0, -3.0), (1.0, -3.0), (-0.4, -2.0), (1.7, -1.0), (0.3, -7.0), (0.3035, -7.0), (0.8, 3.0),
          (0.999, -5.0), (-40.0, -7.0), (1e3, -7.0)]  # fmt: skip


def cb_density(x: float, logit: float) -> float:
    """Loaiza-Ganem & Cunningham (2019), eq. 3, with its constant by the inverse hyperbolic tangent."""
    p = 1 / (1 + math.exp(-logit))
    constant = 2.0 if logit == 0 else 2 * math.atanh(1 - 2 * p) / (1 - 2 * p)
    return constant * p**x * (1 - p) ** (1 - x)


@pytest.mark.parametrize("logit", LOGITS)
def test_a_continuous_bernoulli_integrates_to_one_and_its_mean_is_the_quadrature_s(logit: float) -> None:
    p = ContinuousBernoulli(torch.tensor(logit, dtype=torch.float64))
    density = lambda x: p.log_prob(torch.tensor(x, dtype=torch.float64)).exp().item()  # noqa: E731
    peak = 20 / max(abs(logit), 1)  # where most of the mass is, from the end it leans to
    breaks = [min(peak, 0.5), 1 - min(peak, 0.5)]
    assert integrate.quad(density, 0, 1, points=breaks, epsabs=1e-10)[0] == pytest.approx(1, abs=1e-8)
    mean = integrate.quad(lambda x: x * density(x), 0, 1, points=breaks, epsabs=1e-10)[0]
    assert p.mean.item() == pytest.approx(mean, abs=1e-8)
    single = ContinuousBernoulli(torch.tensor(logit))
    assert single.mean.item() == pytest.approx(mean, abs=3e-7)


@pytest.mark.parametrize("logit", [-8.0, -1.0, -0.51, -0.3, 0.0, 0.2, 0.5, 2.0, 11.0])
def test_a_continuous_bernoulli_has_the_density_of_its_paper(logit: float) -> None:
    for x in (0.0, 0.1, 0.5, 0.9, 1.0):
        p = ContinuousBernoulli(torch.tensor(logit, dtype=torch.float64))
        assert p.log_prob(torch.tensor(x).double()).item() == pytest.approx(
            math.log(cb_density(torch.tensor(x).item(), logit)), abs=1e-10
        )


def test_both_forms_of_the_normaliser_meet() -> None:
    edge = torch.tensor([SMALL - 1e-9, SMALL + 1e-9], dtype=torch.float64)
    for value in (cb_log_normaliser(edge), cb_mean(edge)):
        assert abs(value[0] - value[1]) < 1e-9
    wide = torch.linspace(-100, 100, 4_001)
    exact = cb_log_normaliser(wide.double())
    torch.testing.assert_close(cb_log_normaliser(wide).double(), exact, rtol=3e-7, atol=2e-7)


def logistic_log_mass(x: float, loc: float, log_scale: float) -> float:
    """Scipy's distribution function, or its survival function: whichever is not near one."""
    scale, half = math.exp(log_scale), 0.5 / 255
    low = -math.inf if x == 0 else (x - half - loc) / scale
    high = math.inf if x == 1 else (x + half - loc) / scale
    if low > 0:
        low, high = -high, -low
    # log(F(high) - F(low)), both in the lower half or around the middle.
    first, second = log_expit(high), log_expit(low)
    return float(first + np.log1p(-np.exp(second - first)))


@pytest.mark.parametrize(("loc", "log_scale"), PLACES)
def test_a_discretised_logistic_sums_to_one_and_is_the_difference_of_distribution_functions(
    loc: float, log_scale: float
) -> None:
    p = DiscretisedLogistic(*torch.tensor([loc, log_scale], dtype=torch.float64))
    log_prob = p.log_prob(GRID)
    assert torch.logsumexp(log_prob, 0).item() == pytest.approx(0, abs=1e-9)
    expected = [logistic_log_mass(x, loc, log_scale) for x in GRID.tolist()]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-9, atol=1e-9)
    assert p.mean.item() == pytest.approx((log_prob.exp() * GRID).sum().item(), abs=1e-9)
    single = DiscretisedLogistic(*torch.tensor([loc, log_scale]))
    # float32 knows x and loc to 6e-8 of their size, which a narrow scale magnifies.
    error = 2e-7 * max(1, abs(loc)) / math.exp(log_scale) + 2e-6
    np.testing.assert_allclose(single.log_prob(GRID.float()), expected, rtol=3e-7, atol=error)


def test_scipy_agrees_where_its_own_subtraction_is_sound() -> None:
    loc, scale, half = 0.4, 0.05, 0.5 / 255
    p = DiscretisedLogistic(torch.tensor(loc).double(), torch.tensor(scale).double().log())
    inner = GRID[1:-1].numpy()
    mass = stats.logistic.cdf(inner + half, loc, scale) - stats.logistic.cdf(inner - half, loc, scale)
    np.testing.assert_allclose(p.log_prob(GRID)[1:-1], np.log(mass), atol=1e-6)
    assert p.log_prob(GRID)[0].item() == pytest.approx(stats.logistic.logcdf(half, loc, scale), abs=1e-6)
    assert p.log_prob(GRID)[-1].item() == pytest.approx(stats.logistic.logsf(1 - half, loc, scale), abs=1e-6)


def test_a_gaussian_is_scipys_and_integrates_to_one() -> None:
    p = SharedScaleNormal(torch.tensor([0.2, 0.9], dtype=torch.float64), torch.tensor(-1.5).double())
    for i, loc in enumerate((0.2, 0.9)):
        x = torch.linspace(-1, 2, 50, dtype=torch.float64)
        expected = stats.norm.logpdf(x, loc, math.exp(-1.5))
        np.testing.assert_allclose(p.log_prob(x[:, None])[:, i], expected, rtol=1e-6, atol=1e-7)
        density = lambda t, i=i: p.log_prob(torch.full((2,), t, dtype=torch.float64))[i].exp().item()  # noqa: E731
        assert integrate.quad(density, loc - 4, loc + 4, points=[loc])[0] == pytest.approx(1, abs=1e-6)
        assert integrate.quad(lambda t, f=density: t * f(t), loc - 4, loc + 4, points=[loc])[0] == pytest.approx(
            p.mean[i].item(), abs=1e-6
        )


def test_no_pixel_is_denser_than_a_grey_level_is_fine() -> None:
    """And what the network gives is the logit itself where that is small, with a slope that never dies."""
    likelihood = LIKELIHOODS["continuous-bernoulli"]()
    raw = torch.tensor([-1e9, -7e4, 7e4, 1e9]).view(4, 1, 1, 1).requires_grad_(True)
    log_prob = likelihood(raw).log_prob(torch.tensor([0.0, 0.0, 1.0, 1.0]).view(4, 1, 1, 1))
    assert (log_prob < math.log(MOST_LOGIT) + 1e-6).all() and (log_prob > math.log(MOST_LOGIT) - 0.01).all()
    small = torch.tensor([[[[-0.1, 0.0, 0.2]]]])
    torch.testing.assert_close(likelihood(small).base_dist.logits, small, rtol=1e-3, atol=0)
    (slope,) = torch.autograd.grad(likelihood(raw).base_dist.logits.sum(), raw)
    assert (slope > 0).all()


def test_a_gaussian_s_scale_stays_above_its_bound_and_is_learnt() -> None:
    likelihood = GaussianLikelihood()
    for free in (-1e4, -20.0, 0.0):
        with torch.no_grad():
            likelihood.free_log_scale.fill_(free)
        assert likelihood.log_scale.item() >= LEAST_LOG_SCALE
    # On pixels that never change, what ascends the likelihood comes to rest at a finite density.
    raw = torch.full((1, 1, 4, 4), 100.0)  # the mean is 1, and so is x
    optimiser = torch.optim.Adam(likelihood.parameters(), lr=0.3)
    for _ in range(200):
        loss = -likelihood(raw).log_prob(torch.ones(1, 1, 4, 4)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    bound = 16 * (-LEAST_LOG_SCALE - 0.5 * math.log(2 * math.pi))
    assert 0.99 * bound < -loss.item() <= bound + 1e-3


def test_the_maximum_over_the_gaussian_s_scale_is_the_root_mean_square() -> None:
    """Rybkin et al. (2021), eq. 5: the best sigma is the root of the mean squared error."""
    likelihood = GaussianLikelihood().double()
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    raw = torch.zeros_like(x)
    best = (x - 0.5).square().mean().sqrt().log()
    free = best + torch.log(-torch.expm1(LEAST_LOG_SCALE - best))  # softplus undone
    with torch.no_grad():
        likelihood.free_log_scale.copy_(free)
    assert likelihood.log_scale.item() == pytest.approx(best.item(), abs=1e-9)
    likelihood(raw).log_prob(x).sum().backward()
    assert abs(likelihood.free_log_scale.grad.item()) < 1e-9


def seen_by(name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Tensor:
    levels = torch.randint(256, shape, generator=torch.Generator().manual_seed(2))
    levels.flatten()[:2] = torch.tensor([0, 255])
    return (levels >= 128).to(dtype) if name == "bernoulli" else levels.to(dtype) / 255


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    likelihood = LIKELIHOODS[name]().double()
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(2, 2 * likelihood.outputs, 3, 2, generator=generator, dtype=torch.float64)
    raw.flatten()[:4] = torch.tensor([1e-3, -0.3, 0.4999, 4.0])
    x = seen_by(name, (2, 2, 3, 2))
    raw.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda r: likelihood(r).log_prob(x), (raw,))
    assert torch.autograd.gradcheck(lambda r: likelihood.traced(r[:1], x[:1].flatten(1)), (raw,))


def test_the_slope_at_logit_zero_is_that_of_the_formula() -> None:
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    x = torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)
    ContinuousBernoulli(logits).log_prob(x).sum().backward()
    torch.testing.assert_close(logits.grad, x - 0.5)


EXTREMES = [-1e30, -1e6, -120.0, -1e-30, 0.0, 1e-6, 120.0, 1e6, 1e30]


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_outputs_have_finite_values_and_gradients(name: str, dtype: torch.dtype) -> None:
    likelihood = LIKELIHOODS[name]().to(dtype)
    values = torch.tensor(EXTREMES, dtype=dtype)
    raw = torch.cartesian_prod(*[values] * likelihood.outputs).view(-1, likelihood.outputs, 1, 1)
    raw.requires_grad_(True)
    for level in (0.0, 1.0) if name == "bernoulli" else (0.0, 1 / 255, 128 / 255, 1.0):
        p = likelihood(raw)
        log_prob = p.log_prob(torch.full((1, 1, 1), level, dtype=dtype))
        (gradient,) = torch.autograd.grad(log_prob.sum(), raw)
        assert log_prob.isfinite().all() and gradient.isfinite().all()
        assert p.mean.isfinite().all() and p.mean.min() >= 0 and p.mean.max() <= 1
        mean, traced = likelihood.traced(raw.detach(), torch.full((1, 1), level, dtype=dtype))
        assert mean.isfinite().all() and traced.isfinite().all()
        assert mean.min() >= 0 and mean.max() <= 1.001


@pytest.mark.parametrize("by", [-30.0, -5.5, 5.5, 30.0])
def test_the_scale_of_a_logistic_learns_beyond_its_bounds(by: float) -> None:
    """Within them it is what the network says; beyond, within a quarter of them and never without a slope."""
    raw = torch.tensor([0.1, by]).view(1, 2, 1, 1).requires_grad_(True)
    likelihood = LIKELIHOODS["discretised-logistic"]()
    _, log_scale = likelihood.parameters_of(raw)
    assert LOG_SCALES[0] - 0.25 < log_scale.item() < LOG_SCALES[1] + 0.25
    (slope,) = torch.autograd.grad(log_scale.sum(), raw)
    assert 1e-5 < slope[0, 1].item() < 1
    for level in (0.0, 0.6, 1.0):
        (gradient,) = torch.autograd.grad(likelihood(raw).log_prob(torch.full((1, 1, 1), level)).sum(), raw)
        assert gradient[0, 1] != 0
    inside = torch.linspace(-4.9, 4.9, 9).view(1, -1, 1, 1)
    _, kept = likelihood.parameters_of(torch.cat([torch.zeros_like(inside), inside], 1))
    assert torch.equal(kept, inside - 2)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_traced_operations_are_the_distribution(name: str) -> None:
    likelihood = LIKELIHOODS[name]()
    shape = (3, 20, 14)
    generator = torch.Generator().manual_seed(0)
    raw = 3 * torch.randn(40, 3 * likelihood.outputs, 20, 14, generator=generator)
    raw[20:] *= 0.05
    x = seen_by(name, (1, *shape), torch.float32)
    p = likelihood(raw)
    mean, log_likelihood = likelihood.traced(raw, x.flatten(1))
    assert mean.shape == (40, 840) and log_likelihood.shape == (40,)
    exact = likelihood.double()(raw.double()).log_prob(x.double())
    torch.testing.assert_close(log_likelihood.double(), exact, rtol=2e-6, atol=2e-3)
    torch.testing.assert_close(p.log_prob(x).double(), exact, rtol=2e-6, atol=2e-3)
    atol = 0.1 / 255 if name == "discretised-logistic" else 1e-6
    torch.testing.assert_close(mean, p.mean.flatten(1), rtol=0, atol=atol)


def test_the_mean_that_is_drawn_is_within_a_tenth_of_a_grey_level() -> None:
    """Over all scales, the narrowest first, and locations on, between and beyond the levels."""
    loc = torch.cat([torch.linspace(-0.02, 0.05, 400), torch.linspace(0.95, 1.02, 400), torch.linspace(-3, 4, 400)])
    likelihood = LIKELIHOODS["discretised-logistic"]()
    for log_scale in torch.linspace(*LOG_SCALES, 30):
        raw = torch.stack([loc - 0.5, (log_scale + 2).expand_as(loc)]).view(1, 2, 1, -1)
        mean, _ = likelihood.traced(raw, torch.zeros(1, loc.numel()))
        assert (mean - likelihood(raw).mean.flatten(1)).abs().max() < 0.1 / 255


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_draws_lie_in_the_support_and_have_the_mean(name: str) -> None:
    likelihood = LIKELIHOODS[name]()
    raw = torch.randn(1, likelihood.outputs, 3, 3, generator=torch.Generator().manual_seed(1))
    p = likelihood(raw)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        draws = p.sample((4_000,))
    assert draws.shape == (4_000, 1, 1, 3, 3) and not draws.requires_grad
    assert p.support.check(draws).all() and p.log_prob(draws[0]).shape == (1,)
    error = draws.std(0) / math.sqrt(len(draws))
    assert ((draws.mean(0) - p.mean).abs() < 4.5 * error + 1e-9).all()  # standard errors, of 9 pixels


@pytest.mark.parametrize(("name", "level"), [("continuous-bernoulli", 1.2), ("discretised-logistic", 0.5),
                                             ("bernoulli", 0.5), ("gaussian", float("nan"))])  # fmt: skip
def test_what_is_not_in_the_support_is_refused(name: str, level: float) -> None:
    likelihood = LIKELIHOODS[name]()
    with pytest.raises(ValueError, match="support"):
        likelihood(torch.zeros(1, likelihood.outputs, 2, 2)).log_prob(torch.full((1, 1, 2, 2), level))


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("network", [("mlp", (8,)), ("conv", (4, 6, 8))])
def test_a_model_of_every_family_gives_one_number_an_image(name: str, network: tuple) -> None:
    model = build(ModelConfig((3, 8, 12), 2, *network, likelihood=name), seed=0)
    x = seen_by(name, (5, 3, 8, 12), torch.float32)
    p = model.likelihood(model.posterior(x).mean)
    assert (p.batch_shape, p.event_shape) == ((5,), (3, 8, 12))
    p.log_prob(x).sum().backward()
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in model.decoder.parameters())
    assert p.mean.shape == x.shape
    own = [key for key in model.state_dict() if "likelihood" in key]
    assert own == (["decoder.likelihood.free_log_scale"] if name == "gaussian" else [])


def test_probabilities_are_never_above_one_and_densities_may_be() -> None:
    for name, make in LIKELIHOODS.items():
        likelihood = make()
        raw = torch.full((1, likelihood.outputs, 4, 4), 30.0)
        raw[:, 1:] = -30  # narrow
        assert (likelihood(raw).log_prob(torch.ones(1, 1, 4, 4)).item() > 0) == likelihood.continuous, name


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_elbo_and_its_gap_add_up_to_log_p_whatever_the_likelihood(name: str) -> None:
    """ELBO + KL(q || p(z|x)) = log p(x), the right-hand sides summed over a fine grid of one latent."""
    model = build(ModelConfig((1, 4, 4), 1, hidden=(8,), activation="tanh", likelihood=name), seed=0)
    model = model.eval().requires_grad_(False)
    x = seen_by(name, (1, 1, 4, 4), torch.float32)
    z = torch.linspace(-9, 9, 4_001, dtype=torch.float64)[:, None]
    log_step = math.log(18 / 4_000)
    log_joint = model.likelihood(z.float()).log_prob(x).double() + Normal(0, 1).log_prob(z)[:, 0]
    log_p = torch.logsumexp(log_joint, 0) + log_step
    q = model.posterior(x).base_dist
    log_q = Normal(q.loc.double(), q.scale.double()).log_prob(z)[:, 0]
    gap = ((log_q + log_step).exp() * (log_q - (log_joint - log_p))).sum()
    # 256 nodes: a logistic's corners are not integrated well by a few.
    terms = gaussian_terms(model, x, q.loc[0], torch.diag(q.scale[0]), gaussian_rule(1, 256))
    assert gap > 1e-3
    assert terms.value.item() + gap.item() == pytest.approx(log_p.item(), abs=1e-4)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_an_evaluation_takes_large_images_in_small_parts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(ModelConfig((3, 8, 8), 2, hidden=(8,), likelihood=name), seed=0).eval().requires_grad_(False)
    x = seen_by(name, (12, 3, 8, 8), torch.float32)
    whole = evaluate(model, x, samples=200, evidence_images=2, evidence_samples=20)
    monkeypatch.setattr("explorer.inference.evaluation.VALUES", 5 * 192)
    batches: list[int] = []
    model.encoder.register_forward_hook(lambda _, inputs, __: batches.append(len(inputs[0])))
    parts = evaluate(model, x, samples=200, evidence_images=2, evidence_samples=20)
    assert max(batches) <= 5 and sum(size for size in batches if size > 2) >= 12
    assert parts.kl == pytest.approx(whole.kl, rel=1e-5) and parts.n == 12
    assert parts.elbo == pytest.approx(whole.elbo, abs=0.05 * abs(whole.elbo))
    assert parts.log_evidence is not None and math.isfinite(parts.log_evidence)
