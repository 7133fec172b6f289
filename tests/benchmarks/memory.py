"""Memory of the server while every page and tab of the shipped models is used, by the requests that browsers send.

    python -m tests.benchmarks.memory [--models mnist-2d ...] [--all-points] [--json]

Printed after each step: the server's resident memory (RSS), its share (PSS) and packages newly loaded; at the end the
same, and the idle worker's. Linux alone has these numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import json
import struct
import tempfile
import time
from pathlib import Path

import numpy as np
import websockets

from tests.benchmarks.machine import describe_machine
from tests.benchmarks.server_memory import loaded, memory, pid_of
from tests.benchmarks.visitor import Visitor, opening_files, state_of
from tests.browser.harness import server, worker_pid

TARGET_MB = 1_000
MODELS = ("mnist-2d", "mnist-16d", "fashion-mnist-2d", "fashion-mnist-16d")
IMAGES = 12


class Watch:
    """The server's memory after each step."""

    def __init__(self, pid: int) -> None:
        self.pid, self.known, self.steps = pid, loaded(pid), []
        self.note("at start")

    def note(self, step: str) -> None:
        now, packages = memory(self.pid), loaded(self.pid)
        new = ", ".join(sorted(packages - self.known))
        self.known |= packages
        self.steps.append({"step": step, **now, "loaded": new})
        print(f"  {step:<40} RSS {now['rss']:6,.0f}   PSS {now['pss']:6,.0f} MB   {new}", flush=True)


def somewhere(manifest: dict, seed: int, count: int) -> list[list[float]]:
    """Places in latent space, as a person chooses them."""
    return np.random.default_rng(seed).normal(size=(count, manifest["latent"])).tolist()


def unpacked(content: bytes) -> dict:
    """JSON that may have travelled compressed."""
    return json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)


def pixels_of(manifest: dict, seed: int) -> str:
    """A drawn image, as the page sends it."""
    top = 1 if manifest["observed"] == "binary" else 255
    size = int(np.prod(manifest["imageShape"]))
    drawn = np.random.default_rng(seed).random(size) < 0.15
    return base64.b64encode((drawn * top).astype(np.uint8).tobytes()).decode()


async def explore(visitor: Visitor, model: str) -> dict:
    manifest = await visitor.open("", f"model={model}")
    assert manifest is not None
    for path in opening_files(manifest, visitor.modules):
        await visitor.asks(path)
    for image in range(IMAGES):
        await visitor.asks(f"{manifest['evidence']}/{image}.bin")
        await visitor.asks(manifest["terms"], state_of(manifest, image, (0.1 * image, -0.2)))
    return manifest


async def draw(visitor: Visitor, manifest: dict) -> None:
    await visitor.asks(manifest["encoder"])
    for seed in range(3):
        pixels = {"pixels": pixels_of(manifest, seed)}
        await visitor.asks(manifest["encode"], pixels)
        await visitor.asks(manifest["evidence"], pixels)


async def elbo_page(visitor: Visitor, model: str) -> None:
    manifest = await visitor.open("elbo", f"model={model}")
    assert manifest is not None
    await visitor.asks(manifest["units"])
    await visitor.asks(manifest["gaps"])
    for image in range(4):
        state = state_of(manifest, image, (0.3, 0.1))
        await visitor.asks(manifest["best"], {"image": image})
        await visitor.asks(manifest["gradient"], state)
        if manifest["latent"] <= 2:
            await visitor.asks(manifest["kl"], state)


async def latents_page(visitor: Visitor, model: str) -> None:
    manifest = await visitor.open("latents", f"model={model}")
    assert manifest is not None
    await visitor.asks(manifest["latents"])
    await visitor.asks(manifest["table"])
    for entry in unpacked(await visitor.asks(manifest["maps"]))["maps"]:
        await visitor.asks(manifest["map"].replace("{name}", entry["id"]))
    for name in ("kl", "reconstruction", "elbo", "log_evidence", "gap"):
        await visitor.asks(manifest["column"].replace("{name}", name))
    if manifest["latent"] > 2:
        await visitor.asks(manifest["trust"].replace("{name}", "pca"))
    for space in ("latent", "pixels"):
        for of in ("place", "image"):
            state = {"image": 3, "z": somewhere(manifest, 1, 1)[0], "space": space, "of": of, "count": 12}
            await visitor.asks(manifest["near"], state)


async def take_away(visitor: Visitor, manifest: dict) -> None:
    places = somewhere(manifest, 2, 3)
    ways = json.loads(await visitor.asks(manifest["ways"], {"places": places, "steps": 64}))
    for kind in ("gif", "webp", "png"):
        await visitor.asks(manifest["strip"], {"z": ways["geodesic"]["z"][:64], "format": kind})
    for kind in ("csv", "parquet", "npz"):
        await visitor.asks(manifest["export"], {"format": kind, "rows": None, "map": None, "columns": []})
    some = np.zeros(manifest["count"], np.uint8)
    some[:500] = 1
    rows = base64.b64encode(np.packbits(some).tobytes()).decode()
    await visitor.asks(manifest["export"], {"format": "zip", "rows": rows, "map": None, "columns": []})
    text = "index,mine\n" + "\n".join(f"{i},{i % 7}" for i in range(manifest["count"]))
    await visitor.asks(manifest["table"], {"csv": text})
    await visitor.asks(f"/explorer/download/{manifest['name']}.zip")


async def engine(visitor: Visitor, manifest: dict) -> None:
    d, size = manifest["latent"], int(np.prod(manifest["imageShape"]))
    uri = f"{visitor.address.replace('http', 'ws')}/{manifest['socket'].removeprefix('./').removeprefix('/')}"
    async with websockets.connect(uri, max_size=None) as socket:
        for k in (1, 37, 400):
            z = np.random.default_rng(k).normal(size=(k, d)).astype("<f4")
            x = np.zeros(size, "<f4")
            await socket.send(struct.pack("<5I", 1, k, d, size, k) + z.tobytes() + x.tobytes())
            await socket.recv()


async def everything(visitor: Visitor, model: str) -> dict:
    manifest = await visitor.open("latents", f"model={model}&points=all")
    assert manifest is not None
    await visitor.asks(manifest["codes"])
    await visitor.asks(manifest["latents"])
    for sheet in range(0, -(-manifest["count"] // manifest["sheet"]["size"]), 4):
        await visitor.asks(f"{manifest['sheet']['images']}{sheet}.bin")
        await visitor.asks(f"{manifest['sheet']['latents']}{sheet}.bin")
    await visitor.asks(manifest["column"].replace("{name}", "kl"))
    return manifest


async def run(address: str, data: Path, args: argparse.Namespace) -> dict:
    watch = Watch(pid_of(address))
    visitor = Visitor(address)
    manifests = {}
    for model in args.models:
        manifests[model] = manifest = await explore(visitor, model)
        watch.note(f"{model}: Explore")
        await draw(visitor, manifest)
        watch.note(f"{model}: drawn images")
        await elbo_page(visitor, model)
        watch.note(f"{model}: ELBO")
        await latents_page(visitor, model)
        watch.note(f"{model}: Latents")
        await take_away(visitor, manifest)
        watch.note(f"{model}: paths, files")
        await engine(visitor, manifest)
        watch.note(f"{model}: server's engine")
    for page in ("train", "pictures", "models"):
        await visitor.open(page)
        watch.note(page.capitalize())
    if args.all_points:
        for model in args.models:
            found = await everything(visitor, model)
            watch.note(f"{model}: {found['count']:,} images")
    await visitor.leave()
    time.sleep(5)
    watch.note("at rest")
    worker = worker_pid(data)
    return {"steps": watch.steps, "end": memory(watch.pid), "worker": memory(worker) if worker else None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--all-points", action="store_true", help="and every model with its training images")
    parser.add_argument("--json", action="store_true", help="print the results once more, as JSON")
    args = parser.parse_args()
    machine = describe_machine()
    print(f"{machine}\ntarget: {TARGET_MB:,} MB after every page of every model")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, server(EXPLORER_DATA=folder) as address:
        results = asyncio.run(run(address, Path(folder), args))
    end, worker = results["end"], results["worker"]
    print(f"server: RSS {end['rss']:,.0f}, PSS {end['pss']:,.0f}, its own {end['own']:,.0f} MB")
    said = f"RSS {worker['rss']:,.0f}, PSS {worker['pss']:,.0f}, its own {worker['own']:,.0f} MB" if worker else "none"
    print(f"idle worker: {said}")
    if args.json:
        print(json.dumps({"machine": machine, "results": results}))


if __name__ == "__main__":
    main()
