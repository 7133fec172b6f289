"""A second opinion on log p(x): the model in float64 numpy, from its weights, and SciPy's adaptive integration.

Nothing here is shared with the program: dense decoders, the four families of p(x|z) and the peaks of p(x, z)
are written out anew, and the integrator (Genz & Cools 2003; Gauss-Kronrod rules of 21 nodes an axis) halves boxes
until its own estimate of the error is small.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize, special, stats
from scipy.integrate import cubature
from torch import Tensor

from explorer.models import VAE

ACTIVATIONS = {
    "relu": lambda h: np.maximum(h, 0),
    "tanh": np.tanh,
    "silu": lambda h: h * special.expit(h),
    "gelu": lambda h: 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3))),
}
SCALES = 12.0  # of the peak's Gaussian, from the peak to the sides of the box
DEPTH = 30.0  # nats that p(x, z) has fallen by there
STARTS = 6


def _bernoulli(raw: np.ndarray, x: np.ndarray, _: float) -> np.ndarray:
    return x * raw - np.logaddexp(0, raw)


def _continuous_bernoulli(raw: np.ndarray, x: np.ndarray, _: float) -> np.ndarray:
    """x l - log(1 + e^l) + log C with C = l / tanh(l / 2): Loaiza-Ganem & Cunningham (2019), eq. 5."""
    logit = raw / (1 + np.abs(raw) / 255)
    small = np.abs(logit) < 1e-4
    away = np.where(small, 1, logit)
    return x * logit - np.logaddexp(0, logit) + np.log(np.where(small, 2 + logit**2 / 6, away / np.tanh(away / 2)))


def _gaussian(raw: np.ndarray, x: np.ndarray, free_log_scale: float) -> np.ndarray:
    return stats.norm.logpdf(x, special.expit(raw), np.exp(-6 + np.logaddexp(0, free_log_scale + 6)))


def _discretised_logistic(raw: np.ndarray, x: np.ndarray, _: float) -> np.ndarray:
    """The mass of a bin, from whichever tail it is nearer to."""
    loc, log_scale = np.split(raw, 2, axis=-1)
    within = np.clip(log_scale - 2, -7, 3)
    beyond = log_scale - 2 - within
    loc, scale = loc + 0.5, np.exp(within + beyond / (1 + 4 * np.abs(beyond)))
    low = np.where(x > 0, (x - 1 / 510 - loc) / scale, -np.inf)
    high = np.where(x < 1, (x + 1 / 510 - loc) / scale, np.inf)
    right = low + high > 0
    low, high = np.where(right, -high, low), np.where(right, -low, high)
    below, above = special.log_expit(low), special.log_expit(high)
    return above + np.log(-np.expm1(below - above))


FAMILIES = {
    "bernoulli": _bernoulli,
    "continuous-bernoulli": _continuous_bernoulli,
    "gaussian": _gaussian,
    "discretised-logistic": _discretised_logistic,
}


class NumpyModel:
    """log p(x, z) of a model with dense layers."""

    def __init__(self, model: VAE) -> None:
        assert model.config.network == "mlp"
        state = {name: value.double().cpu().numpy() for name, value in model.state_dict().items()}
        self.layers = [
            (value, state[name.replace("weight", "bias")])
            for name, value in state.items()
            if name.startswith("decoder.network") and name.endswith("weight")
        ]
        self.own = float(state.get("decoder.likelihood.free_log_scale", 0.0))
        self.activation = ACTIVATIONS[model.config.activation]
        self.family = FAMILIES[model.config.likelihood]
        self.d = model.config.latent

    def raw(self, z: np.ndarray) -> np.ndarray:
        *inner, (w, b) = self.layers
        for weight, bias in inner:
            z = self.activation(z @ weight.T + bias)
        return z @ w.T + b

    def log_prior(self, z: np.ndarray) -> np.ndarray:
        return stats.norm.logpdf(z).sum(-1)

    def log_likelihood(self, z: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(n, d) to (n,)."""
        return self.family(self.raw(z), x, self.own).sum(-1)

    def log_joint(self, z: np.ndarray, x: np.ndarray) -> np.ndarray:
        return self.log_likelihood(z, x) + self.log_prior(z)


def flat(x: Tensor) -> np.ndarray:
    """One image as float64 numpy (D,)."""
    return x.double().numpy().ravel()


def grid(low: float, high: float, points: int, d: int) -> np.ndarray:
    axis = np.linspace(low, high, points)
    return np.stack(np.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d)


def peaks(model: NumpyModel, x: np.ndarray, starts: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Places and heights of the local maxima that are climbed to, the highest first, each once."""
    found: list[tuple[np.ndarray, float]] = []
    for start in starts:
        options = {"xatol": 1e-7, "fatol": 1e-7, "initial_simplex": start + 0.02 * np.eye(model.d + 1, model.d)}
        end = optimize.minimize(lambda z: -model.log_joint(z[None], x)[0], start, method="Nelder-Mead", options=options)
        if all(np.abs(end.x - z).max() > 1e-3 for z, _ in found):
            found.append((end.x, -end.fun))
    found.sort(key=lambda one: -one[1])
    return [one for one in found if one[1] > found[0][1] - DEPTH]


def _reach(model: NumpyModel, x: np.ndarray, peak: np.ndarray, height: float) -> float:
    """Half the side of a box around a peak outside which p(x, z) is negligible, as its sides say."""
    # A Gaussian of scale s falls by half a nat at s: found by bisection along the axes, the longest counts.
    reach = 1e-3
    while any(model.log_joint((peak + by * reach * axis)[None], x)[0] > height - 0.5 for axis in np.eye(model.d)
              for by in (-1, 1)):  # fmt: skip
        reach *= 1.5
    reach *= SCALES
    side = np.linspace(-1, 1, 41)
    for _ in range(20):
        edges = [np.array([[by]]) for by in (-1.0, 1.0)]
        if model.d == 2:
            edges = [np.stack(ends, -1) for by in (-1.0, 1.0) for one in [np.full_like(side, by)]
                     for ends in ((one, side), (side, one))]  # fmt: skip
        if model.log_joint(peak + reach * np.concatenate(edges), x).max() < height - DEPTH:
            break
        reach *= 1.3
    return reach


def log_evidence(
    model: NumpyModel, x: np.ndarray, *, scan: np.ndarray, at_scan: np.ndarray | None = None, rtol: float = 1e-6
) -> float:
    """log p(x).

    Args:
        x: (D,); scan: places (n, d) among which the peaks are looked for; at_scan: log p(x, z) there, if known.
        rtol: of the integral.
    """
    values = model.log_joint(scan, x) if at_scan is None else at_scan
    modes = peaks(model, x, scan[_apart(scan, values)])
    reach = [_reach(model, x, *mode) for mode in modes]
    low = np.min([mode - by for (mode, _), by in zip(modes, reach, strict=True)], 0)
    high = np.max([mode + by for (mode, _), by in zip(modes, reach, strict=True)], 0)
    top = modes[0][1]
    result = cubature(
        lambda z: np.exp(model.log_joint(z, x) - top), low, high, rtol=rtol, points=[mode for mode, _ in modes]
    )
    assert result.status == "converged"
    return top + float(np.log(result.estimate))


def _apart(scan: np.ndarray, values: np.ndarray) -> Sequence[int]:
    """The highest places of a scan that are not beside a higher one."""
    order = np.argsort(-values)[:200]
    width = np.ptp(scan, axis=0).max() / len(scan) ** (1 / scan.shape[1])
    kept: list[int] = []
    for i in order:
        if all(np.abs(scan[i] - scan[j]).max() > 3 * width for j in kept):
            kept.append(int(i))
        if len(kept) == STARTS:
            break
    return kept
