"""python -m explorer evaluate: a checkpoint's test numbers."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch

from ..card import describe_binarisation, describe_likelihood, measure
from ..datasets import load_dataset
from ..datasets.binarise import repeatable
from ..device import choose_device
from ..inference.evaluation import evaluate
from ..registry import open_model
from .console import ProgressLine

HELP = "measure a checkpoint on a test set"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a pretrained model's name, or a checkpoint's folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--images", type=int, default=0, help="how many test images, from the first (default: all)")
    parser.add_argument("--samples", type=int, default=16, help="draws of z an image for the reconstruction")
    parser.add_argument("--evidence-images", type=int, default=200, help="images for log p(x)")
    parser.add_argument("--evidence-samples", type=int, default=1_000, help="k of the importance estimate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", type=Path, help="data folder in torchvision's layout (default: EXPLORER_DATA)")
    parser.add_argument("--download", action="store_true", help="download the data set where it is missing")


def run(args: argparse.Namespace) -> int:
    for name in ("images", "evidence_images"):
        if getattr(args, name) < 0:
            raise ValueError(f"--{name.replace('_', '-')} cannot be negative.")
    for name in ("samples", "evidence_samples"):
        if not 1 <= getattr(args, name) <= 1_000_000:
            raise ValueError(f"--{name.replace('_', '-')} must lie between 1 and 1,000,000.")
    torch.distributions.Distribution.set_default_validate_args(False)
    device = choose_device(args.device)
    checkpoint = open_model(args.model, device=device.torch)
    training = checkpoint.config.training
    test = load_dataset(training.dataset, "test", data_dir=args.data, download=args.download)
    x = repeatable(test.images, training.binarisation)
    line = ProgressLine()
    result = evaluate(
        checkpoint.model,
        x[: args.images or None],
        samples=args.samples,
        evidence_images=args.evidence_images,
        evidence_samples=args.evidence_samples,
        seed=args.seed,
        progress=lambda fraction: line.show(fraction, args.model),
    )
    line.close()
    bits = -result.elbo / (checkpoint.config.model.pixels * math.log(2))
    facts = {
        **result.facts(),
        "units": "nats",
        "likelihood": checkpoint.config.model.likelihood,
        "measure": measure(checkpoint.config.model.likelihood),
        # Of probabilities alone: a density's bits depend on the unit of its values.
        "bits_per_dimension": bits if measure(checkpoint.config.model.likelihood) == "probability" else None,
        "binarisation": describe_binarisation(training.binarisation),
        "evidence_method": "importance",
        "evidence_bound": "lower",
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
        print(
            f"  IWAE-{result.evidence_samples:<10,}{result.log_evidence:9.3f} nats ± "
            f"{result.log_evidence_standard_error:.3f}   a lower bound on log p(x); first {result.evidence_images:,} "
            f"images, whose ELBO is {result.evidence_elbo:.3f}"
        )
    return 0
