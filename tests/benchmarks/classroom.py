"""A class behind one address: people who open the app, choose images and let drags go, without browsers.

    python -m tests.benchmarks.classroom [--people 50] [--rounds 3] [--model mnist-2d] [--json]

A server is started on 127.0.0.1 and everybody has a cookie of their own. Each opens the page by Streamlit's socket
and fetches what a browser fetches; then come rounds in which each chooses an image of their own (log p(x)) and lets
three drags go (torch's terms), with pauses like a person's; and last the teacher says "now", and all choose at once.
The people run on this machine too, in one process beside the server, and share its cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks.drag import quantile
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.server_memory import memory, pid_of
from tests.benchmarks.visitor import Visitor, opening_files, state_of
from tests.browser.harness import server

TARGETS = {"log p(x)": 2_000, "log p(x), all at once": 2_000, "release": 500}
TARGET_MB = 5.0
RELEASES = 3
PAUSE = 3.0  # seconds between a person's acts, about
MOST_SECONDS = 300
MOST_PEOPLE = 500


class Class:
    """What everybody does, and how long each act took, ms."""

    def __init__(self, address: str, model: str, pause: float) -> None:
        self.address, self.model, self.pause = address, model, pause
        self.times: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self.choice = random.Random(0)

    async def timed(self, act: str, doing) -> object:
        began = time.perf_counter()
        try:
            result = await doing
        except Exception as error:  # counted, whatever it is
            self.errors.append(f"{act}: {error}")
            return None
        self.times[act].append(1_000 * (time.perf_counter() - began))
        return result

    async def rest(self) -> None:
        await asyncio.sleep(self.pause * self.choice.uniform(0.3, 1.7))

    async def arrive(self, visitor: Visitor) -> dict | None:
        manifest = await self.timed("opening", visitor.open("", f"model={self.model}"))
        if manifest is None:
            return None
        for path in opening_files(manifest, visitor.modules):
            await self.timed("a file", visitor.asks(path))
        await self.release(visitor, manifest, 0, (0.0, 0.0))
        return manifest

    async def choose(self, visitor: Visitor, manifest: dict, act: str = "log p(x)") -> int:
        image = self.choice.randrange(manifest["count"])
        await self.timed(act, visitor.asks(f"{manifest['evidence']}/{image}.bin"))
        return image

    async def release(self, visitor: Visitor, manifest: dict, image: int, u: tuple[float, float]) -> None:
        await self.timed("release", visitor.asks(manifest["terms"], state_of(manifest, image, u)))

    async def work(self, visitor: Visitor, manifest: dict, rounds: int) -> None:
        for _ in range(rounds):
            await self.rest()
            image = await self.choose(visitor, manifest)
            for _ in range(RELEASES):
                await self.rest()
                await self.release(visitor, manifest, image, (self.choice.gauss(0, 1), self.choice.gauss(0, 1)))


async def run(address: str, args: argparse.Namespace) -> dict:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(args.people + 10))
    pid = pid_of(address)
    lesson = Class(address, args.model, args.pause)
    people = [Visitor(address) for _ in range(args.people)]
    before = memory(pid)
    manifests = [await lesson.arrive(people[0])]
    await lesson.choose(people[0], manifests[0])
    one = memory(pid)

    async def late(visitor: Visitor) -> dict | None:
        await asyncio.sleep(lesson.choice.uniform(0, args.arriving))
        return await lesson.arrive(visitor)

    async with asyncio.timeout(MOST_SECONDS):
        manifests += await asyncio.gather(*map(late, people[1:]))
        opened = memory(pid)
        present = [(v, m) for v, m in zip(people, manifests, strict=True) if m is not None]
        await asyncio.gather(*(lesson.work(v, m, args.rounds) for v, m in present))
        for _ in range(2):
            await asyncio.gather(*(lesson.choose(v, m, "log p(x), all at once") for v, m in present))
        mixed = [lesson.choose(v, m, "log p(x), among releases") for v, m in present[::2]]
        mixed += [lesson.release(v, m, 1, (lesson.choice.gauss(0, 1), 0.0)) for v, m in present[1::2]]
        await asyncio.gather(*mixed)
    after = memory(pid)
    await asyncio.gather(*(visitor.leave() for visitor in people))
    return {
        "people": args.people,
        "acts": {
            act: {"count": len(t), "p50_ms": statistics.median(t), "p95_ms": quantile(t, 0.95), "max_ms": max(t)}
            for act, t in lesson.times.items()
        },
        "errors": lesson.errors,
        "rss_mb": {"at start": before["rss"], "one": one["rss"], "all open": opened["rss"], "after": after["rss"]},
        "mb_a_person": (after["rss"] - one["rss"]) / max(1, args.people - 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--arriving", type=float, default=20.0, help="seconds in which the class arrives")
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds between a person's acts, about")
    parser.add_argument("--model", default="mnist-2d")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not 1 <= args.people <= MOST_PEOPLE:
        parser.error(f"a class has 1 to {MOST_PEOPLE} people")
    machine = describe_machine()
    with server() as address:
        results = asyncio.run(run(address, args))
    if args.json:
        print(json.dumps({"machine": machine, "model": args.model, "results": results}))
        return
    print(machine)
    print(f"{args.people} people on {args.model}, all on this machine")
    for act, r in results["acts"].items():
        target = f"   target p95 {TARGETS[act]:,} ms" if act in TARGETS else ""
        print(
            f"  {act:<26} {r['count']:5} times   p50 {r['p50_ms']:6,.0f} ms   p95 {r['p95_ms']:6,.0f} ms   "
            f"max {r['max_ms']:6,.0f} ms{target}"
        )
    print(f"  errors                     {len(results['errors']):5}   {' | '.join(results['errors'][:3])}")
    print("  server's RSS, MB           " + ", ".join(f"{name} {mb:,.0f}" for name, mb in results["rss_mb"].items()))
    print(f"  a person beyond the first  {results['mb_a_person']:5.1f} MB   target {TARGET_MB:g} MB")


if __name__ == "__main__":
    main()
