"""Everything that wants a GPU, in one run of at most eight minutes; what it finds and trains stays in a folder.

    python -m tests.benchmarks.gpu --out gpu [--seconds 480] [--data FOLDER] [--device cuda]

In this order: the laws of tests/helpers/device_laws.py on the device; images a second of training, beside a plain loop;
log p(x) by every estimator, on the device and on the CPU; the shipped models trained anew, for what time is left, each
beside the shipped one's test ELBO. `--data` is a folder in torchvision's layout with the training images of
Fashion-MNIST; without it the two models of MNIST are trained. With --device cpu and a small budget it tries itself.
Needs torch, numpy and safetensors, and for plane fits scipy; neither streamlit nor umap.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from explorer.checkpoint.catalogue import open_model, pretrained
from explorer.config import Config
from explorer.datasets import Dataset, DatasetError, load_dataset
from explorer.datasets.binarise import repeatable
from explorer.device import choose_device
from explorer.inference import log_evidence
from explorer.inference.evaluation import evaluate
from explorer.models import VAE
from explorer.training import Run
from tests.benchmarks.gpu_throughput import WAYS, images_a_second
from tests.benchmarks.machine import describe_machine
from tests.helpers.device_laws import LAWS

# Of the budget: for throughput, and for each of the estimators.
THROUGHPUT, ESTIMATORS = 0.25, 0.15
ESTIMATED = {"mnist-2d": ("quadrature", "importance", "annealed"), "mnist-16d": ("importance", "annealed")}
BATCHES = (128, 1_024)
COMPARED = 4  # images whose log p(x) is computed on the CPU as well
# Annealing's usual length would take minutes on the CPU beside it.
OPTIONS: dict[str, dict[str, int]] = {"annealed": {"steps": 50, "chains": 4}}
TRAINED_BATCH = 512


def laws(device: torch.device) -> Iterator[dict[str, Any]]:
    """Each law with the fault it met, None where it holds."""
    for law in LAWS:
        began = time.perf_counter()
        try:
            law(device)
            fault = None
        except Exception as error:  # a fault is a finding of this run, and the next law is still to be tried
            fault = f"{type(error).__name__}: {error}"[:500]
        yield {"law": law.__name__, "fault": fault, "seconds": round(time.perf_counter() - began, 1)}


def throughput(device: torch.device, seconds: float) -> Iterator[dict[str, Any]]:
    """Images a second by each way of running a step."""
    ways = [way for way, usable in WAYS.items() if device.type in usable]
    for batch in BATCHES:
        for way in ways:
            turn = seconds / len(BATCHES) / len(ways)
            yield {"batch": batch, "way": way, **images_a_second(way, device, batch, turn)}


def estimators(device: torch.device, seconds: float) -> Iterator[dict[str, Any]]:
    """log p(x) of test images by each estimator, as many as the time allows; the first few on the CPU as well."""
    x = repeatable(load_dataset("mnist", "test").images, "fixed")
    turn = seconds / sum(map(len, ESTIMATED.values()))
    for name, methods in ESTIMATED.items():
        model, other = (open_model(name, device=at).model for at in (device, "cpu"))
        for method in methods:
            first, took = _timed(model, x[:COMPARED], method)
            count = max(COMPARED, min(1_000, int(COMPARED * turn / took)))
            found, took = _timed(model, x[:count], method)
            beside, alone = _timed(other, x[:COMPARED], method)
            yield {
                "model": name,
                "method": method,
                "images": count,
                "nats": round(found.value.mean().item(), 3),
                "images_a_second": round(count / took, 2),
                "images_a_second_on_the_cpu": round(COMPARED / alone, 2),
                "largest_difference": round((first.value.cpu() - beside.value.cpu()).abs().max().item(), 4),
                "its_error": round(first.error.max().item() + beside.error.max().item(), 4),
            }


def _timed(model: VAE, x: torch.Tensor, method: str) -> tuple[Any, float]:
    device = next(model.parameters()).device
    began = time.perf_counter()
    generator = torch.Generator(device).manual_seed(0)
    found = log_evidence(model, x, method=method, generator=generator, **OPTIONS.get(method, {}))
    found.value.sum().item()  # waits for the device
    return found, time.perf_counter() - began


def trainings(device: torch.device, until: float, data: Path | None, out: Path) -> Iterator[dict[str, Any]]:
    """The shipped models trained anew with larger minibatches, in equal shares of the time until a `perf_counter`."""
    names = [name for name in pretrained() if _splits(name, data) is not None]
    for index, name in enumerate(names):
        train_split, test = _splits(name, data) or ()
        shipped = open_model(name)
        share = 0.9 * (until - time.perf_counter()) / (len(names) - index)  # the rest is for measuring
        training = dataclasses.replace(
            shipped.config.training, epochs=0, seconds=max(share, 1.0), batch_size=TRAINED_BATCH, learning_rate=2e-3
        )
        run = Run(Config(shipped.config.model, training), train_split, out / name, device, heldout=test)
        for _ in run:
            pass
        run.finish(whole=True)
        run.discard_state()
        x = repeatable(test.images, training.binarisation)
        new, old = (evaluate(model.eval(), x, samples=4).elbo for model in (run.model, shipped.model.to(device)))
        yield {
            "model": name,
            "seconds": round(run.state.elapsed, 1),
            "epochs": round(run.state.step / run.steps_per_epoch, 1),
            "speed": run.speed.reason,
            "test_elbo": round(new, 2),
            "shipped_test_elbo": round(old, 2),
        }


def _splits(name: str, data: Path | None) -> tuple[Dataset, Dataset] | None:
    dataset = open_model(name).config.training.dataset
    try:
        return load_dataset(dataset, "train", data_dir=data), load_dataset(dataset, "test", data_dir=data)
    except DatasetError:
        return None


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json and the models")
    parser.add_argument("--seconds", type=float, default=480.0, help="budget of the whole run")
    parser.add_argument("--data", type=Path, help="folder with Fashion-MNIST in torchvision's layout")
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args(argv)
    began = time.perf_counter()
    chosen = choose_device(args.device)
    device, machine = chosen.torch, f"{chosen.reason}; {describe_machine()}"
    torch.distributions.Distribution.set_default_validate_args(False)
    args.out.mkdir(parents=True, exist_ok=True)
    print(machine)
    figures: dict[str, Any] = {"machine": machine, "seconds": args.seconds}
    parts = {
        "laws": lambda: laws(device),
        "throughput": lambda: throughput(device, THROUGHPUT * args.seconds),
        "estimators": lambda: estimators(device, ESTIMATORS * args.seconds),
        "trainings": lambda: trainings(device, began + args.seconds, args.data, args.out),
    }
    for part, rows in parts.items():
        figures[part] = []
        print(f"\n{part}")
        for row in rows():
            figures[part].append(row)
            print("  " + "  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
            # Written after each row: what is cut off has lost nothing that was found.
            (args.out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(f"\n{time.perf_counter() - began:.0f} s; figures and weights are in {args.out}")
    return int(any(row["fault"] for row in figures["laws"]))


if __name__ == "__main__":
    raise SystemExit(main())
