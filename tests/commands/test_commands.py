"""The command line: what it prints, how it fails, and that Ctrl-C loses nothing."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from explorer.__main__ import main
from explorer.checkpoint.gallery import load_gallery
from explorer.checkpoint.weights import load_checkpoint, save_checkpoint
from explorer.commands.console import duration
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.datasets import load_dataset
from explorer.models import build
from explorer.projection import Embedding, UmapSettings
from explorer.training import Progress, Speed, start, train
from explorer.training.metrics import Lines
from explorer.training.state import STATE_FILE
from tests.helpers.places import ROOT

PLAIN = Speed(1, False, "one thread in float32")
SMALL = ["--hidden", "16", "--latent", "2", "--device", "cpu"]


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No timing of threads and precisions: the same arithmetic every time."""
    monkeypatch.setattr("explorer.training.run.choose_speed", lambda *args, **options: PLAIN)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    config = Config(ModelConfig((1, 8, 8), 2, hidden=(16,)), TrainingConfig(dataset="digits"))
    save_checkpoint(tmp_path / "model", build(config.model, seed=0), config)
    return tmp_path / "model"


def test_train_writes_a_whole_checkpoint(tmp_path: Path, plain: None, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--dataset", "digits", "--epochs", "4", *SMALL]
    assert main([*arguments, "--out", str(tmp_path / "a")]) == 0
    output = capsys.readouterr().out
    assert "Test ELBO" in output and "after its last step" in output and "Measuring on the test set, for 2 s" in output
    expected = {"config.json", "model.safetensors", "README.md", "evaluation.json"}
    expected |= {"gallery.png", "gallery.json", "metrics.jsonl", "decoder.onnx", "gaps.safetensors"}
    assert {file.name for file in (tmp_path / "a").iterdir()} == expected
    card = (tmp_path / "a" / "README.md").read_text()
    assert "--epochs 4" in card and str(tmp_path) not in card
    gallery = load_gallery(tmp_path / "a", (1, 8, 8))
    assert gallery is not None and torch.equal(gallery.images, load_dataset("digits", "test").images)


def test_ctrl_c_keeps_what_was_learnt_up_to_a_whole_step_and_resume_goes_on(
    tmp_path: Path, plain: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real signal after some reports; the very steps that were counted are in the weights."""
    monkeypatch.setattr("explorer.training.reporting.REPORT_SECONDS", 0.0)
    monkeypatch.setattr("explorer.checkpoint.publish.export_decoder", lambda *_: None)
    write = Lines.write

    def interrupt(self: Lines, progress: Progress) -> None:
        write(self, progress)
        if progress.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Lines, "write", interrupt)
    arguments = ["train", "--dataset", "digits", "--epochs", "2", *SMALL, "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert "--resume goes on" in capsys.readouterr().out
    opened = load_checkpoint(tmp_path)
    steps = opened.config.provenance["steps"]
    assert 5 <= steps <= 7 and opened.config.provenance["finished"] is False
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["step"] == steps
    model = build(opened.config.model, seed=0)
    state = start(model, opened.config.training, torch.device("cpu"))
    for progress in train(model, opened.config.training, load_dataset("digits").images, state, PLAIN):
        if progress.step == steps:
            break
    saved = load_file(tmp_path / STATE_FILE)
    assert all(torch.equal(value, saved[f"model.{name}"]) for name, value in model.state_dict().items())

    monkeypatch.setattr(Lines, "write", write)
    assert main([*arguments, "--resume"]) == 0
    assert load_checkpoint(tmp_path).config.provenance["finished"] is True and not (tmp_path / STATE_FILE).exists()


def test_evaluate_prints_one_json_object(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", str(checkpoint), "--json", "--images", "50", "--device", "cpu"]
    arguments += ["--evidence-method", "importance", "--evidence-images", "5", "--evidence-samples", "50"]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    facts = json.loads(output, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert isinstance(facts, dict) and output.count("\n") == 1
    assert {"log_likelihood", "kl", "elbo", "log_evidence", "n", "units", "binarisation"} <= facts.keys()
    assert (facts["n"], facts["units"], facts["evidence_images"]) == (50, "nats", 5)
    assert (facts["evidence_method"], facts["evidence_bound"], facts["evidence_samples"]) == ("importance", "lower", 50)
    assert (
        facts["evidence_unknown"] == 5 or 0 < facts["evidence_error"]["mean"] <= facts["evidence_error"]["worst"] <= 1
    )
    assert 50 >= facts["effective_samples"]["mean"] >= facts["effective_samples"]["worst"] >= 1
    assert facts["evidence_gap"] == pytest.approx(facts["log_evidence"] - facts["evidence_elbo"])
    assert facts["elbo"] == pytest.approx(facts["log_likelihood"] - facts["kl"], abs=1e-9)
    assert facts["log_likelihood"] < 0 < facts["kl"]
    assert facts["bits_per_dimension"] == pytest.approx(-facts["elbo"] / 64 / math.log(2))
    assert main(arguments) == 0
    assert capsys.readouterr().out == output  # the same numbers again


def test_evaluating_one_image_is_still_json(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", str(checkpoint), "--json", "--images", "1", "--evidence-samples", "5", "--device", "cpu"]
    arguments += ["--evidence-method", "iwae"]
    assert main(arguments) == 0
    facts = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert facts["elbo_standard_error"] is None and facts["log_evidence_standard_error"] is None


def test_evaluate_says_it_in_words_too(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(checkpoint), "--images", "20", "--evidence-images", "0", "--device", "cpu"]) == 0
    output = capsys.readouterr().out
    assert "20 test images of digits" in output and "ELBO" in output and "log p(x)" not in output


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("iwae", ["IWAE-7", "lower bound", "effective sample size", "far too low"]),
        ("annealed", ["3 chains of 4 steps", "lower bound", "effective sample size"]),
        ("auto", ["by quadrature", "to within 0.0", "numerical error"]),
    ],
)
def test_evaluate_names_the_estimator_and_its_error(
    checkpoint: Path, method: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", str(checkpoint), "--images", "4", "--evidence-method", method, "--device", "cpu"]
    arguments += ["--evidence-images", "1", "--evidence-samples", "7", "--annealing-steps", "4", "--chains", "3"]
    assert main(arguments) == 0
    output, progress = capsys.readouterr()
    assert all(word in output for word in ["log p(x)", "first 1 images", *words])
    assert "100 %" in progress


def test_evaluate_refuses_quadrature_above_two_dimensions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(ModelConfig((1, 8, 8), 3, hidden=(16,)), TrainingConfig(dataset="digits"))
    save_checkpoint(tmp_path, build(config.model, seed=0), config)
    assert main(["evaluate", str(tmp_path), "--evidence-method", "quadrature", "--device", "cpu"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("explorer: Quadrature needs") and "annealed" in errors and errors.count("\n") == 1


def test_export_writes_the_decoder_beside_the_checkpoint_or_elsewhere(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(checkpoint)]) == 0
    assert main(["export", str(checkpoint), "--out", str(tmp_path / "elsewhere")]) == 0
    assert (checkpoint / "decoder.onnx").read_bytes() == (tmp_path / "elsewhere" / "decoder.onnx").read_bytes()
    assert f"Written: {checkpoint / 'decoder.onnx'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["evaluate", "no-such-model"], "no-such-model"),
        (["evaluate", "{}", "--samples", "0"], "--samples"),
        (["evaluate", "{}", "--evidence-samples", "-3"], "--evidence-samples"),
        (["evaluate", "{}", "--images", "-1"], "--images"),
        (["evaluate", "{}", "--evidence-widen", "nan"], "--evidence-widen"),
        (["evaluate", "{}", "--annealing-steps", "0"], "--annealing-steps"),
        (["evaluate", "{}", "--chains", "2000000"], "--chains"),
        (["evaluate", "{}", "--evidence-images", "-1"], "--evidence-images"),
        (["evaluate", "{}", "--device", "tpu"], "tpu"),
        (["export", "no-such-model"], "no-such-model"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--latent", "0"], "latent"),
        (["train", "--dataset", "cats", "--out", "{}/new"], "cats"),
        (["train", "--out", "{}/new", "--likelihood", "gaussian", "--binarisation", "fixed"], "none"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--hidden", "16,a"], "--hidden"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--hidden", "1000000000"], "hidden"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--network", "conv", "--hidden", "8"], "hidden"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--epochs", "0"], "budget"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--epochs", "-1"], "epochs"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--seconds", "0"], "budget"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--seconds", "nan"], "seconds"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--beta", "-1"], "beta"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--measure-seconds", "nan"], "measure-seconds"),
        (["train", "--dataset", "digits", "--out", "{}/new", "--resume"], "resume"),
    ],
)
def test_wrong_arguments_get_one_sentence_and_exit_code_2(
    checkpoint: Path, arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.format(checkpoint) for argument in arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("explorer: ") and errors.count("\n") == 1 and errors.endswith(".\n")
    assert word in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["dance"],
        ["train"],
        ["evaluate"],
        ["evaluate", "m", "--images", "x"],
        ["evaluate", "m", "--evidence-method", "guess"],
        ["train", "--out", "x", "--epochs", "1", "--seconds", "1"],
        ["serve", "--port", "here"],
    ],
)
def test_argparse_refuses_with_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "train", "evaluate", "export"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_ctrl_c_outside_training_is_no_traceback(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("explorer.commands.evaluate.evaluate", interrupted)
    assert main(["evaluate", str(checkpoint), "--device", "cpu"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("fault", [None, OSError(28, "No space left"), SafetensorError("No space left")])
def test_a_map_that_cannot_be_written_is_one_sentence(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    def refuses(*_: object) -> None:
        assert fault is not None
        raise fault

    def laid_out(codes: torch.Tensor, *_: object) -> tuple[Embedding, tuple[str, ...]]:
        ones = torch.ones(len(codes))
        return Embedding(codes[:, :2].clone(), ones, ones.clone(), UmapSettings(), "by hand"), ()

    monkeypatch.setattr("explorer.checkpoint.maps.fit_umap", laid_out)  # umap-learn compiles for a minute
    assert main(["map", str(checkpoint)]) == 0
    capsys.readouterr()
    if fault is None:
        shutil.rmtree(checkpoint / "projections")
        (checkpoint / "projections").write_text("a file where the folder should be")
    else:
        monkeypatch.setattr("explorer.projection.embedding.save_file", refuses)
    assert main(["map", str(checkpoint)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.splitlines()[-1].startswith("explorer: The map cannot be written beside the mod")
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3_599.7, "1 h 0 min"), (7_500, "2 h 5 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_table_of_cards_and_a_card_measured_anew(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(checkpoint, folder)
    assert main(["measure", str(folder), "--gap-images", "3", "--samples", "1", "--device", "cpu"]) == 0
    facts = json.loads((folder / "evaluation.json").read_text())
    capsys.readouterr()
    assert main(["table", str(folder)]) == 0
    header, _, row = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == header.count("|") - 1 and cells[0] == "`mine`"
    assert cells[2].startswith(f"{facts['elbo']:.2f}".replace("-", "−")) and cells[3] != "–"
    gap = facts["amortization_gap"]
    assert cells[7] == f"{gap['mean']:.2f} ({gap['median']:.2f})".replace("-", "−")
    assert "median" in (folder / "README.md").read_text()
    # Cards of earlier versions lack most of it.
    (folder / "evaluation.json").write_text('{"elbo": -20.5, "n": 3}')
    assert main(["table", str(folder)]) == 0
    assert "| test ELBO | weights |" in capsys.readouterr().out


def test_the_readme_s_table_of_models_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table"]) == 0
    assert capsys.readouterr().out in (ROOT / "README.md").read_text(encoding="utf-8")
