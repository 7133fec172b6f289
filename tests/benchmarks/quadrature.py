"""log p(x) by quadrature: how fast it is, how near an independent reference, and whether the identity holds.

    python -m tests.benchmarks.quadrature speed     [--model mnist-2d] [--images 1000] [--threads 2] [--skip-whole]
    python -m tests.benchmarks.quadrature reference [--model mnist-2d] [--images 200]
    python -m tests.benchmarks.quadrature identity  [--model mnist-2d --model fashion-mnist-2d] [--images 1000]

speed      CPU-milliseconds an image to 0.01 nats once the lattice is decoded, the same images on the lattice
           alone, and the whole test set.
reference  the difference from SciPy's adaptive integration of the model in float64 (`tests.helpers.adaptive`), in two
           processes; some minutes.
identity   |log p(x) - (ELBO + KL(q || p(z|x)))| for the encoder's q, where nothing cancels by construction: the ELBO
           is by Gauss-Hermite, the KL by a lattice in q's own coordinates, and its log p(x) by another lattice, shifted
           and of another step.

Every figure stands beside its aim; the exit code is 1 where one is missed. Needs MNIST's test set, which
comes with the project; another data set that is missing is replaced by the model's own gallery.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from explorer.checkpoint.catalogue import open_model
from explorer.checkpoint.gallery import load_gallery
from explorer.checkpoint.weights import Checkpoint
from explorer.datasets import DatasetError, load_dataset
from explorer.datasets.binarise import repeatable
from explorer.inference.expectation.rules import gaussian_rule
from explorer.inference.gaps.climb import measured
from explorer.inference.quadrature.integral import TOLERANCE, quadrature
from explorer.inference.quadrature.lattice import fitted_lattice, make_lattice
from explorer.inference.quadrature.posterior import kl_to_posterior
from tests.benchmarks.machine import describe_machine
from tests.helpers.adaptive import NumpyModel, flat, grid, log_evidence

AIM_IMAGE, AIM_COARSE, AIM_WHOLE = 35.0, 2.5, 180.0  # CPU-ms an image; seconds for 1,000 images; seconds
AIM_REFERENCE, AIM_IDENTITY = 0.01, 1e-3  # nats, for every image
TIGHT = 2e-4  # the tolerance of quadrature where the identity is looked at
RULES = (24, 32, 96)  # nodes an axis; the last where the first two differ
SCAN, SCAN_SIDE = 6.0, 161  # where the reference looks for peaks


def images_of(checkpoint: Checkpoint, most: int | None = None) -> Tensor:
    """The model's test images as its likelihood sees them."""
    training = checkpoint.config.training
    try:
        images = load_dataset(training.dataset, "test").images
    except DatasetError:
        gallery = load_gallery(checkpoint.folder, checkpoint.model.config.image_shape)
        if gallery is None:
            raise
        print(f"{training.dataset} is not here: the {len(gallery.images):,} images of the model's gallery instead.")
        images = gallery.images
    return repeatable(images[:most], training.binarisation)


@contextmanager
def clock() -> Iterator[Callable[[], tuple[float, float]]]:
    """Gives a function that says the wall and CPU seconds since."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield lambda: (time.perf_counter() - wall, time.process_time() - cpu)


class Report:
    """Lines of figures beside their aims."""

    def __init__(self) -> None:
        self.missed = False

    def figure(self, text: str, value: float, aim: float, unit: str) -> None:
        met = value <= aim
        self.missed |= not met
        print(f"  {text:<66} {value:9.4g} {unit} (aim {aim:g}: {'met' if met else 'MISSED'})", flush=True)


@torch.inference_mode()
def speed(name: str, count: int, threads: int, whole: bool, report: Report) -> None:
    torch.set_num_threads(threads)
    checkpoint = open_model(name)
    model, x = checkpoint.model, images_of(checkpoint)
    print(f"{name}, {threads} threads")
    loc = torch.cat([model.posterior(part).mean for part in x.split(1_000)])
    with clock() as since:
        lattice = fitted_lattice(model, loc)
    wall, cpu = since()
    print(f"  lattice of {' x '.join(map(str, lattice.sides))}: {wall:.2f} s, {cpu:.2f} CPU-s")
    some = x[:count]
    with clock() as since:
        quadrature(model, some, lattice=lattice)
    wall, cpu = since()
    print(f"  {len(some):,} images to {TOLERANCE} nats: {wall:.1f} s, {cpu:.1f} CPU-s")
    report.figure("CPU-milliseconds an image, to 0.01 nats", 1_000 * cpu / len(some), AIM_IMAGE, "ms")
    with clock() as since:
        quadrature(model, some, lattice=lattice, tolerance=1e9)
    wall, cpu = since()
    print(f"  the lattice alone: {wall:.2f} s, {cpu:.2f} CPU-s")
    report.figure("seconds for 1,000 images on the lattice alone", 1_000 * wall / len(some), AIM_COARSE, "s")
    if whole:
        with clock() as since:
            found = quadrature(model, x, lattice=lattice)
        wall, cpu = since()
        print(
            f"  all {len(x):,}: {cpu:.0f} CPU-s, largest error {found.error.max():.4f}, mean {found.value.mean():.4f}"
        )
        report.figure(f"seconds for the whole test set ({len(x):,})", wall, AIM_WHOLE, "s")


_worker: tuple[NumpyModel, np.ndarray, np.ndarray]


def _ready(name: str) -> None:
    global _worker
    torch.set_num_threads(1)
    model, scan = NumpyModel(open_model(name).model), np.empty(0)
    scan = grid(-SCAN, SCAN, 4_001 if model.d == 1 else SCAN_SIDE, model.d)
    raw = np.concatenate([model.raw(part).astype(np.float32) for part in np.array_split(scan, 20)])
    _worker = model, scan, raw


def _reference(image: np.ndarray) -> float:
    model, scan, raw = _worker
    parts = zip(np.array_split(raw, 20), np.array_split(scan, 20), strict=True)
    at = np.concatenate([model.family(rows, image, model.own).sum(-1) + model.log_prior(z) for rows, z in parts])
    return log_evidence(model, image, scan=scan, at_scan=at, rtol=1e-4)


def reference(name: str, count: int, report: Report) -> None:
    checkpoint = open_model(name)
    model, x = checkpoint.model, images_of(checkpoint)
    x = x[:: max(1, len(x) // count)][:count]  # from all over the test set
    torch.set_num_threads(1)
    found = quadrature(model, x, lattice=fitted_lattice(model, model.posterior(x).mean.detach()))
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    with (
        clock() as since,
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), initializer=_ready, initargs=(name,)) as pool,
    ):
        exact = list(pool.map(_reference, [flat(image) for image in x], chunksize=4))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{name}: reference of {len(x)} images in {since()[0]:.0f} s, {used.ru_utime + used.ru_stime:.0f} CPU-s")
    away = (found.value - torch.tensor(exact).double()).abs()
    over = int((away > AIM_REFERENCE).sum())
    print(f"  median difference {away.median():.2g} nats; {over} above {AIM_REFERENCE:g}; "
          f"{int((away > found.error + 1e-4).sum())} above the error that is reported")  # fmt: skip
    report.figure("largest difference from SciPy's adaptive integration", away.max().item(), AIM_REFERENCE, "nats")


@torch.inference_mode()
def identity(name: str, count: int, report: Report) -> None:
    checkpoint = open_model(name)
    model, x = checkpoint.model, images_of(checkpoint, count)
    q = model.posterior(x)
    loc, factor = q.mean.double(), q.stddev.double().diag_embed()
    with clock() as since:
        first = quadrature(model, x, tolerance=TIGHT, lattice=fitted_lattice(model, loc))
        low, high = loc.amin(0).clamp_max(-3.5) - 0.6137, loc.amax(0).clamp_min(3.5) + 0.5871
        second = quadrature(model, x, tolerance=TIGHT, lattice=make_lattice(model, low, high, 23_000)).value
        few, more = (measured(model, x, loc, factor, gaussian_rule(loc.shape[1], n**2)).elbo for n in RULES[:2])
        elbo, unsure = more.clone(), ((few - more).abs() > 1e-4).nonzero().squeeze(1)
        if len(unsure):
            finest = gaussian_rule(loc.shape[1], RULES[2] ** 2)
            elbo[unsure] = measured(model, x[unsure], loc[unsure], factor[unsure], finest).elbo
        kl = torch.tensor(
            [kl_to_posterior(model, x[i : i + 1], loc[i], factor[i], second[i].item()) for i in range(len(x))],
            dtype=torch.float64,
        )
    away = (first.value - elbo - kl).abs()
    wall, cpu = since()
    print(f"{name}: {len(x):,} images, {wall:.0f} s, {cpu:.0f} CPU-s; {len(unsure)} needed {RULES[2]} nodes an axis")
    print(f"  two lattices differ by {(first.value - second).abs().max():.2g} nats at most; median {away.median():.2g}")
    report.figure("largest |log p(x) - (ELBO + KL)|", away.max().item(), AIM_IDENTITY, "nats")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "reference", "identity"))
    parser.add_argument("--model", action="append", help="may be given more than once")
    parser.add_argument("--images", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--skip-whole", action="store_true", help="leave out the whole test set")
    args = parser.parse_args()
    torch.distributions.Distribution.set_default_validate_args(False)
    print(describe_machine())
    report = Report()
    both = ["mnist-2d", "fashion-mnist-2d"] if args.what == "identity" else ["mnist-2d"]
    for name in args.model or both:
        if args.what == "speed":
            speed(name, args.images or 1_000, args.threads, not args.skip_whole, report)
        elif args.what == "reference":
            reference(name, args.images or 200, report)
        else:
            torch.set_num_threads(args.threads)
            identity(name, args.images or 1_000, report)
    raise SystemExit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
