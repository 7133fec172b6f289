"""How far a Gaussian q stays below log p(x), and why.

    inference gap     = log p(x) - ELBO(encoder's q)                = KL( q(z|x) || p(z|x) )
    approximation gap = log p(x) - max of the ELBO over a family of q, for this x alone
    amortization gap  = inference gap - approximation gap

(Cremer, Li & Duvenaud 2018), for the families of diagonal and of full-covariance Gaussians. The best of a
family is climbed to by natural gradients, whose fixed point is

    precision = I - E_q[ Hessian of log p(x|z) ],    mean = E_q[ gradient of log p(x|z) ]

(Khan & Rue 2023; with N(0, I) as the prior). Both expectations come from gradients alone, by
Stein's lemma: E[Hessian] F = E[gradient eps^T].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...cancellation import check_cancelled
from ...models import VAE
from ..expectation.rules import Rule, gaussian_rule

FAMILIES = ("diagonal", "full")
STEPS = 40
NODES = {1: 24, 2: 100, 0: 256}  # of the climb, by latent size (0: any other)
COARSE = {1: 10, 2: 25}  # of its beginning
FINE = {1: 128, 2: 32**2, 0: 4_096}  # of the ELBO that is reported
LEAST_PRECISION = 0.05  # of the prior's; a step may not widen q beyond
VALUES = 1 << 22
_STILL = 1e-4  # nats


@dataclass(frozen=True)
class Gaussians:
    """A Gaussian q for each of a batch of images.

    Attributes:
        loc: m (batch, d); factor: F (batch, d, d) with covariance F F^T; float64.
        elbo: (batch,), nats, float64.
        error: the reconstruction's standard error where the rule has replicates, else None.
    """

    loc: Tensor
    factor: Tensor
    elbo: Tensor
    error: Tensor | None = None


def rule_for(dimensions: int, *, fine: bool) -> Rule:
    """The nodes of a climb, or of what is reported of it."""
    table = FINE if fine else NODES
    replicates = 8 if fine and dimensions > 2 else 1
    # Whitened nodes make a climb's second moments exact: in 16 dimensions it ends 0.1 nats higher.
    nodes = table.get(dimensions, table[0])
    return gaussian_rule(dimensions, nodes, replicates=replicates, seed=int(fine), whiten=not fine)


def best_gaussian(
    model: VAE, x: Tensor, loc: Tensor, factor: Tensor, *, family: str = "diagonal", steps: int = STEPS
) -> Gaussians:
    """The best q of a family for each image, climbed to from a given one; never below where it began.

    Args:
        x: (batch, c, h, w); loc: m (batch, d) and factor: F (batch, d, d), where to begin.
        family: "diagonal" or "full".

    Raises:
        ValueError: an unknown family.
    """
    fine = rule_for(model.config.latent, fine=True)
    found = measured(model, x, *climbed(model, x, loc, factor, family=family, steps=steps), fine)
    began = measured(model, x, loc, factor, fine)
    better = found.elbo >= began.elbo

    def keep(found: Tensor | None, began: Tensor | None) -> Tensor | None:
        if found is None or began is None:
            return None
        return torch.where(better.view(-1, *[1] * (found.dim() - 1)), found, began)

    names = ("loc", "factor", "elbo", "error")
    return Gaussians(*(keep(getattr(found, name), getattr(began, name)) for name in names))


def best_of(rows: Tensor, *found: Gaussians) -> Gaussians:
    """The highest of each image (batch), of Gaussians whose images stand in `rows`, one after another."""
    value = torch.cat([some.elbo for some in found]).nan_to_num(-torch.inf, -torch.inf, -torch.inf)
    best = torch.zeros(int(rows.max()) + 1, dtype=torch.long)
    for at in value.argsort(stable=True).tolist():
        best[rows[at]] = at
    parts = ([getattr(some, name) for some in found] for name in ("loc", "factor", "elbo", "error"))
    return Gaussians(*(None if some[0] is None else torch.cat(some)[best] for some in parts))


def climbed(
    model: VAE, x: Tensor, loc: Tensor, factor: Tensor, *, family: str = "diagonal", steps: int = STEPS
) -> tuple[Tensor, Tensor]:
    """Where `best_gaussian` climbs to, m (batch, d) and F (batch, d, d), with nothing measured yet.

    Raises:
        ValueError: an unknown family.
    """
    if family not in FAMILIES:
        raise ValueError(f"The family {family!r} is unknown: choose diagonal or full.")
    d = model.config.latent
    rules = [rule_for(d, fine=False)]
    if d in COARSE:
        # Most of the way is as well found by few nodes.
        rules.insert(0, gaussian_rule(d, COARSE[d]))
    for rule in rules:
        loc, factor = climbed_by(rule, model, x, loc, factor, family, steps)
    return loc, factor


def climbed_by(
    rule: Rule, model: VAE, x: Tensor, loc: Tensor, factor: Tensor, family: str, steps: int
) -> tuple[Tensor, Tensor]:
    """Climbs by one rule, some images at a time."""
    size = max(1, VALUES // (len(rule) * model.config.pixels))
    parts = [
        _climb(model, *chunk, rule, family, steps)
        for chunk in zip(x.split(size), loc.split(size), factor.split(size), strict=True)
    ]
    loc, factor = (torch.cat(part) for part in zip(*parts, strict=True))
    return loc, factor


@torch.inference_mode()
def measured(model: VAE, x: Tensor, loc: Tensor, factor: Tensor, rule: Rule) -> Gaussians:
    """The ELBO of a q for each image, by a rule of fixed nodes."""
    device = next(model.parameters()).device
    loc, factor = loc.double().cpu(), factor.double().cpu()
    size = max(1, VALUES // model.config.pixels // len(rule))
    values = []
    for part, m, f in zip(x.split(size), loc.split(size), factor.split(size), strict=True):
        check_cancelled()
        z = m[:, None] + rule.nodes @ f.mT  # (b, k, d)
        rows = []
        for nodes in z.split(max(1, VALUES // model.config.pixels // len(part)), 1):
            likelihood = model.likelihood(nodes.flatten(0, 1).float().to(device))
            wide = part.to(device)[:, None].expand(-1, nodes.shape[1], *part.shape[1:]).flatten(0, 1)
            rows.append(likelihood.log_prob(wide).view(len(part), -1).cpu().double())
        values.append(torch.cat(rows, 1))
    log_likelihood = torch.cat(values)
    error = None
    if rule.replicates > 1:
        error = log_likelihood.view(len(x), rule.replicates, -1).mean(2).std(1) / rule.replicates**0.5
    return Gaussians(loc, factor, log_likelihood @ rule.weights - _kl(loc, factor), error)


def _kl(loc: Tensor, factor: Tensor) -> Tensor:
    """KL( N(m, F F^T) || N(0, I) ) (batch,), nats."""
    log_det = torch.linalg.slogdet(factor).logabsdet
    return 0.5 * (factor.square().sum((1, 2)) + loc.square().sum(1) - loc.shape[1]) - log_det


def _moments(model: VAE, x: Tensor, loc: Tensor, factor: Tensor, rule: Rule) -> tuple[Tensor, Tensor, Tensor]:
    """E[f] (b,), E[gradient] (b, d) and E[Hessian] (b, d, d) of f = log p(x|z) under q, float64 on the CPU."""
    device = next(model.parameters()).device
    with torch.enable_grad():
        z = (loc[:, None] + rule.nodes @ factor.mT).float().to(device).requires_grad_(True)
        wide = x.to(device)[:, None].expand(-1, len(rule), *x.shape[1:]).flatten(0, 1)
        log_likelihood = model.likelihood(z.flatten(0, 1)).log_prob(wide)
        (gradient,) = torch.autograd.grad(log_likelihood.sum(), z)
    values, gradient = log_likelihood.detach().cpu().double().view(len(x), -1), gradient.cpu().double()
    weighted = gradient * rule.weights[:, None]
    hessian = torch.linalg.solve(factor.mT, (weighted.mT @ rule.nodes).mT).mT  # E[g eps^T] F^-1
    return values @ rule.weights, weighted.sum(1), 0.5 * (hessian + hessian.mT)


def _climb(
    model: VAE, x: Tensor, loc: Tensor, factor: Tensor, rule: Rule, family: str, steps: int
) -> tuple[Tensor, Tensor]:
    """Natural-gradient steps, each taken back and halved where the ELBO fell, until an image's ELBO stands still."""
    loc, factor = loc.double().cpu().clone(), factor.double().cpu().clone()
    eye = torch.eye(loc.shape[1], dtype=torch.float64)
    if family == "diagonal":
        factor = factor.square().sum(2).sqrt().diag_embed()
    end_loc, end_factor = loc, factor
    reconstruction, gradient, hessian = _moments(model, x, loc, factor, rule)
    value = reconstruction - _kl(loc, factor)
    rate = torch.ones(len(x), dtype=torch.float64)
    still = torch.zeros(len(x), dtype=torch.long)
    row = torch.arange(len(x))  # of the images that still climb
    for _ in range(steps):
        check_cancelled()
        precision = torch.linalg.inv_ex(factor @ factor.mT).inverse
        wanted = eye - hessian
        if family == "diagonal":
            precision, wanted = (part.diagonal(dim1=1, dim2=2).diag_embed() for part in (precision, wanted))
        stepped = _bounded(_finite(precision + rate[:, None, None] * (wanted - precision), precision))
        covariance = torch.linalg.inv_ex(stepped).inverse
        trial_loc = loc + rate[:, None] * (covariance @ (gradient - loc)[..., None]).squeeze(-1)
        trial_factor = _finite(torch.linalg.cholesky_ex(0.5 * (covariance + covariance.mT)).L, factor)
        new = _moments(model, x, trial_loc, trial_factor, rule)
        trial = new[0] - _kl(trial_loc, trial_factor)
        up = trial > value
        still = torch.where((trial - value).abs() < _STILL, still + 1, 0)
        loc, factor = torch.where(up[:, None], trial_loc, loc), torch.where(up[:, None, None], trial_factor, factor)
        gradient = torch.where(up[:, None], new[1], gradient)
        hessian = torch.where(up[:, None, None], new[2], hessian)
        value = torch.where(up, trial, value)
        rate = torch.where(up, (1.7 * rate).clamp_max(1), 0.4 * rate)
        end_loc[row], end_factor[row] = loc, factor
        on = (still < 2) & (rate >= 1e-3)
        if not on.any():
            break
        if not on.all():
            row, x, loc, factor, gradient, hessian, value, rate, still = (
                part[on] for part in (row, x, loc, factor, gradient, hessian, value, rate, still)
            )
    return end_loc, end_factor


def _finite(matrix: Tensor, other: Tensor) -> Tensor:
    """Each matrix (b, d, d), or the other in its place where the decoder has overflowed."""
    good = matrix.isfinite().all(2).all(1) & (matrix.diagonal(dim1=1, dim2=2) > 0).all(1)
    return torch.where(good[:, None, None], matrix, other)


def _bounded(precision: Tensor) -> Tensor:
    """The nearest precision that is above LEAST_PRECISION along every direction."""
    values, vectors = torch.linalg.eigh(precision)
    return vectors @ (values.clamp_min(LEAST_PRECISION)[..., None] * vectors.mT)
