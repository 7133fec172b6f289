"""python -m explorer map: a UMAP of a checkpoint's codes, kept beside it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from ..checkpoint.catalogue import open_model
from ..checkpoint.data import load_model_data
from ..checkpoint.maps import FEW_TEST, fit_map, fitted_count, map_file, map_key, row_sums
from ..device import choose_device
from ..latents import encode
from ..projection import METRICS, UmapSettings, save_embedding
from .console import ProgressLine, seed

HELP = "fit a UMAP of a checkpoint's test codes and keep it beside it, so that nobody waits for it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    standard = UmapSettings()
    parser.add_argument("model", help="a pretrained model's name, or a checkpoint's folder")
    parser.add_argument("--neighbours", type=int, default=standard.neighbours)
    parser.add_argument("--min-distance", type=float, default=standard.min_distance)
    parser.add_argument(
        "--metric", choices=METRICS, default=standard.metric, help="in latent space, or between decoded images"
    )
    parser.add_argument("--seed", type=seed, default=standard.seed)
    parser.add_argument("--supervised", action="store_true", help="labels pull points of one class together")
    parser.add_argument("--data", type=Path, help="data folder in torchvision's layout (default: EXPLORER_DATA)")
    parser.add_argument("--download", action="store_true", help="download the data set where it is missing")


def run(args: argparse.Namespace) -> int:
    settings = UmapSettings(args.neighbours, args.min_distance, args.metric, args.seed, args.supervised)
    torch.distributions.Distribution.set_default_validate_args(False)
    checkpoint = open_model(args.model, device=choose_device("cpu").torch)
    training = checkpoint.config.training
    test = load_model_data(checkpoint, data_dir=args.data, download=args.download)
    parts = [test]
    if len(test) < FEW_TEST:  # as in the app, where these are shown together
        parts.append(load_model_data(checkpoint, "train", data_dir=args.data, download=args.download))
    sets = [(part.images, part.labels) for part in parts]
    latents = encode(checkpoint.model, sets, test.classes, binarisation=training.binarisation)
    n, line = fitted_count(len(latents)), ProgressLine()
    embedding, notices = fit_map(
        *(checkpoint.model, latents.loc[:n], latents.labels[:n], settings),
        lambda fraction: line.show(fraction, args.model),
    )
    line.close()
    key = map_key(checkpoint.model, latents, settings, len(test))
    path = map_file(checkpoint.folder, key)
    try:
        save_embedding(path, replace(embedding, rows=row_sums(latents, n)), key)
    except OSError as error:
        raise OSError(f"The map cannot be written beside the model, in {path.parent}: {error}") from None
    believed, whole = embedding.trustworthiness.mean().item(), embedding.continuity.mean().item()
    print(f"{args.model}: {embedding.made}; trustworthiness {believed:.3f}, continuity {whole:.3f} (mean over points)")
    for notice in notices:
        print(notice)
    print(f"Written: {path} ({path.stat().st_size:,} bytes)")
    return 0
