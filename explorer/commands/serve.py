"""python -m explorer serve: the app on this machine."""

from __future__ import annotations

import argparse

HELP = "serve the app (the default)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--address", default="127.0.0.1", help="0.0.0.0 lets others in (default: this machine only)")
    named = "a name the app is reached under, such as class.example.org; may be given several times"
    parser.add_argument("--host", action="append", default=[], metavar="NAME", help=named)
    proxy = "a proxy in front of the app, whose X-Forwarded headers are believed; may be given several times"
    parser.add_argument("--proxy", action="append", default=[], metavar="ADDRESS", help=proxy)
    parser.add_argument("--base-path", default="", metavar="PATH", help="serve below this path, such as /tools/vae")


def run(args: argparse.Namespace) -> int:
    from ..serving.server import serve

    return serve(args.address, args.port, hosts=args.host, proxies=args.proxy, base=args.base_path)
