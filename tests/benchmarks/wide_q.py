"""Numbers of a q of many widths, while it is dragged and at rest, against a fine grid of this file's own.

    python -m tests.benchmarks.wide_q [--models mnist-2d fashion-mnist-2d] [--images 100] [--json]

E_q[log p(x|z)] and what is said of its error; and, at rest, how far log p(x) = ELBO + KL(q || p(z|x)) is from holding.
q lies at the encoder's mean; its scales go from 0.01 to 3, alike or not. While it is dragged: by the sums of the
browser's own modules over the field, in a real browser, or by the nodes of a drag, which torch decodes here. At rest:
as the app's routes answer. Covered: the number is off by no more than what is said and half of the last digit shown.
"""

from __future__ import annotations

import argparse
import base64
import json
from typing import Any

import numpy as np
import torch
from playwright.sync_api import sync_playwright
from torch import Tensor

from explorer.inference import gaussian_rule
from explorer.models import VAE
from explorer.serving.elbo_page.answers import kl_of
from explorer.serving.space.posteriors import field_of, posterior_of
from explorer.serving.space.space import SPACES, Space
from explorer.serving.space.state import image_of
from explorer.serving.space.terms import evaluate_state
from tests.browser.harness import CHROMIUM_ARGS, chromium_path
from tests.browser.modules import module_page

ALIKE = [(s, s) for s in (0.01, 0.03, 0.06, 0.12, 0.25, 0.35, 0.5, 1.0, 2.0, 3.0)]
OTHERS = [(0.5, 0.03), (0.03, 0.25), (0.01, 0.12), (0.1, 0.4)]
HALF = 0.005
SUMS = """async ({ facts, values, places }) => {
  const { Field } = await import('/static/maths/field.mjs');
  const bytes = Uint8Array.from(atob(values), (character) => character.charCodeAt(0));
  const field = new Field(facts, new Float32Array(bytes.buffer));
  return places.map(([mean, scale]) => field.expectation(mean, scale));
}"""


@torch.inference_mode()
def log_likelihood(model: VAE, z: Tensor, x: Tensor) -> Tensor:
    """log p(x|z), float64 (k,)."""
    return torch.cat([model.likelihood(part.float()).log_prob(x) for part in z.split(4_096)]).double()


@torch.inference_mode()
def exact(model: VAE, x: Tensor, loc: Tensor, scales: list[tuple[float, float]]) -> Tensor:
    """Of all images (n, ...) of a Bernoulli model at once, by the rectangle rule on grids of its own (n, scales).

    Steps of 0.025 up to scales of 0.5, of 0.06 beyond; of narrow q those of the image's own, a third of the scale.
    """
    found = torch.zeros(len(x), len(scales), dtype=torch.float64)
    flat = x.flatten(1)
    for low, high, step in ((0.05, 0.5, 0.025), (0.5, 3.0, 0.06)):
        chosen = [k for k, scale in enumerate(scales) if min(scale) >= low and low < max(scale) <= high]
        ends = [(loc[:, j].amin() - 6.3 * high, loc[:, j].amax() + 6.3 * high) for j in range(2)]
        axes = [torch.arange(start + 0.3 * step, end, step, dtype=torch.float64) for start, end in ends]
        weights = [
            [torch.softmax(-0.5 * ((axes[j] - loc[:, j : j + 1]) / scales[k][j]).square(), 1) for j in range(2)]
            for k in chosen
        ]
        for i, at in enumerate(axes[0] if chosen else ()):
            z = torch.stack([at.expand(len(axes[1])), axes[1]], 1).float()
            logits = model.likelihood(z).base_dist.logits.flatten(1)
            values = (flat @ logits.T - torch.nn.functional.softplus(logits).sum(1)).double()
            for k, (first, second) in zip(chosen, weights, strict=True):
                found[:, k] += first[:, i] * (values * second).sum(1)
    for k, scale in enumerate(scales):
        if min(scale) >= 0.05:
            continue
        eps = [torch.arange(-6.3, 6.3, min(0.35, 0.025 / s), dtype=torch.float64) for s in scale]
        weight = torch.softmax(-0.5 * eps[0].square(), 0)[:, None] * torch.softmax(-0.5 * eps[1].square(), 0)
        offsets = torch.cartesian_prod(*eps) * torch.tensor(scale, dtype=torch.float64)
        for i in range(len(x)):
            found[i, k] = (weight.flatten() * log_likelihood(model, loc[i] + offsets, x[i : i + 1])).sum()
    return found


def at_rest(space: Space, index: int, mean: Tensor, scale: tuple[float, float], log_p: float) -> tuple[float, ...]:
    """E_q[log p(x|z)], what is said of its error, and what is missing to log p(x) = ELBO + KL(q || p(z|x))."""
    state = {"image": index, "mode": "gaussian", "z": mean.tolist(), "basis": [[1, 0], [0, 1]], "sigma": list(scale)}
    terms = evaluate_state(space, state)
    residual = log_p - terms["elbo"] - kl_of(space, state)["kl_to_posterior"]
    return terms["reconstruction"], terms["standard_error"], residual


def dragged(model: VAE, x: Tensor, mean: Tensor, scale: Tensor) -> tuple[float, float]:
    """By the nodes of a drag."""
    some = [gaussian_rule(2, nodes) for nodes in (36, 16)]
    fine, coarse = (rule.expectation(log_likelihood(model, mean + rule.nodes * scale, x)).item() for rule in some)
    return fine, abs(fine - coarse)


def measured(page: Any, name: str, images: int) -> dict[str, Any]:
    """Of each pair of scales: largest errors, coverage and the largest error said."""
    space = SPACES.get(name)
    model, field = space.checkpoint.model, field_of(space)
    levels = [
        {"origin": grid.origin.tolist(), "step": grid.step, "sides": grid.sides, "hole": grid.hole or None}
        for grid in field.grids
    ]
    rows: dict[tuple[float, float], list[list[float]]] = {scale: [] for scale in (*ALIKE, *OTHERS)}
    chosen = torch.linspace(0, len(space.latents) - 1, images).long().tolist()
    observed = torch.cat([space.latents.observed(slice(index, index + 1)) for index in chosen])
    truths = exact(model, observed, space.latents.loc[chosen].double(), list(rows))
    for i, index in enumerate(chosen):
        x, mean = observed[i : i + 1], space.latents.loc[index].double()
        log_p = posterior_of(space, image_of(space, index)).log_evidence
        values = torch.cat([part.flatten() for part in field.values(x)]).float().numpy()
        found = page.evaluate(SUMS, {
            "facts": {"levels": levels, "error": field.error(x)}, "values": base64.b64encode(values.tobytes()).decode(),
            "places": [[mean.tolist(), scale] for scale in rows],
        })  # fmt: skip
        for (scale, row), live, truth in zip(rows.items(), found, truths[i].tolist(), strict=True):
            own = torch.tensor(scale, dtype=torch.float64)
            value, said = (live["value"], live["error"]) if live else dragged(model, x, mean, own)
            rest, marked, residual = at_rest(space, index, mean, scale, log_p)
            row.append([abs(value - truth), said, abs(rest - truth), marked, abs(truth), abs(residual)])
    facts = {}
    for scale, row in rows.items():
        live, said, rest, marked, size, residual = np.array(row).T
        facts[f"{scale[0]:g} x {scale[1]:g}"] = {
            "dragged": live.max(), "said": said.max(), "covered": (live <= said + HALF).mean(),
            "rest": rest.max(), "rest_share": (rest / size).max(), "marked": (marked >= HALF).mean(),
            "identity": residual.max(), "identity_share": (residual / (0.001 + 2e-4 * size)).max(),
        }  # fmt: skip
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=["mnist-2d", "fashion-mnist-2d"])
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        with module_page(browser) as page:
            results = {name: measured(page, name, args.images) for name in args.models}
        browser.close()
    if args.json:
        print(json.dumps(results))
        return
    for name, facts in results.items():
        print(f"{name}, {args.images} images; nats, the worst of them")
        for scale, f in facts.items():
            drag = f"off by {f['dragged']:.4f}, said {f['said']:.4f}, covered {100 * f['covered']:.0f} %"
            rest = f"off by {f['rest']:.4f} ({f['rest_share']:.0e} of the value), marked {100 * f['marked']:.0f} %"
            identity = f"{f['identity']:.5f}, {100 * f['identity_share']:.0f} % of 0.001 and 2e-4 of the value"
            print(f"  {scale:<12} dragged: {drag}   at rest: {rest}   identity: {identity}")


if __name__ == "__main__":
    main()
