"""Coverage of the importance estimate of log p(x) by two standard errors: `python -m tests.benchmarks.evidence`.

Forty images a model: ordinary ones, those of the first 150 test images whose weights are the most uneven, and odd ones
(noise, an empty image, halves, blends). The truth is a long run of another proposal: t distributions of three degrees
of freedom at the ends of climbs from the encoder's q and from the best of many codes and draws of the prior, fitted
anew three times to 20,000 draws, and 100,000 draws at last. Exits with 1 where fewer than 90 % are covered.
"""

from __future__ import annotations

import argparse
import math
import sys
import time

import torch
from torch import Tensor

from explorer.checkpoint.catalogue import open_model
from explorer.checkpoint.data import load_model_data
from explorer.datasets.binarise import repeatable
from explorer.inference.evidence.importance import importance
from explorer.inference.gaps.climb import climbed
from explorer.inference.quadrature.decoded import decode, log_joint_at
from explorer.models import VAE

HARD = {
    "mnist-16d": (25, 62, 87, 96, 107, 104, 124, 137, 149, 151),
    "fashion-mnist-16d": (8, 12, 26, 27, 63, 75, 106, 115, 129, 52),
}
FREEDOM = 3


def images_of(name: str, x: Tensor) -> tuple[list[str], Tensor]:
    """Forty images and their names, of the test images x (n, 1, 28, 28)."""
    g = torch.Generator().manual_seed(0)
    pairs = torch.where(torch.rand(4, *x.shape[1:], generator=g) < 0.5, x[324:328], x[334:338])
    empty = torch.cat([x[350:353, :, :14], 0 * x[350:353, :, 14:]], 2)
    odd = {
        "noise": torch.randint(2, (1, *x.shape[1:]), generator=g).float(),
        "empty": torch.zeros(1, *x.shape[1:]),
        "halves": torch.cat([x[305:307, ..., :14], x[313:315, ..., 14:]], 3),
        "mirrored": x[341:342].flip(-1),
        "blend": pairs[:3],
        "upper half": empty[:2],
    }
    rows = list(range(0, 140, 7)) + list(HARD[name])
    names = [str(row) for row in rows] + [f"{kind} {i}" for kind, some in odd.items() for i in range(len(some))]
    return names, torch.cat([x[rows], *odd.values()])


def truth(model: VAE, x: Tensor, codes: Tensor, seed: int) -> tuple[float, float]:
    """log p(x) of an image (1, c, h, w) and its standard error, by a long run of another proposal."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        q = model.posterior(x).base_dist
    places = torch.cat([codes, torch.randn(2_000, codes.shape[1], generator=g, dtype=torch.float64)])
    best = decode(model, places).log_joint(x)[0].topk(11).indices
    start = torch.cat([q.loc.double(), places[best]])
    m, f = climbed(
        model, x.expand(12, -1, -1, -1), start, q.scale.double().diag_embed().expand(12, -1, -1), family="full"
    )
    modes = [(m[i], 1.2 * f[i]) for i in range(12) if all((m[i] - m[j]).norm() > 0.05 for j in range(i))]
    parts, shares = modes, torch.full((len(modes) + 1,), 1 / (len(modes) + 1), dtype=torch.float64)  # last, the prior's
    for draws in (20_000, 20_000, 20_000, 100_000):
        which = torch.multinomial(shares, draws, replacement=True, generator=g)
        z = torch.randn(draws, len(m[0]), generator=g, dtype=torch.float64)
        chi = torch.randn(draws, FREEDOM, generator=g, dtype=torch.float64).square().mean(1, keepdim=True).sqrt()
        for c, (loc, factor) in enumerate(parts):
            z[which == c] = loc + (z / chi)[which == c] @ factor.mT
        each = torch.stack([*(_log_t(z, *part) for part in parts), -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)])
        each = each + shares.log()[:, None]
        log_weight = log_joint_at(model, z, x)[0] - each.logsumexp(0)
        weight = torch.softmax(log_weight, 0)
        held = torch.softmax(each, 0) @ weight
        if 1 / weight.square().sum() > 200:
            mean = weight @ z
            scatter = ((z - mean) * weight[:, None]).mT @ (z - mean)
            parts = [*modes, (mean, torch.linalg.cholesky(scatter))]
            shares = torch.cat([held[: len(modes)], torch.tensor([0.3], dtype=torch.float64), held[-1:]])
        else:
            shares = held
        shares = shares.clamp_min(0.03) / shares.clamp_min(0.03).sum()
    value = log_weight.logsumexp(0) - math.log(draws)
    return value.item(), ((draws * weight.square().sum() - 1) / (draws - 1)).clamp_min(0).sqrt().item()


def _log_t(z: Tensor, loc: Tensor, factor: Tensor) -> Tensor:
    d = len(loc)
    whitened = torch.linalg.solve(factor, (z - loc).mT).square().sum(0)
    constant = math.lgamma((FREEDOM + d) / 2) - math.lgamma(FREEDOM / 2) - 0.5 * d * math.log(FREEDOM * math.pi)
    return constant - torch.linalg.slogdet(factor).logabsdet - 0.5 * (FREEDOM + d) * (1 + whitened / FREEDOM).log()


def coverage(name: str, seeds: int) -> bool:
    """Prints how often the truth is covered; whether that is often enough."""
    checkpoint = open_model(name)
    model = checkpoint.model.eval()
    every = repeatable(load_model_data(checkpoint).images, checkpoint.config.training.binarisation)
    names, x = images_of(name, every)
    with torch.no_grad():
        codes = model.posterior(every[2_000:4_000]).base_dist.loc.double()
    long = torch.tensor([truth(model, x[i : i + 1], codes, seed=1) for i in range(len(x))], dtype=torch.float64)
    began = time.process_time()
    found = [importance(model, x, generator=torch.Generator().manual_seed(seed)) for seed in range(seeds)]
    seconds = (time.process_time() - began) / seeds / len(x)
    value, error, effective = (
        torch.stack([getattr(one, what) for one in found]) for what in ("value", "error", "effective_samples")
    )
    away = value - long[:, 0]
    covered = away.abs() <= 2 * (error.square() + long[:, 1].square()).sqrt()
    known = ~error.isnan()
    for i, image in enumerate(names):
        print(
            f"  {image:<13} log p(x) {long[i, 0]:9.3f} ± {long[i, 1]:.3f}; mean estimate {away[:, i].mean():+.3f}, "
            f"worst {away[:, i][away[:, i].abs().argmax()]:+.3f}; "
            f"covered {covered[known[:, i], i].double().mean():4.0%}; "
            f"error unknown {int((~known[:, i]).sum())}; effective {effective[:, i].median():,.0f}"
        )
    share = covered[known].double().mean().item()
    print(
        f"{name}: {len(x)} images, {seeds} seeds: two standard errors cover {share:.1%}; error unknown for "
        f"{(~known).double().mean():.1%}; {seconds:.2f} CPU-s an image"
    )
    return share >= 0.9


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(HARD))
    parser.add_argument("--seeds", type=int, default=20)
    args = parser.parse_args()
    torch.distributions.Distribution.set_default_validate_args(False)
    return 0 if sum([not coverage(name, args.seeds) for name in args.models]) == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
