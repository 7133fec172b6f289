"""Geodesics of 64 decoded steps: how long they take, and how they compare with the straight line.

    python -m tests.benchmarks.geodesic [--pairs 100] [--models mnist-2d fashion-mnist-2d mnist-16d] [--json]

Between places drawn from the prior; the time is that of one path, on as many threads as torch takes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import torch

import explorer
from explorer.geometry import geodesic, length, mean_decoder, resampled, straight
from tests.benchmarks.machine import describe_machine

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
        taken, ratios, fine, latent = [], [], [], []
        for a, b in pairs:
            began = time.perf_counter()
            path = geodesic(decode, a, b, STEPS)
            taken.append(time.perf_counter() - began)
            line = straight(a, b, STEPS)
            ratios.append(path.image / length(line, decode))
            # The same polygon and line by many more points: not short because its steps are few.
            fine.append(length(resampled(path.z, 1_000), decode) / length(resampled(line, 1_000), decode))
            latent.append(path.latent / length(line))
        results[name] = {
            "median_s": statistics.median(taken),
            "worst_s": max(taken),
            "not_longer": sum(ratio <= 1 for ratio in ratios),
            "ratio_median": statistics.median(ratios),
            "ratio_best": min(ratios),
            "fine_ratio_median": statistics.median(fine),
            "fine_not_longer": sum(ratio <= 1 + 1e-9 for ratio in fine),
            "latent_ratio_worst": max(latent),
        }
    if args.json:
        print(json.dumps({"machine": describe_machine(), "pairs": args.pairs, "results": results}))
        return
    print(describe_machine())
    for name, r in results.items():
        print(
            f"{name}: {r['median_s']:.2f} s median, {r['worst_s']:.2f} s at most; image length ≤ the line's for "
            f"{r['not_longer']} of {args.pairs} pairs (by 1,000 points {r['fine_not_longer']}), "
            f"{r['ratio_median']:.3f} of it in the median (by 1,000 points {r['fine_ratio_median']:.3f}), "
            f"{r['ratio_best']:.3f} at best; latent length at most {r['latent_ratio_worst']:.2f} times the line's"
        )


if __name__ == "__main__":
    main()
