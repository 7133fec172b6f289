"""python -m explorer export: the decoder as ONNX, beside the checkpoint or elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..checkpoint.catalogue import open_model
from ..checkpoint.programs import export_decoder

HELP = "write a checkpoint's decoder as ONNX"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a pretrained model's name, or a checkpoint's folder")
    parser.add_argument("--out", type=Path, help="folder to write decoder.onnx to (default: beside the checkpoint)")


def run(args: argparse.Namespace) -> int:
    checkpoint = open_model(args.model)
    path = export_decoder(checkpoint.model, args.out or checkpoint.folder)
    print(f"Written: {path} ({path.stat().st_size:,} bytes)")
    return 0
