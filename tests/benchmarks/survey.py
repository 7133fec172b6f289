"""A survey of gaps beside one whose climbs begin at the encoder's q alone: CPU time, and the nats that starts find.

    python -m tests.benchmarks.survey [--models mnist-2d mnist-16d] [--images 200]

Several starts may take twice the CPU time at most; the exit code is 1 where they take more.
"""

from __future__ import annotations

import argparse
import sys
import time
from unittest import mock

import torch

from explorer.checkpoint.catalogue import open_model
from explorer.checkpoint.data import load_model_data
from explorer.datasets.binarise import repeatable
from explorer.inference.gaps import survey as surveying
from explorer.inference.gaps.climb import best_gaussian, measured, rule_for
from tests.benchmarks.machine import describe_machine

AIM = 2.0


def from_the_encoder_alone(model, x, loc, factor, starts):
    """As `best_gaussians`, but for its starts."""
    own = measured(model, x, loc, factor, rule_for(model.config.latent, fine=True))
    diagonal = best_gaussian(model, x, loc, factor)
    return own, diagonal, best_gaussian(model, x, diagonal.loc, diagonal.factor, family="full")


def compared(name: str, images: int) -> float:
    """Prints both surveys of a model's first test images, in turn; the ratio of their CPU times."""
    checkpoint = open_model(name)
    x = repeatable(load_model_data(checkpoint).images[:images], checkpoint.config.training.binarisation)
    seconds, found = [], []
    for search in (surveying.best_gaussians, from_the_encoder_alone):
        with mock.patch.object(surveying, "best_gaussians", search):
            began = time.process_time()
            found.append(surveying.survey(checkpoint.model, x))
            seconds.append(time.process_time() - began)
    more, alone = found
    gained = {family: getattr(more, family) - getattr(alone, family) for family in ("diagonal", "full")}
    ratio = seconds[0] / seconds[1]
    for family, nats in gained.items():
        print(
            f"  {family}: {nats.mean():.3f} nats more on average, {nats.amin():.3f} to {nats.amax():.2f}; "
            f"more than 0.02 for {(nats > 0.02).double().mean():.1%} of the images"
        )
    print(f"{name}: {len(x)} images, {seconds[0]:.1f} CPU-s beside {seconds[1]:.1f}, {ratio:.2f} times (aim {AIM:g})")
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=["mnist-2d", "mnist-16d"])
    parser.add_argument("--images", type=int, default=200)
    args = parser.parse_args()
    torch.distributions.Distribution.set_default_validate_args(False)
    print(describe_machine())
    return int(max([compared(name, args.images) for name in args.models]) > AIM)


if __name__ == "__main__":
    sys.exit(main())
