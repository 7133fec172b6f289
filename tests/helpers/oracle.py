"""Small seeded models, and an oracle that knows them only by their weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from explorer.config import ModelConfig
from explorer.models import VAE, build

SHAPE = (1, 4, 4)


def tiny_model(latent: int = 2, *, seed: int = 0, gain: float = 2.5) -> VAE:
    """A smooth model of 4×4 images whose decoder bends enough that q(z|x) is not the posterior."""
    model = build(ModelConfig(SHAPE, latent, hidden=(8,), activation="tanh"), seed=seed)
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(gain)
    return model.eval().requires_grad_(False)


def overflowing_model() -> VAE:
    """A model whose decoder answers every z with infinite logits, of which no probability can be made."""
    model = tiny_model()
    with torch.no_grad():
        [*model.decoder.parameters()][-1].fill_(float("inf"))
    return model


def binary_images(count: int, shape: tuple[int, int, int] = SHAPE, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, (count, *shape), generator=generator).float()


class Oracle:
    """The densities of a `tiny_model` in float64 numpy, from its weights and the formulas alone.

    Sums over a fine grid stand for integrals over z: for smooth integrands that vanish at
    the ends the rectangle rule converges faster than any power of its step.
    """

    def __init__(self, model: VAE, x: Tensor, reach: float = 8.0, points: int = 321) -> None:
        def weights(part: str) -> list[np.ndarray]:
            return [value.double().numpy() for name, value in model.state_dict().items() if name.startswith(part)]

        self.w1, self.b1, self.w2, self.b2 = weights("decoder")
        e1, c1, e2, c2 = weights("encoder")
        self.x = x.double().numpy().ravel()
        self.d = model.config.latent
        self.loc, log_scale = np.split(e2 @ np.tanh(e1 @ self.x + c1) + c2, 2)
        self.scale = np.exp(log_scale)
        axis = np.linspace(-reach, reach, points)
        self.grid = np.stack(np.meshgrid(*[axis] * self.d, indexing="ij"), -1).reshape(-1, self.d)
        self.cell = (axis[1] - axis[0]) ** self.d

    def log_likelihood(self, z: np.ndarray) -> np.ndarray:
        """log p(x|z) by the explicit sum over pixels, (n, d) to (n,)."""
        logits = np.tanh(z @ self.w1.T + self.b1) @ self.w2.T + self.b2
        p = 1 / (1 + np.exp(-logits))
        return (self.x * np.log(p) + (1 - self.x) * np.log1p(-p)).sum(-1)

    def log_prior(self, z: np.ndarray) -> np.ndarray:
        return -0.5 * (z**2).sum(-1) - 0.5 * self.d * np.log(2 * np.pi)

    def log_q(self, z: np.ndarray, loc: np.ndarray | None = None, scale: np.ndarray | None = None) -> np.ndarray:
        loc, scale = self.loc if loc is None else loc, self.scale if scale is None else scale
        return (-0.5 * ((z - loc) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)).sum(-1)

    def log_evidence(self) -> float:
        joint = self.log_likelihood(self.grid) + self.log_prior(self.grid)
        return float(np.log(np.exp(joint).sum() * self.cell))

    def reconstruction(self, loc: np.ndarray | None = None, scale: np.ndarray | None = None) -> float:
        q = np.exp(self.log_q(self.grid, loc, scale)) * self.cell
        return float((q * self.log_likelihood(self.grid)).sum())

    def kl_to_prior(self, loc: np.ndarray | None = None, scale: np.ndarray | None = None) -> float:
        log_q = self.log_q(self.grid, loc, scale)
        return float((np.exp(log_q) * (log_q - self.log_prior(self.grid))).sum() * self.cell)

    def kl_to_posterior(self, loc: np.ndarray | None = None, scale: np.ndarray | None = None) -> float:
        """KL( q || p(z|x) ), with the posterior normalised on the grid itself."""
        joint = self.log_likelihood(self.grid) + self.log_prior(self.grid)
        log_posterior = joint - np.log(np.exp(joint).sum() * self.cell)
        log_q = self.log_q(self.grid, loc, scale)
        return float((np.exp(log_q) * (log_q - log_posterior)).sum() * self.cell)
