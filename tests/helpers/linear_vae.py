"""A VAE whose decoder is linear: log p(x), p(z|x), every Gaussian's ELBO and KL are known in closed form.

Its W has no orthogonal columns, so p(z|x) is a Gaussian with correlations that no diagonal q has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from explorer.config import ModelConfig


class _Noise(nn.Module):
    """N(mean, noise^2) for every pixel: a family as `models.likelihoods` has them."""

    outputs, continuous = 1, True

    def __init__(self, noise: float) -> None:
        super().__init__()
        self.noise = noise

    def forward(self, raw: Tensor) -> Independent:
        return Independent(Normal(raw, self.noise), 3)

    def linear(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        mean = raw.flatten(1)
        return mean / self.noise**2, -0.5 * mean.square().sum(1) / self.noise**2

    def carrier(self, x: Tensor) -> Tensor:
        return -0.5 * x.square().sum(1) / self.noise**2 - x.shape[1] * math.log(self.noise * math.sqrt(2 * math.pi))


class LinearVAE(nn.Module):
    """p(x|z) = N(W z + b, noise^2), and an encoder that says q = N(loc, scale^2) whatever x is."""

    def __init__(self, w: Tensor, b: Tensor, noise: float) -> None:
        super().__init__()
        pixels, d = w.shape
        self.config = ModelConfig((1, 1, pixels), d)
        layer = nn.Linear(d, pixels)
        with torch.no_grad():
            layer.weight.copy_(w)
            layer.bias.copy_(b)
        self.decoder = nn.Module()
        self.decoder.network = nn.Sequential(layer, nn.Unflatten(1, (1, 1, pixels)))
        self.decoder.likelihood = _Noise(noise)
        self.loc, self.scale = torch.zeros(d), torch.ones(d)
        self.requires_grad_(False)

    def prior(self) -> Independent:
        return Independent(Normal(torch.zeros(self.config.latent), 1.0), 1)

    def posterior(self, x: Tensor) -> Independent:
        return Independent(Normal(self.loc.expand(len(x), -1), self.scale.expand(len(x), -1)), 1)

    def likelihood(self, z: Tensor) -> Independent:
        return self.decoder.likelihood(self.decoder.network(z))


@dataclass(frozen=True)
class LinearCase:
    """A linear model and one image of it, with what is known of them, float64."""

    model: LinearVAE
    x: Tensor
    mean: np.ndarray  # of p(z|x), (d,)
    covariance: np.ndarray
    log_evidence: float

    def kl_to_posterior(self, loc: Tensor, factor: Tensor) -> float:
        """KL( N(m, F F^T) || p(z|x) ), by the formula for two Gaussians."""
        precision, s = np.linalg.inv(self.covariance), (factor @ factor.T).double().numpy()
        away = loc.double().numpy() - self.mean
        log_ratio = np.linalg.slogdet(self.covariance)[1] - np.linalg.slogdet(s)[1]
        return 0.5 * float(np.trace(precision @ s) + away @ precision @ away - len(away) + log_ratio)


def linear_case(d: int = 2, *, noise: float = 0.5, seed: int = 0, pixels: int = 6, far: float = 0.0) -> LinearCase:
    """Args: far: how many units of latent space the image's own code lies from the origin; 0 draws it from p(z)."""
    rng = np.random.default_rng(seed)
    # What float32 holds exactly, so that the model has these very weights.
    w, b = (part.astype(np.float32).astype(float) for part in (rng.normal(size=(pixels, d)), rng.normal(size=pixels)))
    code = rng.normal(size=d)
    if far:
        code *= far / np.linalg.norm(code)
    x = (w @ code + b + noise * rng.normal(size=pixels)).astype(np.float32).astype(float)
    # Bishop (2006), eqs. 2.113 to 2.117.
    covariance = np.linalg.inv(np.eye(d) + w.T @ w / noise**2)
    mean = covariance @ w.T @ (x - b) / noise**2
    marginal = stats.multivariate_normal(b, w @ w.T + noise**2 * np.eye(pixels))
    model = LinearVAE(torch.from_numpy(w), torch.from_numpy(b), noise)
    image = torch.from_numpy(x).float().view(1, 1, 1, pixels)
    return LinearCase(model, image, mean, covariance, float(marginal.logpdf(x)))
