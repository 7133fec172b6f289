"""Held-out lifting: places of images that a UMAP was not fitted to, lifted back and decoded.

    python -m tests.benchmarks.lifting [--model fashion-mnist-16d] [--held 1000] [--json]

A UMAP is fitted to all test codes but the last; those are put on it by UMAP's own `transform`. Each method gives a z
for each of these places; the error is the root mean square over images and pixels between what that z and what the
image's own code decode to. "the neighbours' mean image" is no lift: it is what the 30 nearest places know of the image,
as images, and so an estimate of the least error that any function of two coordinates can have on this map.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import torch
from playwright.sync_api import sync_playwright
from torch import Tensor

from explorer.datasets import load_dataset
from explorer.latents import encode
from explorer.projection import Local, fit_plane
from explorer.registry import open_model
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fashion-mnist-16d")
    parser.add_argument("--held", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    import umap

    checkpoint = open_model(args.model)
    training, model = checkpoint.config.training, checkpoint.model
    test = load_dataset(training.dataset, "test")
    latents = encode(model, [(test.images, test.labels)], test.classes, binarisation=training.binarisation)
    codes, held = latents.loc[: -args.held], latents.loc[-args.held :]
    fitter = umap.UMAP(random_state=0, n_jobs=1, init="spectral")
    places = torch.from_numpy(fitter.fit_transform(codes.numpy()))
    at = torch.from_numpy(fitter.transform(held.numpy()))

    @torch.inference_mode()
    def decode(z: Tensor) -> Tensor:
        return torch.cat([model.likelihood(part.float()).mean.flatten(1) for part in z.split(1_000)])

    own = decode(held)

    def error(images: Tensor) -> float:
        return (images - own).square().mean().sqrt().item()

    local, plane = Local(codes, places), fit_plane(codes)
    results: dict[str, tuple[float, float]] = {}

    def timed(name: str, lift) -> None:
        began = time.perf_counter()
        z = lift()
        taken = 1_000 * (time.perf_counter() - began) / len(held)
        results[name] = (error(decode(z)), taken)

    fitter.inverse_transform(at[:5].numpy())  # compiled before it is timed
    timed("UMAP's inverse_transform", lambda: torch.from_numpy(fitter.inverse_transform(at.numpy())))
    timed("local-linear, 30 neighbours (ours, torch)", lambda: local.lift(at).z)
    in_browser = browser_ms(codes, places, at)
    results["the same in the browser"] = (results["local-linear, 30 neighbours (ours, torch)"][0], in_browser)
    timed("the nearest place's code", lambda: codes[torch.cdist(at, places).argmin(1)])
    middle = codes.mean(0)
    timed("PCA plane, nothing kept", lambda: plane.lift(plane.project(held), middle.double()))
    timed("PCA plane, the image's residual kept", lambda: torch.stack([plane.lift(plane.project(z), z) for z in held]))
    decoded = decode(codes)
    index = torch.cdist(at, places).topk(30, largest=False).indices
    began = time.perf_counter()
    known = decoded[index].mean(1)
    results["the neighbours' mean image"] = (error(known), 1_000 * (time.perf_counter() - began) / len(held))
    if args.json:
        print(json.dumps({"machine": describe_machine(), "results": results}))
        return
    print(describe_machine())
    print(
        f"{args.model}: UMAP of {len(codes):,} test codes, {len(held):,} held out; error of decoded images, white is 1"
    )
    for name, (value, taken) in results.items():
        print(f"  {name:<44} {value:.3f}   {taken:7.3f} ms a point")


if __name__ == "__main__":
    main()
