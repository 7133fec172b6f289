"""python -m explorer train: a model from a data set."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import torch

from ..config import ACTIVATIONS, BINARISATIONS, LIKELIHOODS, NETWORKS, Config, ModelConfig, TrainingConfig
from ..datasets import Dataset, load_dataset
from ..device import choose_device
from ..publish import publish
from ..recipes import binarisation_for, command_for, hidden_for
from ..training import Run
from ..training.tuning import MOST_THREADS
from .console import ProgressLine, duration

# What the command takes when no budget is given.
SECONDS = 120.0
PRECISIONS = ("float32", "bfloat16")

HELP = "train a variational autoencoder and write a checkpoint"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", default="mnist", help="a data set's name, or that of your own pictures")
    parser.add_argument("--latent", type=int, default=2, help="latent dimensions (default: 2)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("--network", choices=NETWORKS, default="mlp")
    parser.add_argument("--hidden", help="widths, as 512,256,128; for conv: channels of each halving, then a width")
    parser.add_argument("--activation", choices=ACTIVATIONS, default=ModelConfig.activation)
    parser.add_argument("--likelihood", choices=LIKELIHOODS, default="bernoulli")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--seconds", type=float, help=f"wall-clock budget (default: {SECONDS:g})")
    budget.add_argument("--epochs", type=int, help="budget in passes over the data; repeatable on a CPU")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="peak of the one-cycle schedule")
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--beta", type=float, default=1.0, help="weight of the KL in the loss")
    parser.add_argument("--kl-warm-up", type=float, default=0.0, help="share of the budget over which it rises from 0")
    parser.add_argument("--free-bits", type=float, default=0.0, help="nats a latent dimension may use freely")
    parser.add_argument("--binarisation", choices=BINARISATIONS, help="of a Bernoulli's pixels (default: dynamic)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="processor threads (default: timed)")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the matrix products (default: timed)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--data", type=Path, help="data folder in torchvision's layout (default: EXPLORER_DATA)")
    parser.add_argument("--download", action="store_true", help="download the data set where it is missing")
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
    whole = _train(training)
    config = training.finish(whole=whole)
    if not whole:
        print(f"Stopped. What was learnt is in {args.out}; the same command with --resume goes on.")
    _publish(args.out, config, test, device.torch)
    if whole:
        training.discard_state()
    return 0


def _config(args: argparse.Namespace, dataset: Dataset) -> Config:
    hidden = hidden_for(args.network, dataset.image_shape)
    if args.hidden:
        try:
            hidden = tuple(int(width) for width in args.hidden.split(","))
        except ValueError:
            raise ValueError(f"--hidden takes whole numbers with commas between, not {args.hidden!r}.") from None
    model = ModelConfig(dataset.image_shape, args.latent, args.network, hidden, args.activation, args.likelihood)
    same = {field.name for field in dataclasses.fields(TrainingConfig)} & set(vars(args))
    values = {name: getattr(args, name) for name in same} | {
        "epochs": args.epochs or 0,
        # A budget of 0 epochs is as much of a mistake as one of 0 seconds, and is refused as such.
        "seconds": 0.0 if args.epochs is not None else SECONDS if args.seconds is None else args.seconds,
        "binarisation": args.binarisation or binarisation_for(args.likelihood),
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


def _publish(out: Path, config: Config, test: Dataset, device: torch.device) -> None:
    folder = out.resolve()
    line = ProgressLine()
    print("Measuring on the test set.")
    result = publish(
        out,
        test,
        name=folder.name,
        command=command_for(config, "/".join(folder.parts[-2:])),
        device=device,
        progress=lambda fraction: line.show(fraction, "test set"),
    )
    line.close()
    print(f"Test ELBO {result.elbo:.2f} ± {result.elbo_standard_error:.2f} nats. Written: {out}")
