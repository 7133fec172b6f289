"""python -m explorer worker: the process that trains what the page asks for."""

from __future__ import annotations

import argparse
import contextlib
import logging

HELP = "train the runs that are asked for in the app (the app starts one by itself)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--maps", action="store_true", help="fit maps instead, and end after ten minutes without one")
    parser.add_argument("--measure", action="store_true", help="measure models that wait for it, and end")
    parser.add_argument("--while-served", action="store_true", help="end when idle for a while, or no server is left")
    parser.add_argument("--after", default="", help=argparse.SUPPRESS)  # why the last such process ended


def run(args: argparse.Namespace) -> int:
    from ..datasets import default_data_dir
    from ..device import choose_device
    from ..jobs.training.worker import work

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.maps:
        from ..jobs.maps.worker import fit_maps

        if not fit_maps(default_data_dir(), while_served=args.while_served, why=args.after):
            _say("Another worker fits maps for this data folder already.")
        return 0
    if args.measure:
        from ..jobs.measuring.worker import measure_models

        if not measure_models(default_data_dir(), args.after):
            _say("Another worker measures models for this data folder already.")
        return 0
    device = choose_device(args.device)
    _say(f"Worker on {device.reason}.")
    if not work(default_data_dir(), device.torch, while_served=args.while_served, why=args.after):
        _say("Another worker trains on this device for this data folder already.")
    return 0


def _say(sentence: str) -> None:
    """Prints where it can be printed: a log on a full disk ends nobody's work."""
    with contextlib.suppress(OSError):
        print(sentence, flush=True)
