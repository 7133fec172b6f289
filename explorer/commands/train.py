"""python -m explorer train: a model from a data set."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from ..checkpoint.publish import budget_of, measure, open_up
from ..config import ACTIVATIONS, BINARISATIONS, LIKELIHOODS, NETWORKS, Config, ModelConfig, TrainingConfig
from ..datasets import Dataset, load_dataset
from ..device import choose_device
from ..inference.budget import Budget
from ..training import Run
from ..training.recipes import (
    BATCH,
    FEWEST_STEPS,
    batch_for,
    binarisation_for,
    command_for,
    hidden_for,
    likelihood_for,
    network_for,
)
from ..training.speed import MOST_THREADS
from .console import ProgressLine, duration

# What the command takes when no budget is given.
SECONDS = 120.0
PRECISIONS = ("float32", "bfloat16")

HELP = "train a variational autoencoder and write a checkpoint"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", default="mnist", help="a data set's name, or that of your own pictures")
    parser.add_argument("--latent", type=int, default=2, help="latent dimensions (default: 2)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("--network", choices=NETWORKS, help="default: mlp for small grey images, conv for others")
    parser.add_argument("--hidden", help="widths, as 512,256,128; for conv: channels of each halving, then a width")
    parser.add_argument("--activation", choices=ACTIVATIONS, default=ModelConfig.activation)
    parser.add_argument(
        "--likelihood", choices=LIKELIHOODS, help="default: bernoulli, or discretised-logistic for colour images"
    )
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--seconds", type=float, help=f"wall-clock budget (default: {SECONDS:g})")
    budget.add_argument("--epochs", type=int, help="budget in passes over the data; repeatable on a CPU")
    parser.add_argument("--batch-size", type=int, help=f"default: {BATCH}, or fewer of a small data set")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="peak of the one-cycle schedule")
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--beta", type=float, default=1.0, help="weight of the KL in the loss")
    parser.add_argument("--kl-warm-up", type=float, default=0.0, help="share of the budget over which it rises from 0")
    parser.add_argument("--free-bits", type=float, default=0.0, help="nats that each latent dimension may use freely")
    parser.add_argument("--binarisation", choices=BINARISATIONS, help="of a Bernoulli's pixels (default: dynamic)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="processor threads (default: timed)")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the matrix products (default: timed)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--data", type=Path, help="data folder in torchvision's layout (default: EXPLORER_DATA)")
    parser.add_argument("--download", action="store_true", help="download the data set where it is missing")
    parser.add_argument(
        "--measure-seconds",
        type=float,
        help="processor time for the test numbers (default: a third of the training's, 60 at most; inf for no limit)",
    )
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard's event files too")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was stopped in --out")


def run(args: argparse.Namespace) -> int:
    # torch.distributions checks its arguments with a read-back from the device on every call.
    torch.distributions.Distribution.set_default_validate_args(False)
    device = choose_device(args.device)
    print(f"Device: {device.reason}.")
    dataset = load_dataset(args.dataset, "train", data_dir=args.data, download=args.download)
    test = load_dataset(args.dataset, "test", data_dir=args.data, download=args.download)
    config = _config(args, dataset)
    if args.threads is not None and not 1 <= args.threads <= MOST_THREADS:
        raise ValueError(f"--threads takes a number from 1 to {MOST_THREADS:,}, not {args.threads}.")
    if args.measure_seconds is not None and not args.measure_seconds >= 0:  # also false for NaN
        raise ValueError(f"--measure-seconds takes a number of seconds, not {args.measure_seconds:g}.")
    training = Run(
        config,
        dataset,
        args.out,
        device.torch,
        resume=args.resume,
        threads=args.threads,
        bfloat16=None if args.precision is None else args.precision == "bfloat16",
        heldout=test,
        tensorboard=args.tensorboard,
    )
    print(f"Arithmetic: {training.speed.reason}.")
    steps = config.training.epochs * training.steps_per_epoch
    if 0 < steps < FEWEST_STEPS:
        print(f"{steps:,} steps are few: a model wants some hundreds at least. Give more epochs or a smaller batch.")
    whole = _train(training)
    if whole and not steps and training.state.step < FEWEST_STEPS:
        print(f"The time was enough for {training.state.step:,} steps; a model wants some hundreds at least.")
    config = training.finish(whole=whole)
    if not whole:
        print(f"Stopped. What was learnt is in {args.out}; the same command with --resume goes on.")
    _publish(args.out, config, (dataset, test), device.torch, args.measure_seconds)
    if whole:
        training.discard_state()
    return 0


def _config(args: argparse.Namespace, dataset: Dataset) -> Config:
    shape = dataset.image_shape
    network, likelihood = args.network or network_for(shape), args.likelihood or likelihood_for(shape)
    hidden = hidden_for(network, shape)
    if args.hidden:
        try:
            hidden = tuple(int(width) for width in args.hidden.split(","))
        except ValueError:
            raise ValueError(f"--hidden takes whole numbers with commas between, not {args.hidden!r}.") from None
    model = ModelConfig(shape, args.latent, network, hidden, args.activation, likelihood)
    same = {field.name for field in dataclasses.fields(TrainingConfig)} & set(vars(args))
    values = {name: getattr(args, name) for name in same} | {
        "epochs": args.epochs or 0,
        # A budget of 0 epochs is as much of a mistake as one of 0 seconds, and is refused as such.
        "seconds": 0.0 if args.epochs is not None else SECONDS if args.seconds is None else args.seconds,
        "binarisation": args.binarisation or binarisation_for(likelihood),
        "batch_size": batch_for(len(dataset)) if args.batch_size is None else args.batch_size,
    }
    return Config(model, TrainingConfig(**values))


def _train(training: Run) -> bool:
    """Runs to the end of the budget; False when Ctrl-C came first."""
    line = ProgressLine()
    fraction = 0.0
    with _interruption() as asked:
        for p in training:
            fraction = p.fraction
            line.show(
                p.fraction,
                f"epoch {p.epoch:.1f}  ELBO {p.elbo:.2f} nats  (reconstruction {p.log_likelihood:.2f}, KL {p.kl:.2f})  "
                f"{p.images_per_second:,.0f} images/s  {duration(p.remaining)} left",
            )
            if asked.is_set():
                break
    line.close()
    return fraction >= 1.0 or not asked.is_set()


@contextlib.contextmanager
def _interruption() -> Iterator[threading.Event]:
    """Set by Ctrl-C, to be obeyed at the next report; a second Ctrl-C interrupts at once.

    An exception in the middle of a step would leave weights that no step counted, so that
    a resumed run would not be the run that was stopped.
    """
    asked = threading.Event()

    def ask(signum: int, frame: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def _publish(
    out: Path, config: Config, splits: tuple[Dataset, Dataset], device: torch.device, seconds: float | None
) -> None:
    folder, (train, test) = out.resolve(), splits
    named = {"name": folder.name, "command": command_for(config, "/".join(folder.parts[-2:]))}
    began = time.monotonic()
    open_up(out, test, **named)
    print(f"The model can be opened, {time.monotonic() - began:.1f} s after its last step: {out}", flush=True)
    budget = budget_of(config) if seconds is None else Budget(seconds)
    print(
        f"Measuring on the test set, for {duration(budget.seconds)} at most."
        if math.isfinite(budget.seconds)
        else "Measuring on the test set.",
        flush=True,
    )
    line = ProgressLine()
    result = measure(
        out,
        test,
        **named,
        train=train,
        device=device,
        budget=budget,
        progress=lambda fraction: line.show_left(fraction, "test set"),
    )
    line.close()
    images = f"{result.n:,} of {len(test):,} test images"
    print(f"Test ELBO {result.elbo:.2f} ± {result.elbo_standard_error:.2f} nats over {images}. Written: {out}")
