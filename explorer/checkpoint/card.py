"""The model card: what a model is, how it was made, and its test numbers with their conditions.

It begins with the block of metadata that the Hugging Face Hub reads.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ..config import Config, ModelConfig, TrainingConfig
from ..inference.evaluation import Evaluation
from .weights import CARD_FILE, write_file

EVALUATION_FILE = "evaluation.json"

_LICENCES = {
    "mnist": "Weights: MIT. Training images and gallery: MNIST, CC BY-SA 3.0 (LeCun, Cortes, Burges).",
    "fashion-mnist": "Weights: MIT. Training images and gallery: Fashion-MNIST, MIT (Zalando SE).",
    "digits": "Weights: MIT. Training images and gallery: UCI optical digits as shipped with scikit-learn, CC BY 4.0.",
}


# What log p(x|z) of a likelihood is, in words: numbers of two kinds are never to be compared.
_MEASURES = {
    "bernoulli": ("probability", "log p(x|z) is the log-probability of binary pixels"),
    "continuous-bernoulli": (
        "density",
        "log p(x|z) is a log-density of values in [0, 1], which can be positive and is no log-probability",
    ),
    "gaussian": (
        "density",
        "log p(x|z) is a log-density of values in which white is 1, which can be positive and is no log-probability",
    ),
    "discretised-logistic": ("probability", "log p(x|z) is the log-probability of the 256 levels a value can have"),
}

# The gaps of an image, with the signs of Cremer, Li & Duvenaud (2018).
GAP_WORDS = {
    "inference_gap": "inference gap, log p(x) − ELBO",
    "approximation_gap": "approximation gap, log p(x) − ELBO of the best diagonal Gaussian of each image",
    "amortization_gap": "amortization gap, the rest",
}

_NOT_MEASURED = "They are being measured: look again in a minute, or use the evaluate command below."

# Names on the Hugging Face Hub, and what people call them.
_HUB_DATASETS = {"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}


def describe_binarisation(how: str) -> str:
    """How the pixels of the test images were made binary, in words."""
    if how == "none":
        return "not binary: grey or colour values / 255"
    return "threshold at one half" if how == "threshold" else "one fixed Bernoulli draw per image, seed 0"


def measure(likelihood: str) -> str:
    """What p(x|z) of a likelihood is: "probability" or "density"."""
    return _MEASURES[likelihood][0]


def describe_likelihood(likelihood: str) -> str:
    """What nats of a likelihood are nats of, in words."""
    return _MEASURES[likelihood][1]


def describe_input(config: ModelConfig) -> str:
    """The form of an image that is given to a model in Python, in words."""
    values = (
        "each pixel 0 or 1, grey values having been made binary"
        if config.likelihood == "bernoulli"
        else "each value k / 255 with a whole k from 0 to 255"
    )
    return f"x: float32 of shape (batch, {', '.join(map(str, config.image_shape))}), {values}"


def describe_evidence(e: Evaluation) -> str:
    """By which estimator log p(x) was found, and whether it is a bound, in words."""
    if e.evidence_method == "quadrature":
        return f"by quadrature, each to within {math.ceil(e.evidence_error.worst * 1_000) / 1_000:.3f} nats"
    bound = "a lower bound in expectation"
    if e.evidence_method == "annealed":
        how = f"{e.annealing_chains:,} chains of {e.annealing_steps:,} steps"
        return f"by annealed importance sampling with {how}, {bound}"
    around = f"importance sampling around the best Gaussian of each image ({e.evidence_samples:,} draws)"
    if e.evidence_method == "mixed":
        return f"by quadrature, and where that is not possible by {around}, {bound}"
    # Earlier cards called IWAE importance too; a factor on q's scales belongs to IWAE alone.
    if e.evidence_method == "iwae" or e.evidence_widen is not None:
        widened = f" {e.evidence_widen:g} times as wide" if e.evidence_widen not in (None, 1) else ""
        return f"by IWAE-{e.evidence_samples:,} with draws from the encoder’s q(z|x){widened}, {bound}"
    return f"by {around}, {bound}"


def write_card(
    folder: Path,
    name: str,
    config: Config,
    evaluation: Evaluation | None,
    command: str,
    *,
    test_images: int | None = None,
) -> None:
    """Writes README.md for people and evaluation.json for programs.

    Args:
        evaluation: None for a model that is not measured yet: a card without numbers.
        command: the line that made the model, with no path of one machine in it.
        test_images: of the test split, where fewer may have been measured; None for all.
    """
    if evaluation is None:
        (folder / EVALUATION_FILE).unlink(missing_ok=True)
        text = front_matter(name, config, None) + _card(name, config, _NOT_MEASURED, command)
        write_file(folder / CARD_FILE, text.encode())
        return
    facts = {
        **evaluation.facts(),
        "units": "nats",
        "binarisation": describe_binarisation(config.training.binarisation),
        "likelihood": config.model.likelihood,
        "measure": _MEASURES[config.model.likelihood][0],
    }
    write_file(folder / EVALUATION_FILE, (json.dumps(facts, indent=2) + "\n").encode())
    numbers = _numbers(config, evaluation, test_images or evaluation.n)
    text = front_matter(name, config, facts) + _card(name, config, numbers, command)
    write_file(folder / CARD_FILE, text.encode())


def front_matter(name: str, config: Config, facts: dict[str, Any] | None) -> str:
    """The YAML block that the Hugging Face Hub reads at the top of a card, as far as its facts are known.

    Args:
        facts: as evaluation.json holds them; None where there are none yet.
    """
    dataset = config.training.dataset
    hub = _HUB_DATASETS.get(dataset)
    lines = [
        "---",
        f"license: {'mit' if dataset in _LICENCES else 'unknown'}",
        "library_name: latent-explorer",
        "pipeline_tag: unconditional-image-generation",
        "tags:",
        "- variational-autoencoder",
        f"- {config.model.likelihood}",
        *(["datasets:", f"- {hub}"] if hub else []),
        *(_results(name, config, facts) if facts is not None else []),
        "---",
    ]
    return "\n".join(lines) + "\n\n"


def _results(name: str, config: Config, facts: dict[str, Any]) -> list[str]:
    """The lines of the Hub's list of results."""
    dataset = config.training.dataset
    conditions = f"{facts['n']:,} test images; {config.model.likelihood} likelihood; pixels: {facts['binarisation']}"
    return [
        "model-index:",
        f"- name: {_quoted(name)}",
        "  results:",
        "  - task:",
        "      type: unconditional-image-generation",
        "    dataset:",
        f"      name: {_quoted(dataset)}",
        f"      type: {_quoted(_HUB_DATASETS.get(dataset) or dataset)}",
        "      split: test",
        "    metrics:",
        "    - type: elbo",
        f"      name: {_quoted(f'ELBO in nats an image ({conditions})')}",
        f"      value: {facts['elbo']:.2f}",
    ]


def _quoted(text: str) -> str:
    """A YAML string: a JSON string is one."""
    return json.dumps(text)


def _pixels(config: Config) -> str:
    """How the test images were seen, for the sentence above the test numbers."""
    how = describe_binarisation(config.training.binarisation)
    seen = f"pixels made binary by {how}" if config.model.likelihood == "bernoulli" else f"pixels {how}"
    return f"{seen}; {describe_likelihood(config.model.likelihood)}"


def _objective(training: TrainingConfig) -> str:
    """What was maximised; it is called the ELBO only where it is one."""
    warm_up = (
        f", the KL's weight rising from 0 over {training.kl_warm_up:.0%} of the run" if training.kl_warm_up else ""
    )
    free = f", {training.free_bits:g} nats of KL free in each dimension" if training.free_bits else ""
    if training.beta == 1:
        return f"objective: the ELBO with β = 1{warm_up}{free}"
    return f"objective: reconstruction − β KL with β = {training.beta:g}{warm_up}{free} (not the ELBO)"


def _numbers(config: Config, e: Evaluation, test_images: int) -> str:
    """The test numbers with their conditions."""
    train = evidence = ""
    if e.train_elbo is not None:
        which = f"the first {e.train_images:,} training images"
        train = (
            f"| ELBO of {which}, seen in the same way | {_with_error(e.train_elbo, e.train_elbo_standard_error)} |\n"
        )
    if e.log_evidence is not None:
        evidence = (
            f"| ELBO, first {e.evidence_images:,} images alone | {e.evidence_elbo:.2f} |\n"
            f"| log p(x) of the same images, {describe_evidence(e)} | "
            f"{_with_error(e.log_evidence, e.log_evidence_standard_error)} |\n"
            f"| error of log p(x) for one image | {_own_error(e)} |\n"
            f"{_gaps(e)}"
        )
    whole = e.n == test_images
    which = f"all {e.n:,} test images" if whole else f"the first {e.n:,} of {test_images:,} test images"
    hurry = (
        "" if whole else "\nThe time for measuring was over before all were: the evaluate command below measures them."
    )
    return f"""Nats an image, {which}; {_pixels(config)}. The
reconstruction is the mean of {e.samples} draws from q(z|x); ± is one standard error over images. These numbers can be
compared with those of the same likelihood, on the same images seen in the same way, and with no others.{hurry}

| term | nats |
|---|---|
| reconstruction | {e.log_likelihood:.2f} |
| KL | {e.kl:.2f} |
| ELBO | {e.elbo:.2f} ± {e.elbo_standard_error:.2f} |
{train}{evidence}
{e.active_units} of {config.model.latent} latent dimensions are active (variance of the posterior mean above 0.01)."""


def _with_error(value: float, error: float | None) -> str:
    return f"{value:.2f} ± {error:.2f}" if error is not None and math.isfinite(error) else f"{value:.2f}"


def _own_error(e: Evaluation) -> str:
    """An image's own error of log p(x), which the standard error over images holds already."""
    known, error = e.evidence_images - e.evidence_unknown, e.evidence_error
    said = f"{error.mean:.2g} in the mean, {error.worst:.2g} at most" if known else ""
    unknown = f"unknown for {e.evidence_unknown:,} images" if e.evidence_unknown else ""
    return "; ".join(filter(None, (said, unknown)))


def _gaps(e: Evaluation) -> str:
    """The rows of the three gaps, of the images whose log p(x) is known."""
    rows = ""
    for name, words in GAP_WORDS.items():
        spread = getattr(e, name)
        if spread is not None:
            value = f"{_with_error(spread.mean, spread.standard_error)}, median {spread.median:.2f}"
            rows += f"| {words} | {value} |\n"
    return rows


def _card(name: str, config: Config, numbers: str, command: str) -> str:
    model, training, facts = config.model, config.training, config.provenance
    layers = " – ".join(map(str, (model.pixels, *model.hidden, f"{model.latent} latent dimensions")))
    return f"""# {name}

A variational autoencoder of {training.dataset} with {model.latent} latent dimensions.

- network: {model.network}, {layers} ({model.activation}), and its mirror image as decoder
- likelihood: {model.likelihood}; prior: standard normal; {_objective(training)}
- {describe_input(model)}
- training data: the training split of {training.dataset}, sha256 `{facts.get("data_sha256", "unknown")}`
- {facts.get("epochs", 0):,} epochs, {facts.get("steps", 0):,} steps of {training.batch_size} images, \
{facts.get("seconds", 0):,.0f} s ({facts.get("speed", {}).get("reason", "")}), seed {training.seed}

{_LICENCES.get(training.dataset, "Licence: not stated.")}

## Test numbers

{numbers}

## Commands

    {command}
    python -m explorer evaluate {name} --json

Open it in Python with `explorer.load("{name}")`, or give the path of this folder.
"""
