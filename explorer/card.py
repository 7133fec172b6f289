"""The model card: what a model is, how it was made, and its test numbers with their conditions."""

from __future__ import annotations

import json
from pathlib import Path

from .checkpoint import CARD_FILE, write_file
from .config import Config
from .inference.evaluation import Evaluation

EVALUATION_FILE = "evaluation.json"

_LICENCES = {
    "mnist": "Weights: MIT. Training images and gallery: MNIST, CC BY-SA 3.0 (LeCun, Cortes, Burges).",
    "fashion-mnist": "Weights: MIT. Training images and gallery: Fashion-MNIST, MIT (Zalando SE).",
    "digits": "Weights: MIT. Training images and gallery: UCI optical digits as shipped with scikit-learn, CC BY 4.0.",
}


def describe_binarisation(how: str) -> str:
    """How the pixels of the test images were made binary, in words."""
    return "threshold at one half" if how == "threshold" else "one fixed Bernoulli draw an image, seed 0"


def write_card(folder: Path, name: str, config: Config, evaluation: Evaluation, command: str) -> None:
    """Writes README.md for people and evaluation.json for programs.

    Args:
        command: the line that made the model, with no path of one machine in it.
    """
    facts = {
        **evaluation.facts(),
        "units": "nats",
        "binarisation": describe_binarisation(config.training.binarisation),
    }
    write_file(folder / EVALUATION_FILE, (json.dumps(facts, indent=2) + "\n").encode())
    write_file(folder / CARD_FILE, _card(name, config, evaluation, command).encode())


def _card(name: str, config: Config, e: Evaluation, command: str) -> str:
    model, training, facts = config.model, config.training, config.provenance
    layers = " – ".join(map(str, (model.pixels, *model.hidden, f"{model.latent} latent dimensions")))
    warm_up = f", reached after {training.kl_warm_up:.0%} of the run" if training.kl_warm_up else ""
    evidence = ""
    if e.log_evidence is not None:
        evidence = (
            f"| ELBO, first {e.evidence_images:,} images alone | {e.evidence_elbo:.2f} |\n"
            f"| IWAE-{e.evidence_samples:,} of the same images, a lower bound on log p(x) | "
            f"{e.log_evidence:.2f} ± {e.log_evidence_standard_error:.2f} |\n"
        )
    return f"""# {name}

A variational autoencoder of {training.dataset} with {model.latent} latent dimensions.

- network: {model.network}, {layers} ({model.activation}), and its mirror image as decoder
- likelihood: {model.likelihood}; prior: standard normal; objective: the ELBO with β = {training.beta:g}{warm_up}
- training data: the training split of {training.dataset}, sha256 `{facts.get("data_sha256", "unknown")}`
- {facts.get("epochs", 0):,} epochs, {facts.get("steps", 0):,} steps of {training.batch_size} images, \
{facts.get("seconds", 0):,.0f} s ({facts.get("speed", {}).get("reason", "")}), seed {training.seed}

{_LICENCES.get(training.dataset, "Licence: not stated.")}

## Test numbers

Nats an image, all {e.n:,} test images; pixels made binary by {describe_binarisation(training.binarisation)}; the
reconstruction is the mean of {e.samples} draws from q(z|x); ± is one standard error over images.

| term | nats |
|---|---|
| reconstruction | {e.log_likelihood:.2f} |
| KL | {e.kl:.2f} |
| ELBO | {e.elbo:.2f} ± {e.elbo_standard_error:.2f} |
{evidence}
{e.active_units} of {model.latent} latent dimensions are active (variance of the posterior mean above 0.01).

## Commands

    {command}
    python -m explorer evaluate {name} --json

Open it in Python with `explorer.load("{name}")`, or give the path of this folder.
"""
