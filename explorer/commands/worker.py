"""python -m explorer worker: the process that trains what the page asks for."""

from __future__ import annotations

import argparse
import logging

HELP = "train the runs that are asked for in the app (the app starts one by itself)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--maps", action="store_true", help="fit maps instead, and end after ten minutes without one")
    parser.add_argument("--while-served", action="store_true", help="end when idle and no server is left")


def run(args: argparse.Namespace) -> int:
    from ..datasets import default_data_dir
    from ..device import choose_device
    from ..jobs.worker import work

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.maps:
        from ..jobs.fit_worker import fit_maps

        if not fit_maps(default_data_dir(), while_served=args.while_served):
            print("Another worker fits maps for this data folder already.", flush=True)
        return 0
    device = choose_device(args.device)
    print(f"Worker on {device.reason}.", flush=True)
    if not work(default_data_dir(), device.torch, while_served=args.while_served):
        print("Another worker trains on this device for this data folder already.", flush=True)
    return 0
