"""python -m explorer train: a model from a data set."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import torch

from ..card import write_card
from ..checkpoint import load_checkpoint
from ..config import ACTIVATIONS, BINARISATIONS, NETWORKS, Config, ModelConfig, TrainingConfig
from ..datasets import Dataset, load_dataset, names
from ..datasets.binarise import repeatable
from ..device import choose_device
from ..export import export_decoder
from ..gallery import Gallery, save_gallery
from ..inference.evaluation import evaluate
from ..training import Run
from .console import ProgressLine, duration

GALLERY_IMAGES = 1_000
# What the command takes when neither widths nor a budget are given.
HIDDEN = {"mlp": (512, 256, 128), "conv": (32, 64, 256)}
SECONDS = 120.0
PRECISIONS = ("float32", "bfloat16")

HELP = "train a variational autoencoder and write a checkpoint"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", choices=names(), default="mnist")
    parser.add_argument("--latent", type=int, default=2, help="latent dimensions (default: 2)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("--network", choices=NETWORKS, default="mlp")
    parser.add_argument("--hidden", help="widths, as 512,256,128; for conv: channels,channels,width")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="relu")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--seconds", type=float, help=f"wall-clock budget (default: {SECONDS:g})")
    budget.add_argument("--epochs", type=int, help="budget in passes over the data; repeatable on a CPU")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="peak of the one-cycle schedule")
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--beta", type=float, default=1.0, help="weight of the KL in the loss")
    parser.add_argument("--kl-warm-up", type=float, default=0.0, help="share of the budget over which it rises from 0")
    parser.add_argument("--binarisation", choices=BINARISATIONS, default="dynamic")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="processor threads (default: timed)")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the matrix products (default: timed)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--data", type=Path, help="data folder in torchvision's layout (default: EXPLORER_DATA)")
    parser.add_argument("--download", action="store_true", help="download the data set where it is missing")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was stopped in --out")


def run(args: argparse.Namespace) -> int:
    # torch.distributions checks its arguments with a read-back from the device on every call.
    torch.distributions.Distribution.set_default_validate_args(False)
    device = choose_device(args.device)
    print(f"Device: {device.reason}.")
    dataset = load_dataset(args.dataset, "train", data_dir=args.data, download=args.download)
    test = load_dataset(args.dataset, "test", data_dir=args.data, download=args.download)
    config = _config(args, dataset)
    if args.threads is not None and not 1 <= args.threads <= 1_024:
        raise ValueError(f"--threads takes a number from 1 to 1,024, not {args.threads}.")
    training = Run(
        config,
        dataset,
        args.out,
        device.torch,
        resume=args.resume,
        threads=args.threads,
        bfloat16=None if args.precision is None else args.precision == "bfloat16",
    )
    print(f"Arithmetic: {training.speed.reason}.")
    whole = _train(training)
    config = training.finish(whole=whole)
    if not whole:
        print(f"Stopped. What was learnt is in {args.out}; the same command with --resume goes on.")
    checkpoint = load_checkpoint(args.out, device=device.torch)  # the rounded weights are what is measured
    _describe(args, checkpoint.config, checkpoint.model, test)
    return 0


def _config(args: argparse.Namespace, dataset: Dataset) -> Config:
    hidden = HIDDEN[args.network]
    if args.hidden:
        try:
            hidden = tuple(int(width) for width in args.hidden.split(","))
        except ValueError:
            raise ValueError(f"--hidden takes whole numbers with commas between, not {args.hidden!r}.") from None
    model = ModelConfig(dataset.image_shape, args.latent, args.network, hidden, args.activation)
    budget_is_epochs = args.epochs is not None
    seconds = SECONDS if args.seconds is None else args.seconds
    return Config(
        model,
        TrainingConfig(
            dataset=args.dataset,
            epochs=args.epochs if budget_is_epochs else 0,
            seconds=0.0 if budget_is_epochs else seconds,
            batch_size=args.batch_size,
            learning_rate=args.learning_rate,
            weight_decay=args.weight_decay,
            beta=args.beta,
            kl_warm_up=args.kl_warm_up,
            binarisation=args.binarisation,
            seed=args.seed,
        ),
    )


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


def _describe(args: argparse.Namespace, config: Config, model: torch.nn.Module, test: Dataset) -> None:
    save_gallery(args.out, Gallery(test.images[:GALLERY_IMAGES], test.labels[:GALLERY_IMAGES], test.classes))
    x = repeatable(test.images, args.binarisation)
    line = ProgressLine()
    print("Measuring on the test set.")
    result = evaluate(model, x, evidence_images=200, progress=lambda fraction: line.show(fraction, "test set"))
    line.close()
    export_decoder(model.cpu(), args.out)
    speed = config.provenance["speed"]
    args.threads, args.precision = speed["threads"], PRECISIONS[speed["bfloat16"]]
    write_card(args.out, args.out.resolve().name, config, result, _command(args))
    print(f"Test ELBO {result.elbo:.2f} ± {result.elbo_standard_error:.2f} nats. Written: {args.out}")


def _command(args: argparse.Namespace) -> str:
    """The command again, with only what differs from its defaults, and no local path."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["python", "-m", "explorer", "train"]
    for action in parser._actions:
        value = getattr(args, action.dest, None)
        if action.dest in ("help", "data", "device", "resume", "download"):
            continue
        if value == action.default and action.dest not in ("dataset", "latent"):
            continue
        text = "/".join(value.resolve().parts[-2:]) if action.dest == "out" else str(value)
        words += [action.option_strings[-1], text]
    return shlex.join(words)
