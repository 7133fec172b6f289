"""Laws of the core that any device must keep: each is a function of a device, and raises where it is broken.

pytest runs them on the CPU and, where there is one, on a CUDA GPU; `python -m tests.benchmarks.gpu` runs them on a
machine that has no more than torch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from explorer.checkpoint.weights import load_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.datasets import Dataset
from explorer.datasets.binarise import dynamic, fixed
from explorer.inference import elbo, log_evidence
from explorer.inference.gaps.climb import best_gaussian
from explorer.inference.gaps.survey import survey
from explorer.latents import encode
from explorer.models import VAE, build
from explorer.training import Run

SHAPE = (1, 8, 8)


def tiny(device: torch.device, latent: int = 2) -> VAE:
    """A small model with the same weights on any device, in evaluation mode."""
    return (
        build(ModelConfig(SHAPE, latent, hidden=(16,), activation="tanh"), seed=0)
        .eval()
        .requires_grad_(False)
        .to(device)
    )


def discs(count: int = 96) -> Dataset:
    """Discs of two sizes on a dark ground, with noise: enough to learn from in some steps."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    across = torch.linspace(-1, 1, SHAPE[1])
    radius = (across[:, None] ** 2 + across**2).sqrt()
    inside = radius < torch.where(labels == 0, 0.5, 0.9)[:, None, None]
    noise = torch.rand(inside.shape, generator=generator)
    images = (255 * (0.8 * inside + 0.2 * noise)).to(torch.uint8)[:, None]
    return Dataset("discs", "train", images, labels, ("small", "large"), {}, "0" * 64)


def _agree(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    torch.testing.assert_close(found.cpu().double(), expected.cpu().double(), rtol=tolerance, atol=tolerance)


def pixels_are_drawn_with_their_probability(device: torch.device) -> None:
    """Fixed draws are the CPU's to the bit; dynamic ones have the right mean to five standard errors."""
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(fixed(images.to(device)).cpu(), fixed(images))
    many = images.to(device).expand(4_000, 1, 16, 16).contiguous()
    mean = dynamic(many, torch.Generator(device).manual_seed(0)).mean(0).cpu().flatten()
    p = torch.arange(256) / 255
    assert ((mean - p).abs() <= 5 * (p * (1 - p) / 4_000).sqrt() + 1e-6).all()


def factors_agree_with_the_cpu(device: torch.device) -> None:
    """Encoder, decoder and KL are those of the CPU, to float32."""
    x, z = fixed(discs(8).images), torch.linspace(-2, 2, 16).view(8, 2)
    here, there = tiny(torch.device("cpu")), tiny(device)
    q, other = here.posterior(x), there.posterior(x.to(device))
    _agree(other.mean, q.mean, 1e-5)
    _agree(other.stddev, q.stddev, 1e-5)
    _agree(there.likelihood(z.to(device)).log_prob(x.to(device)), here.likelihood(z).log_prob(x), 1e-4)
    _agree(elbo(there, x.to(device)).kl, elbo(here, x).kl, 1e-4)


def every_estimator_agrees_with_quadrature(device: torch.device) -> None:
    """Quadrature is the CPU's to 1e-3 nats; sampled estimates lie within five of their standard errors of it."""
    x = fixed(discs(4).images)
    model = tiny(device)
    exact = log_evidence(tiny(torch.device("cpu")), x, method="quadrature").value
    _agree(log_evidence(model, x, method="quadrature").value, exact, 1e-3)
    for method, options in (("importance", {}), ("iwae", {"samples": 4_000}), ("annealed", {"steps": 50, "chains": 8})):
        found = log_evidence(model, x, method=method, generator=torch.Generator(device).manual_seed(0), **options)
        away = (found.value.cpu() - exact).abs()
        assert (away <= 5 * found.error.cpu() + 2e-2).all(), (method, away, found.error)


def the_best_gaussian_and_a_survey_are_the_cpus(device: torch.device) -> None:
    """Best Gaussians to 1e-2 nats, and no bound above log p(x)."""
    x = fixed(discs(4).images)
    here, there = tiny(torch.device("cpu")), tiny(device)
    m, f = torch.zeros(4, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64).repeat(4, 1, 1)
    _agree(best_gaussian(there, x, m, f).elbo, best_gaussian(here, x, m, f).elbo, 1e-2)
    found = survey(there, x)
    assert (found.inference_gap >= -1e-3).all()
    _agree(found.log_evidence, survey(here, x).log_evidence, 1e-3)


def a_run_learns_stops_and_goes_on(device: torch.device) -> None:
    """The ELBO rises; a run that was stopped and resumed ends like the one that was not; the checkpoint opens."""
    data = discs()
    settings = TrainingConfig(dataset="discs", epochs=12, seconds=0.0, batch_size=32, learning_rate=5e-3)
    config = Config(ModelConfig(SHAPE, 2, hidden=(32,)), settings)
    options = {"threads": 1, "bfloat16": False}
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        whole = Run(config, data, Path(one), device, heldout=data, **options)
        reports = list(whole)
        whole.finish(whole=True)
        first = elbo(build(config.model, seed=0).to(device), fixed(data.images).to(device)).value.mean()
        assert reports[-1].elbo > first + 3
        halves = Run(config, data, Path(two), device, **options)
        halves.cadence.steps = 1
        for progress in halves:
            if progress.step == 17:
                break
        halves.finish(whole=False)
        resumed = Run(config, data, Path(two), device, resume=True, **options)
        list(resumed)
        resumed.finish(whole=True)
        weights, others = (load_checkpoint(Path(folder)).model.state_dict() for folder in (one, two))
        tolerance = 0 if device.type == "cpu" else 1e-3  # a GPU's sums have no fixed order
        for name, value in weights.items():
            torch.testing.assert_close(others[name], value, rtol=tolerance, atol=tolerance)


def a_data_set_is_encoded_as_on_the_cpu(device: torch.device) -> None:
    """Codes of a whole set, for a map, to 1e-5."""
    data = discs(8)
    here, there = (
        encode(tiny(at), [(data.images, data.labels)], data.classes).loc for at in (torch.device("cpu"), device)
    )
    _agree(there, here, 1e-5)


LAWS: tuple[Callable[[torch.device], None], ...] = (
    pixels_are_drawn_with_their_probability,
    factors_agree_with_the_cpu,
    every_estimator_agrees_with_quadrature,
    the_best_gaussian_and_a_survey_are_the_cpus,
    a_run_learns_stops_and_goes_on,
    a_data_set_is_encoded_as_on_the_cpu,
)
