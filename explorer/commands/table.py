"""python -m explorer table: the models' numbers side by side, from their cards, in Markdown."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from ..checkpoint.card import EVALUATION_FILE
from ..checkpoint.catalogue import model_folder, pretrained, read_facts
from ..checkpoint.weights import CONFIG_FILE, WEIGHTS_FILE, read_config
from ..config import ModelConfig

HELP = "print the test numbers of models, from their cards, as a table in Markdown"
GAPS = ("inference_gap", "approximation_gap", "amortization_gap")
HEADER = ("model", "network", "test ELBO", "training ELBO", "log p(x)", *(name.replace("_", " ") for name in GAPS))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", help="names or folders (default: the models that come along)")


def run(args: argparse.Namespace) -> int:
    print(table(args.models or pretrained()))
    return 0


def table(models: tuple[str, ...] | list[str]) -> str:
    """The table, without a line break at its end: – stands for what a card does not say.

    A column that would be empty is left out. Nats; ± is a standard error over images; of a gap the mean, and its median
    in brackets.
    """
    rows = [(*HEADER, "weights")]
    for model in models:
        folder = model_folder(model)
        facts = read_facts(folder / EVALUATION_FILE)
        rows.append(
            (
                f"`{folder.resolve().name}`",
                _network(read_config(folder / CONFIG_FILE).model),
                _value(facts, "elbo"),
                _value(facts, "train_elbo"),
                # A factor on q's scales was of IWAE, which is another number.
                "–" if facts.get("evidence_widen") is not None else _value(facts, "log_evidence"),
                *(_gap(facts.get(name)) for name in GAPS),
                _size(folder / WEIGHTS_FILE),
            )
        )
    columns = [column for column in zip(*rows, strict=True) if any(cell != "–" for cell in column[1:])]
    lines = ["| " + " | ".join(row) + " |" for row in zip(*columns, strict=True)]
    return "\n".join([lines[0], "|" + "---|" * len(columns), *lines[1:]])


def _network(config: ModelConfig) -> str:
    return f"{'-'.join(map(str, (config.pixels, *config.hidden, config.latent)))} and back, {config.activation}"


def _value(facts: dict[str, Any], name: str) -> str:
    value, error = facts.get(name), facts.get(f"{name}_standard_error")
    if not _number(value):
        return "–"
    return _signed(value) + (f" ± {error:.2f}" if _number(error) else "")


def _gap(gap: Any) -> str:
    if not isinstance(gap, dict) or not (_number(gap.get("mean")) and _number(gap.get("median"))):
        return "–"
    return f"{_signed(gap['mean'])} ({_signed(gap['median'])})"


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"
