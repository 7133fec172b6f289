"""python -m explorer evaluate: a checkpoint's test numbers."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch

from ..checkpoint.card import describe_binarisation, describe_evidence, describe_likelihood, measure
from ..checkpoint.catalogue import open_model
from ..checkpoint.data import load_model_data
from ..datasets.binarise import repeatable
from ..device import choose_device
from ..inference.evaluation import EVIDENCE_IMAGES, Evaluation, evaluate
from ..inference.evidence.annealed import CHAINS, STEPS
from ..inference.evidence.choice import DRAWS, METHODS, check_options, chosen_method
from ..inference.evidence.iwae import HEAVY_TAIL
from .console import ProgressLine, seed

# Beyond these, float32 has either one place for all draws or none that counts.
WIDENINGS = (0.01, 100.0)

HELP = "measure a checkpoint on a test set"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a pretrained model's name, or a checkpoint's folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--images", type=int, default=0, help="how many test images, from the first (default: all)")
    parser.add_argument("--samples", type=int, default=16, help="draws of z an image for the reconstruction")
    usual = ", ".join(f"{count:,} for {method}" for method, count in EVIDENCE_IMAGES.items())
    parser.add_argument(
        "--evidence-method",
        choices=("auto", *METHODS),
        default="auto",
        help="the estimator of log p(x): quadrature, up to two latent dimensions; importance sampling around the best "
        "Gaussian of each image; annealed importance sampling, slower, without a search; iwae, draws from the "
        "encoder's own q (all but quadrature are lower bounds in expectation; default: auto, the first that "
        "is possible)",
    )
    parser.add_argument(
        "--evidence-images", type=int, help=f"images for log p(x), from the first; 0 for none (default: {usual})"
    )
    usual = ", ".join(f"{count:,} for {method}" for method, count in DRAWS.items())
    parser.add_argument(
        "--evidence-samples", type=int, help=f"draws an image of importance sampling, or k of IWAE-k (default: {usual})"
    )
    parser.add_argument(
        "--evidence-widen", type=float, default=1.0, help="of iwae: factor on q's scales to draw from, 0.01 to 100"
    )
    parser.add_argument("--annealing-steps", type=int, default=STEPS, help="temperatures of annealing")
    parser.add_argument("--chains", type=int, default=CHAINS, help="chains an image of annealing")
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", type=Path, help="data folder in torchvision's layout (default: EXPLORER_DATA)")
    parser.add_argument("--download", action="store_true", help="download the data set where it is missing")


def _check(args: argparse.Namespace) -> None:
    for name in ("images", "evidence_images"):
        if (getattr(args, name) or 0) < 0:
            raise ValueError(f"--{name.replace('_', '-')} cannot be negative.")
    for name in ("samples", "evidence_samples", "annealing_steps", "chains"):
        if not 1 <= (1 if getattr(args, name) is None else getattr(args, name)) <= 1_000_000:
            raise ValueError(f"--{name.replace('_', '-')} must lie between 1 and 1,000,000.")
    low, high = WIDENINGS
    if not low <= args.evidence_widen <= high:
        raise ValueError(f"--evidence-widen must lie between {low:g} and {high:g}, not {args.evidence_widen:g}.")


def run(args: argparse.Namespace) -> int:
    _check(args)
    torch.distributions.Distribution.set_default_validate_args(False)
    device = choose_device(args.device)
    checkpoint = open_model(args.model, device=device.torch)
    # What is not possible is refused before any data is read.
    method = chosen_method(checkpoint.model, args.evidence_method)
    check_options(method, args.evidence_samples, args.evidence_widen)
    training = checkpoint.config.training
    test = load_model_data(checkpoint, data_dir=args.data, download=args.download)
    x = repeatable(test.images, training.binarisation)
    line = ProgressLine()
    result = evaluate(
        checkpoint.model,
        x[: args.images or None],
        samples=args.samples,
        evidence_images=args.evidence_images,
        evidence_method=args.evidence_method,
        evidence_samples=args.evidence_samples,
        evidence_widen=args.evidence_widen,
        annealing_steps=args.annealing_steps,
        chains=args.chains,
        seed=args.seed,
        progress=lambda fraction: line.show_left(fraction, args.model),
    )
    line.close()
    probability = measure(checkpoint.config.model.likelihood) == "probability"
    bits = -result.elbo / (checkpoint.config.model.pixels * math.log(2))
    facts = {
        **result.facts(),
        "units": "nats",
        "likelihood": checkpoint.config.model.likelihood,
        "measure": measure(checkpoint.config.model.likelihood),
        # Of probabilities alone: a density's bits depend on the unit of its values.
        "bits_per_dimension": bits if probability and math.isfinite(bits) else None,
        "binarisation": describe_binarisation(training.binarisation),
        "dataset": training.dataset,
        "model": args.model,
    }
    if args.json:
        print(json.dumps(facts, allow_nan=False))
        return 0
    print(f"{args.model} on {result.n:,} test images of {training.dataset}; pixels: {facts['binarisation']}")
    print(f"  likelihood     {facts['likelihood']}: {describe_likelihood(facts['likelihood'])}")
    print(f"  reconstruction {result.log_likelihood:9.3f} nats")
    print(f"  KL             {result.kl:9.3f} nats   {result.active_units} active units")
    print(f"  ELBO           {result.elbo:9.3f} nats ± {result.elbo_standard_error:.3f}")
    if result.log_evidence is not None:
        _print_evidence(result)
    return 0


def _print_evidence(result: Evaluation) -> None:
    if not math.isfinite(result.log_evidence):
        print("log p(x) has no finite estimate by this method: choose another one.")
        return
    print(f"Of the first {result.evidence_images:,} images alone:")
    print(f"  ELBO           {result.evidence_elbo:9.3f} nats")
    print(
        f"  log p(x)       {result.log_evidence:9.3f} nats ± {result.log_evidence_standard_error:.3f}   "
        f"{describe_evidence(result)}"
    )
    gap = "the mean KL(q(z|x) || p(z|x))"
    if result.evidence_bound == "lower":
        gap = (
            f"a lower bound on {gap}" if result.evidence_gap >= 0 else "below zero: the estimate is worse than the ELBO"
        )
    print(f"  their gap      {result.evidence_gap:9.3f} nats   {gap}")
    error, unknown = result.evidence_error, result.evidence_unknown
    kind = "numerical" if result.evidence_method == "quadrature" else "standard"
    if unknown < result.evidence_images:
        print(f"An image's own {kind} error is {error.mean:.3g} nats in the mean and {error.worst:.3g} at most.")
    if unknown:
        print(f"Error unknown for {unknown:,} of {result.evidence_images:,} images: too few of their draws count.")
    if (effective := result.effective_samples) is not None:
        print(f"Its effective sample size is {effective.mean:,.1f} in the mean and {effective.worst:,.1f} at least.")
    if result.evidence_method == "iwae":
        print(HEAVY_TAIL)
