"""Held-out lifting: places of images that a UMAP was not fitted to, lifted back and decoded.

    python -m tests.benchmarks.lifting [--model fashion-mnist-16d] [--held 1000] [--json]

A UMAP is fitted to all test codes but the last; those are put on it by UMAP's own `transform`: once by distances in
latent space, and once by those between decoded images. Each method gives a z for each of these places; the error is the
root mean square over images and pixels between what that z and what the image's own code decode to.

Two rows are no lifts, and tell what a lift can reach. "the neighbours' mean image" is what the 30 nearest places know
of the image, as images: an estimate of the least error that any function of two coordinates can have on this map. A
model of two latent dimensions, trained for nothing else, says what two coordinates can hold of such an image at all.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from playwright.sync_api import sync_playwright
from torch import Tensor

from explorer.checkpoint.catalogue import open_model
from explorer.checkpoint.weights import Checkpoint
from explorer.datasets import load_dataset
from explorer.geometry import looks, mean_decoder
from explorer.latents import encode
from explorer.models import VAE
from explorer.projection import Local, fit_plane
from tests.benchmarks.machine import describe_machine
from tests.browser.harness import CHROMIUM_ARGS, chromium_path
from tests.browser.modules import module_page

TIMED = """async ({ codes, places, at }) => {
  const { Local } = await import('/static/projections/local.mjs');
  const local = new Local(Float32Array.from(codes), Float32Array.from(places));
  for (const u of at) local.lift(u);
  const began = performance.now();
  for (const u of at) local.lift(u);
  return (performance.now() - began) / at.length;
}"""


def browser_ms(codes: Tensor, places: Tensor, at: Tensor) -> float:
    """Milliseconds that the browser takes for one lift."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGS)
        with module_page(browser) as page:
            given = {"codes": codes.flatten().tolist(), "places": places.flatten().tolist(), "at": at[:500].tolist()}
            taken = page.evaluate(TIMED, given)
        browser.close()
    return taken


def umap_of(codes: Tensor, held: Tensor) -> tuple[Any, Tensor, Tensor]:
    """A fitted UMAP, the places of codes, and those of others."""
    import umap

    fitter = umap.UMAP(random_state=0, n_jobs=1, init="spectral")
    places = torch.from_numpy(fitter.fit_transform(codes.numpy()))
    return fitter, places, torch.from_numpy(fitter.transform(held.numpy()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fashion-mnist-16d")
    parser.add_argument("--plain", default="fashion-mnist-2d", help="a model of two latent dimensions, for comparison")
    parser.add_argument("--held", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore")

    checkpoint = open_model(args.model)
    model = checkpoint.model
    test = load_dataset(checkpoint.config.training.dataset, "test")

    def encoded(checkpoint: Checkpoint) -> Tensor:
        binarisation = checkpoint.config.training.binarisation
        return encode(checkpoint.model, [(test.images, test.labels)], test.classes, binarisation=binarisation).loc

    @torch.inference_mode()
    def decode(z: Tensor, model: VAE = model) -> Tensor:
        return torch.cat([model.likelihood(part.float()).mean.flatten(1) for part in z.split(1_000)])

    all_codes = encoded(checkpoint)
    codes, held = all_codes[: -args.held], all_codes[-args.held :]
    decoded, own = decode(codes), decode(held)
    results: dict[str, tuple[float, float | None]] = {}

    def error(images: Tensor) -> float:
        return (images - own).square().mean().sqrt().item()

    def timed(name: str, lift: Callable[[], Tensor]) -> None:
        began = time.perf_counter()
        z = lift()
        taken = 1_000 * (time.perf_counter() - began) / len(held)
        results[name] = (error(decode(z)), taken)

    def lifts(kind: str, places: Tensor, at: Tensor) -> None:
        local = Local(codes, places)
        timed(f"{kind}: local-linear, 30 neighbours (ours, torch)", lambda: local.lift(at).z)
        results[f"{kind}: the same in the browser"] = (error(decode(local.lift(at).z)), browser_ms(codes, places, at))
        timed(f"{kind}: the nearest place's code", lambda: codes[torch.cdist(at, places).argmin(1)])
        index = torch.cdist(at, places).topk(30, largest=False).indices
        results[f"{kind}: the neighbours' mean image"] = (error(decoded[index].mean(1)), None)

    fitter, places, at = umap_of(codes, held)
    fitter.inverse_transform(at[:5].numpy())  # compiled before it is timed
    timed("by codes: UMAP's inverse_transform", lambda: torch.from_numpy(fitter.inverse_transform(at.numpy())))
    lifts("by codes", places, at)
    seen = looks(mean_decoder(model), all_codes)
    _, places, at = umap_of(seen[: -args.held], seen[-args.held :])
    lifts("by decoded images", places, at)
    plane, middle = fit_plane(codes), codes.mean(0)
    timed("PCA plane, nothing kept", lambda: plane.lift(plane.project(held), middle.double()))
    timed("PCA plane, the image's residual kept", lambda: torch.stack([plane.lift(plane.project(z), z) for z in held]))
    plain = open_model(args.plain)
    results[f"{args.plain}'s own two coordinates"] = (error(decode(encoded(plain)[-args.held :], plain.model)), None)
    if args.json:
        print(json.dumps({"machine": describe_machine(), "results": results}))
        return
    print(describe_machine())
    print(
        f"{args.model}: UMAP of {len(codes):,} test codes, {len(held):,} held out; error of decoded images, white is 1"
    )
    for name, (value, taken) in results.items():
        print(f"  {name:<62} {value:.3f}" + ("" if taken is None else f"   {taken:7.3f} ms a point"))


if __name__ == "__main__":
    main()
