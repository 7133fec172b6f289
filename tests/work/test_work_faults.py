"""A job carried out when something goes wrong: a sentence, and nothing that was learnt is lost."""

from __future__ import annotations

import dataclasses
import errno
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from explorer import checkpoint
from explorer.checkpoint import load_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import Jobs
from explorer.jobs import work as work_module
from explorer.jobs.snapshots import FOLDER
from explorer.jobs.table import MAX_DEATHS
from explorer.jobs.work import Work
from explorer.models import VAE
from explorer.serving.tail import Tails
from explorer.training import METRICS_FILE, STATE_FILE, loop
from explorer.training import run as run_module
from tests.work.at_work import CPU, ME, STEPS, Meanwhile, carry_out, config_of, take_up


def test_a_loss_that_is_nan_stops_with_the_last_good_state(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(run_module, "SAVE_SHARE", 1.0)
    original = loop._step

    def step(model: VAE, config: object, state: loop.RunState, *rest: object) -> None:
        original(model, config, state, *rest)
        if state.step == 8:
            with torch.no_grad():
                next(model.parameters()).fill_(float("nan"))

    monkeypatch.setattr(loop, "_step", step)
    job = carry_out(jobs, tmp_path)
    assert job.state == "failed"
    assert "learning rate three times smaller" in job.message and "is kept as the model" in job.message
    assert load_checkpoint(tmp_path / job.name).config.provenance["steps"] == 8


def test_a_loss_that_is_nan_at_once_keeps_nothing(jobs: Jobs, tmp_path: Path) -> None:
    job = carry_out(jobs, tmp_path, config_of(learning_rate=1.0, gradient_norm=1e12, epochs=20))
    if job.state == "failed":  # a rate of 1 need not diverge on every machine
        assert "learning rate" in job.message
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_step", lambda model, *_: [p.data.fill_(float("nan")) for p in model.parameters()])
        patch.setattr(loop._Report, "take", _diverged)
        job = carry_out(jobs, tmp_path, config_of(seed=1))
    assert job.state == "failed" and "not learnt anything worth keeping" in job.message
    assert not (tmp_path / job.name / "config.json").exists()


def _diverged(*_: object) -> None:
    raise loop.TrainingDiverged("The ELBO stopped being a finite number at step 1: try a learning rate smaller.")


def test_too_little_memory_halves_the_batch_and_says_so(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = loop._step

    def step(model: VAE, config: object, state: object, x: torch.Tensor, *rest: object) -> None:
        if len(x) > 32:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        original(model, config, state, x, *rest)

    monkeypatch.setattr(loop, "_step", step)
    job = carry_out(jobs, tmp_path)
    assert job.state == "done" and job.config.training.batch_size == 32
    assert len(job.notes) == 2 and "64 images a step" in job.notes[1] and "with 32" in job.notes[1]
    assert load_checkpoint(tmp_path / job.name).config.training.batch_size == 32


def test_a_model_that_cannot_be_measured_is_kept_and_not_trained_again(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(work_module, "publish", short)
    job = carry_out(jobs, tmp_path)
    assert job.state == "done" and "could not be measured" in job.message and job.notes == ()
    assert load_checkpoint(tmp_path / job.name).config.training.batch_size == 128
    assert job.attempt == 1 and job.step == 2 * STEPS


def test_a_worker_that_ends_while_it_measures_need_not_train_again(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(work_module, "publish", die)
        carry_out(jobs, tmp_path)
    jobs.orphans("cpu")
    job = jobs.claim("cpu")
    rows = (tmp_path / job.name / METRICS_FILE).read_text()
    Work(jobs, job, tmp_path, CPU).carry_out()
    assert jobs.get(job.id).state == "done"
    assert (tmp_path / job.name / METRICS_FILE).read_text() == rows
    assert not (tmp_path / job.name / STATE_FILE).exists()


def test_what_kills_every_worker_leaves_a_model_of_what_was_learnt(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Meanwhile(patch, jobs, 5, lambda job: jobs.ask(job.id, "pause", person=ME))
        job = carry_out(jobs, tmp_path)
    jobs.ask(job.id, "resume", person=ME)
    for _ in range(MAX_DEATHS):
        jobs.claim("cpu")
        jobs.orphans("cpu")
    take_up(jobs, tmp_path)
    job = jobs.get(job.id)
    assert job.state == "failed" and "step 5 is kept" in job.message
    assert load_checkpoint(tmp_path / job.name).config.provenance["steps"] == 5


@pytest.mark.parametrize("what", [b"\xff\xfe\n", b"[" * 50_000 + b"\n", b'{"step": Infinity, "epoch": NaN}\n', b"{}\n"])
@pytest.mark.parametrize("name", [METRICS_FILE, f"{FOLDER}/index.jsonl"])
def test_a_damaged_curve_costs_the_curve_and_not_the_run(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, what: bytes
) -> None:
    with monkeypatch.context() as patch:
        Meanwhile(patch, jobs, 5, lambda job: jobs.ask(job.id, "pause", person=ME))
        job = carry_out(jobs, tmp_path)
    (tmp_path / job.name / name).write_bytes(what)
    json.dumps(Tails(4).rows(tmp_path / job.name / METRICS_FILE), allow_nan=False)
    jobs.ask(job.id, "resume", person=ME)
    take_up(jobs, tmp_path)
    assert jobs.get(job.id).state == "done"


def damage_moments(tensors: dict[str, torch.Tensor], facts: dict[str, str]) -> None:
    tensors["optimiser.0.exp_avg"] = torch.zeros(3)


def drop_a_moment(tensors: dict[str, torch.Tensor], facts: dict[str, str]) -> None:
    del tensors["optimiser.1.step"]


def endless_time(tensors: dict[str, torch.Tensor], facts: dict[str, str]) -> None:
    facts["counters"] = '{"step": 5, "elapsed": NaN}'


def endless_steps(tensors: dict[str, torch.Tensor], facts: dict[str, str]) -> None:
    facts["counters"] = '{"step": Infinity, "elapsed": 1}'


def other_images(tensors: dict[str, torch.Tensor], facts: dict[str, str]) -> None:
    facts["data_sha256"] = "0" * 64


@pytest.mark.parametrize("harm", [damage_moments, drop_a_moment, endless_time, endless_steps, other_images])
def test_a_damaged_state_ends_in_a_sentence_without_a_path(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: object
) -> None:
    with monkeypatch.context() as patch:
        Meanwhile(patch, jobs, 5, lambda job: jobs.ask(job.id, "pause", person=ME))
        job = carry_out(jobs, tmp_path)
    path = tmp_path / job.name / STATE_FILE
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        facts = dict(file.metadata())
    harm(tensors, facts)  # type: ignore[operator]
    save_file(tensors, path, metadata=facts)
    jobs.ask(job.id, "resume", person=ME)
    take_up(jobs, tmp_path)
    job = jobs.get(job.id)
    assert job.state == "failed" and str(tmp_path) not in job.message
    assert ("other images" if harm is other_images else "damaged") in job.message


def test_a_state_of_another_kind_of_device_goes_on_with_fresh_noise(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Meanwhile(patch, jobs, 5, lambda job: jobs.ask(job.id, "pause", person=ME))
        job = carry_out(jobs, tmp_path)
    path = tmp_path / job.name / STATE_FILE
    with safe_open(path, framework="pt") as file:
        facts = dict(file.metadata())
    save_file(load_file(path) | {"noise": torch.zeros(16, dtype=torch.uint8)}, path, metadata=facts)  # as CUDA's
    jobs.ask(job.id, "resume", person=ME)
    take_up(jobs, tmp_path)
    assert jobs.get(job.id).state == "done"


def test_a_disk_that_is_full_ends_the_run_with_a_sentence(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.os, "replace", full)
        job = carry_out(jobs, tmp_path)
    assert job.state == "failed" and "No space left on device" in job.message and "make room" in job.message
    assert carry_out(jobs, tmp_path, config_of(seed=1)).state == "done"  # the worker lives on


def test_faults_that_nobody_foresaw_are_a_sentence_too(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_step", broken)
        job = carry_out(jobs, tmp_path)
    assert job.state == "failed" and "ZeroDivisionError" in job.message and "Traceback" not in job.message


def test_a_data_set_that_is_gone_is_said_by_name(jobs: Jobs, tmp_path: Path) -> None:
    config = config_of()
    job = carry_out(jobs, tmp_path, dataclasses.replace(config, training=TrainingConfig("holiday", seconds=1.0)))
    assert job.state == "failed" and "holiday" in job.message
    job = carry_out(jobs, tmp_path, Config(ModelConfig(), TrainingConfig("digits", seconds=1.0)))
    assert job.state == "failed" and "(1, 8, 8)" in job.message
