"""python -m explorer import: a model from a folder, a zip or the Hugging Face Hub into the data folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..transfer import from_folder, from_zip
from ..transfer.bring import OWN_BYTES
from ..transfer.hub import from_hub, read_reference
from .console import ProgressLine

HELP = "bring a model from a folder, a zip or the Hugging Face Hub"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="a checkpoint's folder, a zip of one, or hub:owner/name@commit (40 digits)")
    parser.add_argument("--name", default="", help="what to call it (default: a free name near to the source's)")


def run(args: argparse.Namespace) -> int:
    path = Path(os.path.expanduser(args.source))
    if args.source.startswith("hub:"):
        repository, commit = read_reference(args.source)
        line = ProgressLine()
        brought = from_hub(
            repository,
            commit,
            args.name,
            with_token=True,
            progress=lambda fraction: line.show(fraction, "model.safetensors"),
        )
        line.close()
    elif path.is_file():
        brought = from_zip(path, args.name, most=OWN_BYTES)
    else:
        brought = from_folder(args.source, args.name)
    for notice in brought.notices:
        print(notice)
    print(f"Kept as {brought.name}: {brought.folder}")
    return 0
