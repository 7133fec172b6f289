"""python -m explorer gaps: the gaps of a checkpoint's test images, kept beside it for the page of the ELBO."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ..checkpoint.catalogue import open_model
from ..checkpoint.data import load_model_data
from ..checkpoint.gaps import GAPS_FILE, MOST_IMAGES, load_gaps, save_gaps
from ..checkpoint.publish import how_surveyed
from ..datasets.binarise import repeatable
from ..device import choose_device
from ..inference.gaps.survey import Survey, survey
from .console import ProgressLine, seed

HELP = "measure the gaps between log p(x) and the ELBO of a checkpoint's test images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a pretrained model's name, or a checkpoint's folder")
    parser.add_argument("--images", type=int, default=1_000, help="how many test images, from the first; 0 for all")
    parser.add_argument("--replace", action="store_true", help="also where a table of more images is there already")
    parser.add_argument("--seed", type=seed, default=0, help="of importance sampling, beyond two latent dimensions")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", type=Path, help="data folder in torchvision's layout (default: EXPLORER_DATA)")
    parser.add_argument("--download", action="store_true", help="download the data set where it is missing")


def run(args: argparse.Namespace) -> int:
    if not 0 <= args.images <= MOST_IMAGES:
        raise ValueError(f"--images must lie between 0 and {MOST_IMAGES:,}.")
    torch.distributions.Distribution.set_default_validate_args(False)
    checkpoint = open_model(args.model, device=choose_device(args.device).torch)
    training = checkpoint.config.training
    there = load_gaps(checkpoint.folder, checkpoint.model)
    if args.images and there and len(there.survey) > args.images and not args.replace:
        raise ValueError(
            f"{GAPS_FILE} of {args.model} holds {len(there.survey):,} images, more than --images {args.images:,}: "
            "ask for as many, or add --replace."
        )
    images = load_model_data(checkpoint, data_dir=args.data, download=args.download).images
    x = repeatable(images, training.binarisation)[: args.images or None]
    line = ProgressLine()
    found = survey(checkpoint.model, x, seed=args.seed, progress=lambda fraction: line.show_left(fraction, args.model))
    line.close()
    print(f"{args.model}: {len(x):,} test images of {training.dataset}, nats, mean ± standard error over images")
    for name, values in _rows(found).items():
        error = f" ± {values.std().item() / len(values) ** 0.5:.3f}" if len(values) > 1 else ""
        print(f"  {name:<52} {values.mean().item():9.3f}{error}")
    made = how_surveyed(found)
    known = found.error[~found.error.isnan()]
    errors = f"{known.mean():.3g} nats in the mean, {known.max():.3g} at most" if len(known) else "unknown"
    unknown = f", unknown for {len(found) - len(known):,} images" if 0 < len(known) < len(found) else ""
    print(f"log p(x) {made}; its own error: {errors}{unknown}.")
    path = save_gaps(checkpoint.folder, checkpoint.model, x, found, binarisation=training.binarisation, made=made)
    print(f"Written: {path} ({path.stat().st_size:,} bytes)")
    return 0


def _rows(found: Survey) -> dict[str, torch.Tensor]:
    return {
        "log p(x)": found.log_evidence,
        "ELBO of the encoder’s q": found.elbo,
        "inference gap": found.inference_gap,
        "approximation gap (best diagonal Gaussian)": found.approximation_gap,
        "approximation gap (best Gaussian, any covariance)": found.log_evidence - found.full,
        "amortization gap": found.amortization_gap,
    }
