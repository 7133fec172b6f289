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

from explorer.checkpoint import weights as checkpoint
from explorer.checkpoint.weights import load_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import DatabaseFault, Job, Jobs, Measurements, endings, faults
from explorer.jobs.measuring import worker as measuring
from explorer.jobs.training import work as work_module
from explorer.jobs.training.snapshots import FOLDER
from explorer.jobs.training.table import MAX_DEATHS
from explorer.jobs.training.work import Work
from explorer.models import VAE
from explorer.serving.http.tail import Tails
from explorer.serving.train_page.routes import measuring as describe_measuring
from explorer.training import METRICS_FILE, STATE_FILE, loop
from explorer.training import run as run_module
from tests.jobs.work.at_work import CPU, ME, STEPS, Meanwhile, carry_out, config_of, same_weights, take_up


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
    assert len(job.notes) == 2 and "64 images per step" in job.notes[1] and "with 32" in job.notes[1]
    assert load_checkpoint(tmp_path / job.name).config.training.batch_size == 32


def test_a_model_that_cannot_be_measured_is_kept_and_not_trained_again(
    jobs: Jobs, waiting: Measurements, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def short(*_: object, device: torch.device, **__: object) -> None:
        asked.append(device.type)
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(measuring, "measure", short)
    job = carry_out(jobs, tmp_path)
    assert measuring.carry_out(waiting, waiting.claim(), tmp_path)
    job = jobs.get(job.id)
    assert asked == ["cpu", "cpu"]  # once more where a GPU's memory was not enough
    assert job.state == "done" and job.message is None and "could not be measured" in job.notes[0]
    assert load_checkpoint(tmp_path / job.name).config.training.batch_size == 128
    assert job.attempt == 1 and job.step == 2 * STEPS and not waiting.any()


def test_measuring_that_kills_its_process_is_given_up_and_the_model_stays(
    jobs: Jobs, waiting: Measurements, tmp_path: Path
) -> None:
    job = carry_out(jobs, tmp_path)
    for _ in range(MAX_DEATHS):
        assert waiting.claim().id == job.id
        assert waiting.report(job, 0.25) and "25 %" in describe_measuring(jobs.get(job.id))[0]
        waiting.orphans("the system ended it for want of memory")
    assert not waiting.any() and waiting.claim() is None
    job = jobs.get(job.id)
    assert job.state == "done" and "3 times in the midst of measuring" in job.notes[-1]
    assert load_checkpoint(tmp_path / job.name)


def test_a_run_that_is_deleted_while_its_model_is_measured_ends_the_measuring(
    jobs: Jobs, waiting: Measurements, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "BEAT_SECONDS", 0.0)
    carry_out(jobs, tmp_path)
    job = waiting.claim()
    jobs.forget(job.id, person=ME)
    assert measuring.carry_out(waiting, job, tmp_path)
    assert not (tmp_path / job.name / "evaluation.json").exists()


def test_a_worker_that_ends_while_it_makes_the_model_need_not_train_again(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(work_module, "open_up", die)
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


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("step", [0, 7, 2 * STEPS])
def test_a_disk_that_is_full_holds_the_run_which_ends_as_if_it_had_not_been(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(run_module, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(run_module, "SAVE_SHARE", 1.0)
    whole = carry_out(jobs, tmp_path, config_of(seed=5))
    job = jobs.submit(config_of(seed=5), person=ME)
    with monkeypatch.context() as patch:
        if step:
            Meanwhile(patch, jobs, step, lambda _: patch.setattr(checkpoint.os, "replace", full))
        else:
            patch.setattr(checkpoint.os, "replace", full)
        for _ in range(MAX_DEATHS + 2):  # again and again, and not as a death
            assert Work(jobs, jobs.claim("cpu"), tmp_path, CPU).carry_out() is False
            job = jobs.get(job.id)
            assert (job.state, job.deaths) == ("queued", 0)
            assert "no space left on device" in job.message and "make room" in job.message
    take_up(jobs, tmp_path)
    job = jobs.get(job.id)
    assert job.state == "done" and job.message is None and same_weights(tmp_path, whole.name, job.name)


def test_a_database_that_cannot_be_written_costs_neither_the_run_nor_the_worker(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(faults.time, "sleep", waited.append)
    settle, refused = Jobs.settle, []

    def refuse(table: Jobs, *said: object, **how: object) -> None:
        if len(refused) < 4:
            refused.append(said)
            raise DatabaseFault("The data folder cannot be written (database or disk is full).")
        settle(table, *said, **how)

    def unheard(*_: object, **values: object) -> None:
        raise DatabaseFault("The data folder cannot be written (database or disk is full).")

    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "settle", refuse)
        job = carry_out(jobs, tmp_path)
        # The end could not be written, nor at first that it could not.
        assert job.state == "queued" and "data folder cannot be written" in job.message
        assert len(waited) == 3 and waited == sorted(waited) and waited[0] < waited[-1] <= faults.MOST_SECONDS
    with monkeypatch.context() as patch:
        Meanwhile(patch, jobs, 5, lambda _: None)
        beat = Jobs.beat
        patch.setattr(Jobs, "beat", lambda *a, **v: unheard() if "progress" in v else beat(*a, **v))
        take_up(jobs, tmp_path)  # reports that are missed cost nothing
    assert jobs.get(job.id).state == "done" and jobs.get(job.id).deaths == 0


def test_a_full_disk_makes_a_model_wait_to_be_measured(
    jobs: Jobs, waiting: Measurements, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = carry_out(jobs, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.os, "replace", full)
        assert measuring.carry_out(waiting, waiting.claim(), tmp_path) is False
    assert jobs.get(job.id).facts["measuring"] == "waiting" and jobs.get(job.id).notes == ()
    assert measuring.carry_out(waiting, waiting.claim(), tmp_path) is True
    assert (tmp_path / job.name / "evaluation.json").is_file()


@pytest.mark.parametrize(
    ("code", "kills", "words", "advice"),
    [
        (-9, 1, "for want of memory", True),
        (-9, 0, "SIGKILL", False),
        (-11, 0, "SIGSEGV", False),
        (1, 0, "exit code 1", False),
    ],
)
def test_a_run_that_is_given_up_says_why_as_far_as_it_is_known(
    jobs: Jobs, tmp_path: Path, code: int, kills: int, words: str, advice: bool
) -> None:
    job = jobs.submit(config_of(), person=ME)
    for _ in range(MAX_DEATHS + 1):
        assert jobs.claim("cpu").id == job.id
        jobs.orphans("cpu", endings.cause(code, kills))
    job = jobs.get(job.id)
    assert job.state == "failed" and words in job.message and "4 times" in job.message
    assert ("smaller network" in job.message) == advice


def test_a_run_that_goes_on_from_a_later_state_each_time_is_not_given_up(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(run_module, "SAVE_SHARE", 1.0)

    class Killed(BaseException):
        pass

    def die(_: Job) -> None:
        raise Killed

    whole = carry_out(jobs, tmp_path, config_of(seed=5))
    job = jobs.submit(config_of(seed=5), person=ME)
    for step in range(3, 3 + 2 * MAX_DEATHS * 2, 2):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            Meanwhile(patch, jobs, step, die)
            take_up(jobs, tmp_path)
        jobs.orphans("cpu")
    take_up(jobs, tmp_path)
    job = jobs.get(job.id)
    assert job.state == "done" and job.attempt == 2 * MAX_DEATHS + 1 and same_weights(tmp_path, whole.name, job.name)


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
