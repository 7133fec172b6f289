"""python -m explorer serve: the app on this machine."""

from __future__ import annotations

import argparse

HELP = "serve the app (the default)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--address", default="127.0.0.1", help="0.0.0.0 lets others in (default: this machine only)")


def run(args: argparse.Namespace) -> int:
    from ..serving.server import serve

    return serve(args.address, args.port)
