"""Measuring within a budget of time: fewer images, the same numbers for those, and said how many."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from explorer.checkpoint import publish
from explorer.checkpoint.card import EVALUATION_FILE
from explorer.checkpoint.catalogue import read_facts
from explorer.checkpoint.gaps import GAPS_FILE
from explorer.checkpoint.weights import CARD_FILE, CheckpointError, load_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.datasets import load_dataset
from explorer.inference import evaluation
from explorer.inference.budget import Budget, decoding_operations
from explorer.inference.evaluation import evaluate
from explorer.inference.gaps import survey
from tests.helpers.oracle import binary_images, tiny_model
from tests.helpers.spaces import save_digits

CPU = torch.device("cpu")


class Ticking:
    """A clock that goes on by a second each time it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_blocks_end_where_the_next_would_not_fit_and_there_is_always_one() -> None:
    clock = Ticking()
    assert list(Budget(0.0, clock).blocks(10, 4)) == [slice(0, 4)]
    assert list(Budget(math.inf, clock).blocks(10, 4)) == [slice(0, 4), slice(4, 8), slice(8, 10)]
    some = list(Budget(30.0, clock).blocks(100, 1))
    assert 3 < len(some) < 30 and some[0] == slice(0, 1) and some[-1].stop == len(some)
    assert list(Budget(30.0, clock).blocks(0, 4)) == []
    half = Budget(100.0, clock).share(0.5)
    assert 47 < half.seconds <= 50


@pytest.mark.parametrize("latent", [2, 3])
def test_what_a_budget_reaches_has_the_numbers_it_has_without(latent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = tiny_model(latent=latent), binary_images(30)
    # Four images of the ELBO, and one of log p(x), between two looks at the clock.
    monkeypatch.setattr(evaluation, "HASTY_OPERATIONS", 8 * decoding_operations(model))
    wishes = {"samples": 2, "evidence_images": 8, "evidence_method": "auto", "evidence_samples": 100}
    whole = evaluate(model, x, **wishes, budget=Budget(1e9))
    few = evaluate(model, x, **wishes, budget=Budget(30.0, Ticking()))
    assert whole.n == 30 and whole.evidence_images == 8
    assert 0 < few.n < 30 and 0 < few.evidence_images < 8 and few.evidence_images <= few.n
    again = evaluate(model, x[: few.n], samples=2, evidence_images=0, budget=Budget(1e9))
    assert few.elbo == pytest.approx(again.elbo, abs=1e-9)
    assert few.elbo_standard_error > whole.elbo_standard_error
    nothing = evaluate(model, x, **wishes, budget=Budget(0.0))
    assert nothing.n >= 1 and nothing.log_evidence is None and math.isfinite(nothing.elbo)


@pytest.mark.parametrize("latent", [2, 4])
def test_a_survey_that_is_cut_short_is_of_the_first_images(latent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = tiny_model(latent=latent), binary_images(12)
    monkeypatch.setattr(survey, "REPORT_OPERATIONS", 1.0)
    told: list[float] = []
    few = survey.survey(model, x, budget=Budget(12.0, Ticking()), progress=told.append)
    whole = survey.survey(model, x)
    assert 0 < len(few) < 12 and told == sorted(told)
    n = len(few)
    assert torch.allclose(few.log_evidence, whole.log_evidence[:n], atol=0.05)
    assert torch.allclose(few.full, whole.full[:n], atol=0.02) and torch.equal(few.exact, whole.exact[:n])


def test_measuring_takes_a_third_of_the_training_and_a_minute_at_most() -> None:
    def seconds(trained: float | None) -> float:
        facts = {} if trained is None else {"seconds": trained}
        return publish.budget_of(Config(ModelConfig(), TrainingConfig(), facts)).seconds

    assert seconds(30.0) == 10.0
    assert seconds(3_600.0) == seconds(None) == 60.0
    assert seconds(0.5) == 2.0  # even the shortest run has its numbers


def test_a_model_is_there_before_it_is_measured_and_its_card_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, test = save_digits(tmp_path / "digits"), load_dataset("digits", "test")
    (folder / EVALUATION_FILE).write_text('{"elbo": 1.0}')  # of other weights
    (folder / GAPS_FILE).write_bytes(b"of other weights")
    wishes = {"name": "digits", "command": "made"}
    monkeypatch.setattr(publish, "export_decoder", lambda model, folder: (folder / "decoder.onnx").write_bytes(b""))
    publish.open_up(folder, test, **wishes)
    assert {"gallery.png", "gallery.json", "decoder.onnx", CARD_FILE} <= {path.name for path in folder.iterdir()}
    assert not (folder / EVALUATION_FILE).exists() and not (folder / GAPS_FILE).exists()
    card = (folder / CARD_FILE).read_text()
    assert "being measured" in card and "| ELBO |" not in card and "model-index" not in card

    publish.measure(folder, test, **wishes, device=CPU, train=test, samples=1, gap_images=3)
    facts, card = read_facts(folder / EVALUATION_FILE), (folder / CARD_FILE).read_text()
    assert facts["n"] == 360 and facts["evidence_images"] == 3 and facts["elbo_standard_error"] > 0
    assert facts["train_elbo"] == facts["elbo"] and facts["train_images"] == 360  # of the same images
    assert facts["inference_gap"]["mean"] > 0 and facts["evidence_method"] == "quadrature"
    assert facts["inference_gap"]["mean"] == pytest.approx(
        facts["approximation_gap"]["mean"] + facts["amortization_gap"]["mean"]
    )
    assert f"median {facts['amortization_gap']['median']:.2f} |" in card and "training images" in card
    assert "all 360 test images" in card and "| ELBO |" in card and "first 3 images" in card

    (folder / "config.json").rename(folder / "gone")
    with pytest.raises(CheckpointError):  # nothing is written into the place of a model that was deleted
        publish.measure(folder, test, **wishes, device=CPU)


def test_a_card_says_how_many_images_there_was_time_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, test = save_digits(tmp_path / "digits"), load_dataset("digits", "test")
    monkeypatch.setattr(evaluation, "HASTY_OPERATIONS", 20 * decoding_operations(load_checkpoint(folder).model))
    found = publish.measure(
        folder,
        test,
        name="digits",
        command="made",
        device=CPU,
        gap_images=0,
        samples=1,
        budget=Budget(20.0, Ticking()),
    )
    assert 0 < found.n < 360
    assert f"the first {found.n:,} of 360 test images" in (folder / CARD_FILE).read_text()
    assert read_facts(folder / EVALUATION_FILE)["n"] == found.n
