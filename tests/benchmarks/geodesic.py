"""Geodesics of 64 decoded steps: how long they take, and how they compare with the straight line.

    python -m tests.benchmarks.geodesic [--pairs 100] [--models mnist-2d fashion-mnist-2d mnist-16d] [--json]

Between places drawn from the prior; the time is that of one path, on as many threads as torch takes. `geodesic` gives
the line back where what it found is longer by its own measure; so ways are compared by plain chords between 2,000
decoded places, a measure it does not know, and it is counted how often the line itself came back.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import torch

import explorer
from explorer.geometry import geodesic, length, mean_decoder, straight
from tests.benchmarks.machine import describe_machine
from tests.helpers.chords import FINE, fine_length

STEPS = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--models", nargs="+", default=["mnist-2d", "fashion-mnist-2d", "mnist-16d"])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = {}
    for name in args.models:
        model = explorer.load(name)
        decode, d = mean_decoder(model), model.config.latent
        pairs = torch.randn(args.pairs, 2, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        geodesic(decode, *pairs[0], STEPS)  # imports and first calls
        taken, ratios, latent, lines = [], [], [], 0
        for a, b in pairs:
            began = time.perf_counter()
            path = geodesic(decode, a, b, STEPS)
            taken.append(time.perf_counter() - began)
            line = straight(a, b, STEPS)
            ratios.append(fine_length(path.z, decode) / fine_length(line, decode))
            latent.append(path.latent / length(line))
            lines += torch.equal(path.z, line)
        results[name] = {
            "median_s": statistics.median(taken),
            "worst_s": max(taken),
            "not_longer": sum(ratio <= 1 + 1e-9 for ratio in ratios),
            "line_returned": lines,
            "ratio_median": statistics.median(ratios),
            "ratio_best": min(ratios),
            "ratio_worst": max(ratios),
            "latent_ratio_worst": max(latent),
        }
    if args.json:
        print(json.dumps({"machine": describe_machine(), "pairs": args.pairs, "results": results}))
        return
    print(describe_machine())
    for name, r in results.items():
        print(
            f"{name}: {r['median_s']:.2f} s median, {r['worst_s']:.2f} s at most; by {FINE:,} decoded places not "
            f"longer than the line for {r['not_longer']} of {args.pairs} pairs (the line itself came back for "
            f"{r['line_returned']}), {r['ratio_median']:.3f} of it in the median, {r['ratio_best']:.3f} at best, "
            f"{r['ratio_worst']:.3f} at worst; latent length at most {r['latent_ratio_worst']:.2f} times the line's"
        )


if __name__ == "__main__":
    main()
