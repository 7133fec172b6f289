"""The model card: facts alone, in the Hub's form, and no number without what it is a number of."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
import yaml

from explorer.checkpoint.card import (
    describe_binarisation,
    describe_input,
    describe_likelihood,
    front_matter,
    write_card,
)
from explorer.checkpoint.catalogue import PRETRAINED, pretrained
from explorer.checkpoint.weights import read_config
from explorer.config import LIKELIHOODS, Config, ModelConfig, TrainingConfig
from explorer.inference.evaluation import Evaluation, Range

NUMBERS = Evaluation(360, 16, -15.25, 5.5, -20.75, 0.125, (3.0, 2.5), 2)
EVIDENCE = {
    "log_evidence": -19.5,
    "log_evidence_standard_error": 0.25,
    "evidence_elbo": -20.5,
    "evidence_images": 100,
    "evidence_error": Range(0.002, 0.0081),
}


def card(folder: Path, likelihood: str = "bernoulli", dataset: str = "digits", name: str = "mine") -> tuple[str, dict]:
    """The card's text and evaluation.json."""
    how = "dynamic" if likelihood == "bernoulli" else "none"
    training = TrainingConfig(dataset=dataset, binarisation=how)
    config = Config(ModelConfig((1, 8, 8), 2, hidden=(16,), likelihood=likelihood), training)
    write_card(folder, name, config, NUMBERS, "python -m explorer train --out runs/mine")
    return (folder / "README.md").read_text(), json.loads((folder / "evaluation.json").read_text())


def front(text: str) -> dict:
    """The block of metadata, as a YAML reader that is not ours sees it."""
    start, block, rest = text.split("---\n", 2)
    assert start == "" and rest.startswith("\n# ")
    return yaml.safe_load(block)


def test_a_card_begins_with_what_the_hub_reads(tmp_path: Path) -> None:
    facts = front(card(tmp_path, dataset="mnist")[0])
    assert facts["license"] == "mit" and facts["datasets"] == ["ylecun/mnist"]
    assert facts["library_name"] == "latent-explorer" and "variational-autoencoder" in facts["tags"]
    (result,) = facts["model-index"][0]["results"]
    (metric,) = result["metrics"]
    assert metric["value"] == -20.75 and result["dataset"]["split"] == "test"
    for condition in ("nats", "360 test images", "bernoulli", "fixed Bernoulli draw"):
        assert condition in metric["name"]


def test_of_ones_own_pictures_no_licence_is_claimed(tmp_path: Path) -> None:
    text, _ = card(tmp_path, dataset="my-cats")
    assert front(text)["license"] == "unknown" and "datasets" not in front(text)
    assert "Licence: not stated." in text and "MIT" not in text


@pytest.mark.parametrize("name", ["a: b", 'qu"ote', "#", "- x", "ünï ☃", "a\\b", "---", "yes", "1"])
def test_odd_names_stay_names_in_the_metadata(tmp_path: Path, name: str) -> None:
    facts = front(card(tmp_path, name=name, dataset=name)[0])
    assert facts["model-index"][0]["name"] == name
    assert facts["model-index"][0]["results"][0]["dataset"]["name"] == name


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_numbers_say_what_they_are_numbers_of(tmp_path: Path, likelihood: str) -> None:
    text, facts = card(tmp_path, likelihood)
    density = likelihood in ("gaussian", "continuous-bernoulli")
    assert facts["likelihood"] == likelihood and facts["measure"] == ("density" if density else "probability")
    assert ("log-density" in text) == density == ("log-density" in describe_likelihood(likelihood))
    assert ("made binary" in text) == (likelihood == "bernoulli")
    assert ("/ 255" in text) == (likelihood != "bernoulli")
    assert likelihood in front(text)["model-index"][0]["results"][0]["metrics"][0]["name"]
    assert "no others" in text


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"evidence_method": "quadrature"}, "by quadrature, each to within 0.009 nats"),
        (
            {"evidence_method": "importance", "evidence_samples": 4_000},
            "by importance sampling around the best Gaussian of each image (4,000 draws), a lower bound in expectation",
        ),
        (  # as cards named it before
            {"evidence_method": "importance", "evidence_samples": 5_000, "evidence_widen": 1.0},
            "by IWAE-5,000 with draws from the encoder’s q(z|x), a lower bound in expectation",
        ),
        (
            {"evidence_method": "iwae", "evidence_samples": 50, "evidence_widen": 1.5},
            "by IWAE-50 with draws from the encoder’s q(z|x) 1.5 times as wide, a lower bound in expectation",
        ),
        (
            {"evidence_method": "annealed", "annealing_steps": 1_000, "annealing_chains": 16},
            "by annealed importance sampling with 16 chains of 1,000 steps, a lower bound in expectation",
        ),
    ],
)
def test_log_p_of_x_names_its_estimator(tmp_path: Path, how: dict, words: str) -> None:
    config = Config(ModelConfig((1, 8, 8), 2, hidden=(16,)), TrainingConfig(dataset="digits"))
    write_card(tmp_path, "mine", config, dataclasses.replace(NUMBERS, **EVIDENCE, **how), "train")
    text = (tmp_path / "README.md").read_text()
    assert f"| log p(x) of the same images, {words} | -19.50 ± 0.25 |\n" in text
    assert "| ELBO, first 100 images alone | -20.50 |" in text
    facts = json.loads((tmp_path / "evaluation.json").read_text())
    assert facts["evidence_method"] == how["evidence_method"] and facts["evidence_error"]["worst"] == 0.0081


def test_no_log_p_of_x_has_no_row(tmp_path: Path) -> None:
    assert "log p(x)" not in card(tmp_path)[0].split("| term |")[1]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_card_says_what_an_image_must_be(tmp_path: Path, likelihood: str) -> None:
    (line,) = [line for line in card(tmp_path, likelihood)[0].splitlines() if line.startswith("- x: ")]
    assert (
        "float32 of shape (batch, 1, 8, 8)" in line and ("0 or 1" if likelihood == "bernoulli" else "k / 255") in line
    )


def test_binarisation_is_said_in_words() -> None:
    said = {how: describe_binarisation(how) for how in ("dynamic", "fixed", "threshold", "none")}
    assert said["dynamic"] == said["fixed"]  # both are measured on the same fixed draw
    assert len({*said.values()}) == 3 and "not binary" in said["none"]


@pytest.mark.parametrize("name", pretrained())
def test_cards_of_the_models_that_come_along_hold_the_numbers_of_their_files(name: str) -> None:
    folder = PRETRAINED / name
    text, facts = (folder / "README.md").read_text(), json.loads((folder / "evaluation.json").read_text())
    config = read_config(folder / "config.json")
    assert text.startswith(front_matter(name, config, facts))
    assert f"\n- {describe_input(config.model)}\n" in text
    value = front(text)["model-index"][0]["results"][0]["metrics"][0]["value"]
    assert value == round(facts["elbo"], 2) == float(re.search(r"\| ELBO \| (\S+) ±", text)[1])
