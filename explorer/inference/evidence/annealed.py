"""log p(x) by annealed importance sampling: slower than importance sampling from q(z|x), and safer.

Chains start from the prior and are led to the true posterior along

    f_b(z) = p(z) p(x|z)^b,   0 = b_0 < b_1 < ... < b_T = 1,

by Hamiltonian Monte Carlo, each step leaving its f_b invariant. A chain's weight

    w = prod_t p(x|z_{t-1})^(b_t - b_{t-1})

has the expectation p(x) exactly, for any number of steps (Neal 2001), so that log of the chains' mean weight
is a lower bound in expectation. Temperatures as in Wu, Burda, Salakhutdinov & Grosse (2017): b_t goes
like a sigmoid, with small steps at both ends.

The path begins at the prior and not at a widened q because then q(z|x) is not asked at all, so that whatever it
leaves out cannot be left out here; the price is a longer way. Modes far apart may still be visited by the chains in
other proportions than their masses, which shows as a large error, or where none goes to one of them, not at all.

The error: where the way is short, weights scatter over nats, and the mean of a few chains' weights is too low by more
than the delta method's error says, which is 1 at most. (mnist-16d, 20 test images, 16 chains of 400 steps: 0.35 nats
too low in the mean; two such errors cover the truth in 73 % of 120 estimates, with 1,000 steps in 89 %.) Logarithms of
the weights are about normal above their median, and where they are, log p(x) has the error
(s^2 / k + s^4 / (2 (k - 1)))^(1/2) for k chains: the delta method's where their scatter s is small, and larger where it
is not. s is taken above the median, since the weights below it hardly count. The larger of both is reported, and covers
91 and 94 % of these estimates.

Step sizes are tuned by a few pilot chains that are then thrown away. Tuned by the chains themselves, they
would depend on the past of the weights they multiply, and the weights would no longer be unbiased.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ...cancellation import check_cancelled
from ...models import VAE
from ..estimate import Evidence, from_weights, precise

# Of the same cost, many temperatures with short trajectories are far better than few with long ones.
STEPS, CHAINS, LEAPFROGS = 2_500, 16, 2

VALUES = 1 << 20  # values decoded at once, with all that their gradient needs
PILOTS = 4  # chains that tune an image's step sizes
WARM_UP = 20  # transitions at the first temperature before the pilots start
ACCEPTANCE = 0.65  # Neal (2011): the best rate of a Hamiltonian proposal
RATE = 0.25  # how fast log(step size) follows the acceptance
FIRST_STEP, LEAST_STEP, MOST_STEP = 0.3, 1e-6, 2.0
# Every trajectory shortens its step by a factor between exp(-JITTER) and 1: a chain that sits where the posterior is
# narrow refuses all the steps that suit the others, and with one size for all it would sit there to the end.
JITTER = 2.0
MOST_ERROR = 3.0  # nats; beyond, the error is called not known
SHARPNESS = 4.0  # of the sigmoid (Wu et al. 2017)


def annealed(
    model: VAE,
    x: Tensor,
    *,
    steps: int = STEPS,
    chains: int = CHAINS,
    leapfrogs: int = LEAPFROGS,
    generator: torch.Generator | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evidence:
    """log p(x) of many images, each from its own chains, with bounded memory.

    Args:
        x: (batch, c, h, w), as the likelihood sees them.
        steps: T, temperatures on the way; chains: weights an image, whose scatter gives the error (two at least, for
            that of one is NaN, not known); leapfrogs: steps of each trajectory.
        generator: on the model's device; None takes torch's own.
        progress: told the share that is done, 0 to 1.

    Raises:
        ValueError: no steps, chains or leapfrogs.
    """
    check_annealing(steps, chains, leapfrogs)
    device = model.prior().mean.device
    most = max(1, VALUES // x.shape[1:].numel())  # chains that run together
    images, together = max(1, most // max(chains, PILOTS)), min(chains, most)
    total, done = len(x) * (chains + PILOTS) * steps, 0
    weights: list[Tensor] = []

    def moved(count: int) -> None:
        nonlocal done
        check_cancelled()
        done += count
        progress(done / total)

    # Autograd takes no tensors of inference mode.
    with torch.inference_mode(False), torch.no_grad():
        temperatures = schedule(steps)
        for part in x.split(images) if len(x) else ():
            image = part.to(device).clone()
            pilots = _Chains(model, image, PILOTS, leapfrogs, generator)
            sizes = pilots.tuned(temperatures, moved)
            log_weight = torch.cat(
                [
                    _Chains(model, image, min(together, chains - first), leapfrogs, generator).run(
                        temperatures, sizes, moved
                    )
                    for first in range(0, chains, together)
                ]
            )
            weights.append(log_weight.cpu().double())
        log_weight = torch.cat(weights, 1) if weights else torch.zeros(chains, 0, dtype=torch.float64)
        found = from_weights(log_weight.logsumexp(0), (2 * log_weight).logsumexp(0), chains, "annealed", least=0.0)
        if chains < 2 or not len(x):
            return found
        above = (log_weight - log_weight.median(0).values).clamp_min(0)
        scatter = 2 * above.square().mean(0)
        wide = (scatter / chains + scatter.square() / (2 * (chains - 1))).sqrt()
        # Not a number where a chain's weight is 0: no logarithm has a scatter then.
        error = torch.where(wide.isnan(), found.error, torch.maximum(found.error, wide))
        return replace(found, error=error.where(error <= MOST_ERROR, math.nan))


def check_annealing(steps: int, chains: int, leapfrogs: int = 1) -> None:
    """Raises a ValueError for options of `annealed` that make no sense."""
    if min(steps, chains, leapfrogs) < 1:
        raise ValueError(
            "annealed importance sampling needs at least one step, one chain and one leapfrog step, "
            f"not {steps}, {chains} and {leapfrogs}."
        )


def schedule(steps: int) -> list[float]:
    """b_0 = 0 to b_steps = 1, as a sigmoid that was cut and stretched."""
    sigmoid = torch.linspace(-SHARPNESS, SHARPNESS, steps + 1, dtype=torch.float64).sigmoid()
    return ((sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])).tolist()


class _Chains:
    """Some chains for each of some images, from the prior: chain c of image i is number c * images + i."""

    def __init__(self, model: VAE, x: Tensor, chains: int, leapfrogs: int, generator: torch.Generator | None) -> None:
        prior = model.prior().mean
        self.model, self.leapfrogs, self.generator = model, leapfrogs, generator
        self.chains, self.images = chains, len(x)
        self.x = x.repeat(chains, 1, 1, 1) if len(x) > 1 else x
        self.shape, self.dtype, self.device = (chains * len(x), len(prior)), prior.dtype, prior.device
        self.exact = precise(prior.device)
        self.z = self._normal()
        self.value, self.slope = self._pull(self.z)

    def run(self, temperatures: list[float], sizes: list[Tensor], moved: Callable[[int], None]) -> Tensor:
        """log weights (chains, images) with given step sizes (images,), one a temperature."""
        log_weight = torch.zeros(self.shape[0], dtype=self.exact, device=self.device)
        for before, now, size in zip(temperatures, temperatures[1:], sizes, strict=False):
            log_weight += (now - before) * self.value
            if now < 1:  # what comes after the last temperature moves no weight
                self._transition(now, size)
            moved(self.shape[0])
        return log_weight.view(self.chains, self.images)

    def tuned(self, temperatures: list[float], moved: Callable[[int], None]) -> list[Tensor]:
        """The step sizes (images,) at every temperature that lead to the wanted acceptance."""
        size = torch.full((self.images,), FIRST_STEP, dtype=self.dtype, device=self.device)
        sizes = []
        for number, temperature in enumerate([temperatures[1]] * WARM_UP + temperatures[1:]):
            if number >= WARM_UP:
                sizes.append(size)
                moved(self.shape[0])
            accepted = self._transition(temperature, size).view(self.chains, self.images).mean(0)
            size = (size * (RATE * (accepted - ACCEPTANCE)).exp()).clamp(LEAST_STEP, MOST_STEP).to(self.dtype)
        return sizes

    def _transition(self, temperature: float, size: Tensor) -> Tensor:
        """One Hamiltonian trajectory that leaves f_b invariant; the probability (n,) with which it was accepted."""
        # NaN anywhere, where a decoder overflows, is a rejection.
        jitter = (-JITTER * torch.rand(self.shape[0], **self._random)).exp()
        step = (size.repeat(self.chains) * jitter)[:, None]
        momentum = self._normal()
        before = self._energy(self.z, self.value, momentum, temperature)
        z, value, slope = self.z, self.value, self.slope
        momentum = momentum + 0.5 * step * (temperature * slope - z)
        for leap in range(self.leapfrogs):
            z = z + step * momentum
            value, slope = self._pull(z)
            share = 1.0 if leap < self.leapfrogs - 1 else 0.5
            momentum = momentum + share * step * (temperature * slope - z)
        change = before - self._energy(z, value, momentum, temperature)
        chance = change.clamp_max(0).exp().nan_to_num(0.0)
        accept = torch.rand(self.shape[0], **self._random) < chance
        self.z = torch.where(accept[:, None], z, self.z)
        self.value = torch.where(accept, value, self.value)
        self.slope = torch.where(accept[:, None], slope, self.slope)
        return chance

    def _energy(self, z: Tensor, value: Tensor, momentum: Tensor, temperature: float) -> Tensor:
        squares = z.to(self.exact).square().sum(1) + momentum.to(self.exact).square().sum(1)
        return 0.5 * squares - temperature * value

    def _pull(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """log p(x|z) (n,) and its gradient in z (n, d)."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            value = self.model.likelihood(z).log_prob(self.x)
            (slope,) = torch.autograd.grad(value.sum(), z)
        value = value.detach().to(self.exact)
        return value.masked_fill(value.isnan(), -math.inf), slope

    @property
    def _random(self) -> dict[str, object]:
        return {"dtype": self.dtype, "device": self.device, "generator": self.generator}

    def _normal(self) -> Tensor:
        return torch.randn(self.shape, **self._random)
