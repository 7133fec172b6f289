"""A job carried out: what becomes of it when all goes well, and when something goes wrong."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from explorer import checkpoint
from explorer.checkpoint import load_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import Database, Job, Jobs, pacing
from explorer.jobs import work as work_module
from explorer.jobs.snapshots import FOLDER, HELDOUT_FILE, Snapshots, read_index
from explorer.jobs.table import MAX_DEATHS
from explorer.jobs.work import Work
from explorer.models import VAE
from explorer.serving.tail import Tails
from explorer.training import METRICS_FILE, STATE_FILE, Run, cadence, loop
from explorer.training import run as run_module

CPU = torch.device("cpu")
ME = "a" * 32
STEPS = 11  # 1,437 images of the digits, 128 a step


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(Database(tmp_path))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is reported, the arithmetic is not timed, and torch does not check, as in the worker."""
    torch.distributions.Distribution.set_default_validate_args(False)
    monkeypatch.setattr(cadence, "REPORT_SECONDS", 0.0)
    plain = loop.Speed(1, False, "1 thread in float32")
    monkeypatch.setattr(run_module, "choose_speed", lambda *_, **__: plain)


def config_of(epochs: int = 2, latent: int = 2, **values: object) -> Config:
    training = {"dataset": "digits", "epochs": epochs, "seconds": 0.0, **values}
    return Config(ModelConfig((1, 8, 8), latent, hidden=(16,)), TrainingConfig(**training))


def carry_out(jobs: Jobs, models: Path, config: Config | None = None, **wishes: bool) -> Job:
    job = jobs.submit(config or config_of(), person=ME, **wishes)
    Work(jobs, jobs.claim("cpu"), models, CPU).carry_out()
    return jobs.get(job.id)


def take_up(jobs: Jobs, models: Path) -> None:
    Work(jobs, jobs.claim("cpu"), models, CPU).carry_out()


def test_a_job_becomes_a_model_with_its_curve_and_its_snapshots(jobs: Jobs, tmp_path: Path) -> None:
    job = carry_out(jobs, tmp_path, config_of(epochs=3))
    assert job.state == "done" and job.message is None
    folder = tmp_path / job.name
    assert load_checkpoint(folder).config.provenance["finished"] is True
    assert {"README.md", "evaluation.json", "gallery.png", "decoder.onnx"} <= {path.name for path in folder.iterdir()}
    assert not (folder / STATE_FILE).exists()
    rows = [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 3 * STEPS + 1))
    assert rows[-1]["heldout_elbo"] == pytest.approx(rows[-1]["heldout_log_likelihood"] - rows[-1]["heldout_kl"])
    assert rows[-1]["heldout_elbo"] > rows[0]["elbo"] + 1
    assert job.step == 3 * STEPS and job.progress["fraction"] == 1
    index = read_index(folder / FOLDER)
    assert index[0]["step"] == 0 and index[-1]["step"] == 3 * STEPS


def test_a_snapshot_is_the_model_of_its_step(jobs: Jobs, tmp_path: Path) -> None:
    job = carry_out(jobs, tmp_path)
    folder = tmp_path / job.name / FOLDER
    facts = job.facts["heldout"]
    count, pixels = facts["count"], 64
    content = (folder / f"{2 * STEPS}.bin").read_bytes()
    assert len(content) == 8 * count + (facts["samples"] + facts["reconstructions"]) * pixels <= 100_000
    codes = torch.frombuffer(bytearray(content[: 8 * count]), dtype=torch.float32).view(count, 2)
    # The weights on disk are rounded to float16, the snapshot's were not.
    model = load_checkpoint(tmp_path / job.name).model
    from explorer.datasets import load_dataset
    from explorer.datasets.binarise import repeatable

    test = load_dataset("digits", "test")
    expected = model.posterior(repeatable(test.images, "dynamic")[:count]).base_dist.loc
    assert torch.allclose(codes, expected, atol=0.02)
    labels = (folder / HELDOUT_FILE).read_bytes()[:count]
    assert list(labels) == test.labels[:count].tolist()


def test_a_map_of_more_dimensions_does_not_jump(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Principal axes flip their signs and swap at will; the snapshots' are turned to follow."""
    with monkeypatch.context() as patch:  # also where it is taken up again
        Meanwhile(patch, jobs, 150, lambda job: jobs.ask(job.id, "pause", person=ME))
        job = carry_out(jobs, tmp_path, config_of(epochs=30, latent=6))
    jobs.ask(job.id, "resume", person=ME)
    take_up(jobs, tmp_path)
    folder = tmp_path / job.name / FOLDER
    count = job.facts["heldout"]["count"]
    maps = []
    for row in read_index(folder):
        content = (folder / f"{row['step']}.bin").read_bytes()
        maps.append(torch.frombuffer(bytearray(content[: 8 * count]), dtype=torch.float32).view(count, 2))
    assert len(maps) > 5
    for before, after in itertools.pairwise(maps[1:]):
        # No rotation or reflection of the later map would lie nearer to the earlier one.
        u, _, v = torch.linalg.svd(after.T.double() @ before.double())
        assert torch.allclose(u @ v, torch.eye(2, dtype=torch.float64), atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_a_snapshot_stays_small_whatever_the_images(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    from explorer.datasets import Dataset
    from explorer.models import build
    from explorer.training.heldout import HeldOut

    images = torch.randint(0, 255, (1_000, *shape), dtype=torch.uint8)
    heldout = HeldOut(Dataset("x", "test", images, torch.zeros(1_000).long(), ("a",), {}, ""), "fixed", CPU)
    snapshots = Snapshots(tmp_path, heldout, 2, 0)
    snapshots.take(build(ModelConfig(shape, 2, hidden=(8,)), seed=0), 1, 0.1, 1.0)
    assert (tmp_path / FOLDER / "1.bin").stat().st_size <= 100_000


class Meanwhile:
    """Does something to a running job at a given step, by way of the worker's own beat."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, jobs: Jobs, step: int, act: object) -> None:
        self.done = False
        original = Jobs.beat

        def beat(table: Jobs, job: Job, **values: object) -> Job | None:
            if not self.done and values.get("progress", {}).get("step", 0) >= step:  # type: ignore[attr-defined]
                self.done = True
                act(job)  # type: ignore[operator]
            return original(table, job, **values)

        monkeypatch.setattr(Jobs, "beat", beat)


def test_a_paused_and_resumed_job_is_the_job_that_was_not(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = carry_out(jobs, tmp_path, config_of(seed=5))
    with monkeypatch.context() as patch:
        Meanwhile(patch, jobs, 9, lambda job: jobs.ask(job.id, "pause", person=ME))
        paused = carry_out(jobs, tmp_path, config_of(seed=5))
    assert paused.state == "paused" and paused.step == 9
    jobs.ask(paused.id, "resume", person=ME)
    take_up(jobs, tmp_path)
    assert jobs.get(paused.id).state == "done"
    one, other = (load_checkpoint(tmp_path / job.name).model.state_dict() for job in (whole, paused))
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    steps = [row["step"] for row in read_index(tmp_path / paused.name / FOLDER)]
    assert steps == sorted(set(steps))


def test_a_stopped_job_keeps_what_it_has_learnt(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Meanwhile(monkeypatch, jobs, 5, lambda job: jobs.ask(job.id, "stop", person=ME))
    job = carry_out(jobs, tmp_path)
    assert job.state == "stopped" and job.step == 5
    provenance = load_checkpoint(tmp_path / job.name).config.provenance
    assert provenance["finished"] is False and provenance["steps"] == 5


def test_a_paused_job_can_be_stopped_and_kept(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Meanwhile(monkeypatch, jobs, 5, lambda job: jobs.ask(job.id, "pause", person=ME))
    job = carry_out(jobs, tmp_path)
    jobs.ask(job.id, "stop", person=ME)
    take_up(jobs, tmp_path)
    assert jobs.get(job.id).state == "stopped"
    assert load_checkpoint(tmp_path / job.name).config.provenance["steps"] == 5


def test_a_job_that_died_goes_on_from_its_saved_state(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(run_module, "SAVE_SHARE", 1.0)  # after each report
    whole = carry_out(jobs, tmp_path, config_of(seed=5))

    class Killed(BaseException):
        pass

    def die(job: Job) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        Meanwhile(patch, jobs, 12, die)
        carry_out(jobs, tmp_path, config_of(seed=5))
    jobs.orphans("cpu")
    job = jobs.claim("cpu")
    assert job.attempt == 2 and job.deaths == 1
    Work(jobs, job, tmp_path, CPU).carry_out()
    assert jobs.get(job.id).state == "done"
    one, other = (load_checkpoint(tmp_path / name).model.state_dict() for name in (whole.name, job.name))
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    rows = [json.loads(line)["step"] for line in (tmp_path / job.name / METRICS_FILE).read_text().splitlines()]
    assert rows == list(range(1, 2 * STEPS + 1))


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


def test_event_files_hold_the_same_curve(jobs: Jobs, tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    job = carry_out(jobs, tmp_path, tensorboard=True)
    events = reader.EventAccumulator(str(tmp_path / job.name / "tensorboard"))
    events.Reload()
    rows = [json.loads(line) for line in (tmp_path / job.name / METRICS_FILE).read_text().splitlines()]
    scalars = events.Scalars("train/elbo")
    assert [event.step for event in scalars] == [row["step"] for row in rows]
    assert [event.value for event in scalars] == pytest.approx([row["elbo"] for row in rows], rel=1e-6)
    assert events.Scalars("held-out/elbo")[-1].value == pytest.approx(rows[-1]["heldout_elbo"], rel=1e-6)


@pytest.fixture
def under_way(jobs: Jobs, tmp_path: Path) -> Iterator[Job]:
    """A held run, carried out by a thread."""
    job = jobs.submit(config_of(), person=ME)
    jobs.ask(job.id, "step", person=ME)
    thread = threading.Thread(target=take_up, args=(jobs, tmp_path))
    thread.start()
    yield job
    if jobs.get(job.id).state == "running":
        jobs.ask(job.id, "stop", person=ME)
    thread.join(30)
    assert not thread.is_alive()


def reach(jobs: Jobs, job: Job, step: int) -> None:
    until = time.monotonic() + 20
    while jobs.get(job.id).step < step:
        assert time.monotonic() < until, jobs.get(job.id)
        time.sleep(0.01)
    time.sleep(0.25)
    assert jobs.get(job.id).step == step


def test_a_held_run_takes_one_step_or_one_epoch_at_a_time(jobs: Jobs, under_way: Job) -> None:
    reach(jobs, under_way, 1)
    jobs.ask(under_way.id, "step", person=ME)
    reach(jobs, under_way, 2)
    jobs.ask(under_way.id, "epoch", person=ME)
    reach(jobs, under_way, 2 + STEPS)
    # The wait is no part of the run's time, nor are the pictures taken between the steps.
    before = jobs.get(under_way.id).progress["elapsed"]
    time.sleep(1.5)
    jobs.ask(under_way.id, "step", person=ME)
    reach(jobs, under_way, 3 + STEPS)
    assert jobs.get(under_way.id).progress["elapsed"] - before < 0.2
    jobs.ask(under_way.id, "pace", person=ME, pace=None)
    until = time.monotonic() + 20
    while jobs.get(under_way.id).state != "done":
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_pace_is_kept(jobs: Jobs, under_way: Job) -> None:
    reach(jobs, under_way, 1)
    began = time.monotonic()
    jobs.ask(under_way.id, "pace", person=ME, pace=20.0)
    while jobs.get(under_way.id).step < 17:
        assert time.monotonic() < began + 20
        time.sleep(0.01)
    assert 0.6 < time.monotonic() - began < 6


def test_who_stands_still_gives_way(jobs: Jobs, under_way: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "PATIENCE_SECONDS", 0.2)
    reach(jobs, under_way, 1)
    assert jobs.get(under_way.id).state == "running"
    jobs.submit(config_of(seed=9), person=ME)
    until = time.monotonic() + 10
    while jobs.get(under_way.id).state != "paused":
        assert time.monotonic() < until
        time.sleep(0.02)
    assert "others waited" in jobs.get(under_way.id).notes[-1]


def test_the_state_that_is_kept_is_sound(tmp_path: Path) -> None:
    from explorer.datasets import load_dataset

    run = Run(config_of(), load_dataset("digits"), tmp_path, CPU)
    run.save()
    before = (tmp_path / STATE_FILE).read_bytes()
    with torch.no_grad():
        next(run.model.parameters()).fill_(float("inf"))
    run.save()
    assert (tmp_path / STATE_FILE).read_bytes() == before
