"""python -m explorer measure: a model's card and its gaps, measured anew."""

from __future__ import annotations

import argparse
import math
import re
import time
from pathlib import Path

import torch

from ..checkpoint.catalogue import open_model
from ..checkpoint.data import load_model_data
from ..checkpoint.publish import measure
from ..checkpoint.weights import CARD_FILE, Checkpoint
from ..datasets import Dataset, DatasetError
from ..device import choose_device
from ..inference.budget import Budget
from ..training.recipes import command_for
from .console import ProgressLine, duration

HELP = "measure a checkpoint's card anew: test and training ELBO, log p(x), gaps"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", help="names of pretrained models, or checkpoints' folders")
    parser.add_argument("--gap-images", type=int, default=500, help="test images for log p(x) and the gaps")
    parser.add_argument("--samples", type=int, default=16, help="draws of z per image for the reconstruction")
    parser.add_argument("--seconds", type=float, help="processor time for each model (default: no limit)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", type=Path, help="data folder in torchvision's layout (default: EXPLORER_DATA)")
    parser.add_argument("--download", action="store_true", help="download the data set where it is missing")


def run(args: argparse.Namespace) -> int:
    if not 0 <= args.gap_images <= 100_000:
        raise ValueError("--gap-images must lie between 0 and 100,000.")
    if not 1 <= args.samples <= 100_000:
        raise ValueError("--samples must lie between 1 and 100,000.")
    if args.seconds is not None and not args.seconds > 0:
        raise ValueError("--seconds must be above 0.")
    torch.distributions.Distribution.set_default_validate_args(False)
    device = choose_device(args.device)
    for model in args.models:
        checkpoint = open_model(model)
        began, where = time.monotonic(), {"data_dir": args.data, "download": args.download}
        line, name = ProgressLine(), checkpoint.folder.resolve().name
        result = measure(
            checkpoint.folder,
            load_model_data(checkpoint, **where),
            name=name,
            command=made_by(checkpoint),
            device=device.torch,
            train=_training(checkpoint, **where),
            samples=args.samples,
            gap_images=args.gap_images,
            budget=Budget(math.inf if args.seconds is None else args.seconds),
            progress=lambda fraction, line=line, name=name: line.show_left(fraction, name),
        )
        line.close()
        print(
            f"{name}: test ELBO {result.elbo:.2f} nats ({result.n:,} images), log p(x) and gaps of "
            f"{result.evidence_images:,} images, after {duration(time.monotonic() - began)}. "
            f"Written: {checkpoint.folder / CARD_FILE}",
            flush=True,
        )
    return 0


def made_by(checkpoint: Checkpoint) -> str:
    """The line that made the model, as its card has it; where that says none, one of the same configuration."""
    with_card = checkpoint.folder / CARD_FILE
    if with_card.is_file():
        found = re.search(r"^    (python -m explorer train .*)$", with_card.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1]
    return command_for(checkpoint.config, f"runs/{checkpoint.folder.resolve().name}")


def _training(checkpoint: Checkpoint, **where: object) -> Dataset | None:
    """The images a model was trained on; None where they are not here, which is said."""
    try:
        return load_model_data(checkpoint, "train", **where)  # type: ignore[arg-type]
    except DatasetError as error:
        print(f"{checkpoint.folder.name}: without the training images. {error}", flush=True)
        return None
