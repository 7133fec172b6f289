"""A job carried out: what becomes of it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch

from explorer.checkpoint.weights import load_checkpoint
from explorer.config import ModelConfig
from explorer.jobs import Job, Jobs, Measurements
from explorer.jobs.measuring import worker as measuring
from explorer.jobs.training import work
from explorer.jobs.training.snapshots import FOLDER, HELDOUT_FILE, Snapshots, read_index
from explorer.jobs.training.work import Work
from explorer.serving.train_page.routes import measuring as sentence_on_measuring
from explorer.training import METRICS_FILE, STATE_FILE, Run
from explorer.training import run as run_module
from tests.jobs.work.at_work import CPU, ME, STEPS, YOU, Meanwhile, carry_out, config_of, same_weights, take_up


def test_a_job_becomes_a_model_with_its_curve_and_its_snapshots(
    jobs: Jobs, waiting: Measurements, tmp_path: Path, whole_models: None
) -> None:
    job = carry_out(jobs, tmp_path, config_of(epochs=3))
    assert job.state == "done" and job.message is None
    folder = tmp_path / job.name
    assert load_checkpoint(folder).config.provenance["finished"] is True
    files = {path.name for path in folder.iterdir()}
    assert {"README.md", "gallery.png", "gallery.json", "decoder.onnx"} <= files
    assert not (folder / STATE_FILE).exists()

    # It can be opened, and is measured afterwards.
    assert "evaluation.json" not in files and job.facts["measuring"] == "waiting" and waiting.any()
    assert "waits for its turn" in sentence_on_measuring(job)[0]
    assert measuring.carry_out(waiting, waiting.claim(), tmp_path)
    measured = jobs.get(job.id)
    assert "measuring" not in measured.facts and measured.notes == () and not waiting.any()
    assert sentence_on_measuring(measured) == [] and waiting.claim() is None
    assert (folder / "evaluation.json").is_file() and "| ELBO |" in (folder / "README.md").read_text()
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
    assert jobs.get(paused.id).state == "done" and same_weights(tmp_path, whole.name, paused.name)
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
    assert jobs.get(job.id).state == "done" and same_weights(tmp_path, whole.name, job.name)
    rows = [json.loads(line)["step"] for line in (tmp_path / job.name / METRICS_FILE).read_text().splitlines()]
    assert rows == list(range(1, 2 * STEPS + 1))


def test_runs_take_turns_while_others_wait_and_end_as_if_they_had_not(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = carry_out(jobs, tmp_path, config_of(epochs=2, seed=5))
    monkeypatch.setattr(work, "TURN_SECONDS", 0.0)  # a step each
    alone = carry_out(jobs, tmp_path, config_of(epochs=1, seed=1))
    assert alone.state == "done" and alone.attempt == 1  # nobody waits: nobody gives way
    long = jobs.submit(config_of(epochs=2, seed=5), person=ME)
    short = jobs.submit(config_of(epochs=1, seed=2), person=YOU)
    ended, turns = [], 0
    while jobs.demand()[0]:
        now = jobs.claim("cpu")
        Work(jobs, now, tmp_path, CPU).carry_out()
        turns += 1
        now = jobs.get(now.id)
        if now.state == "done":
            ended.append(now.id)
        else:
            assert now.state == "queued" and "gave way" in now.message and jobs.place(now) == 2
    assert ended == [short.id, long.id] and turns > STEPS
    long = jobs.get(long.id)
    assert long.deaths == 0 and long.step == 2 * STEPS and same_weights(tmp_path, whole.name, long.name)


def test_a_run_that_is_to_stop_or_pause_while_it_gives_way_does_so(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "TURN_SECONDS", 0.0)
    settle = Jobs.settle
    for number, (action, state) in enumerate((("pause", "paused"), ("stop", "queued"))):
        person = f"{number:032x}"
        job = jobs.submit(config_of(seed=number), person=person, name=f"turn-{number}")
        jobs.submit(config_of(seed=9), person=YOU)

        def late(table: Jobs, now: Job, *said: object, action: str = action, **how: object) -> None:
            jobs.ask(now.id, action, person=now.person)
            settle(table, now, *said, **how)

        with monkeypatch.context() as patch:
            patch.setattr(Jobs, "settle", late)
            take_up(jobs, tmp_path)
        now = jobs.get(job.id)
        assert now.state == state and now.wanted == ("stop" if action == "stop" else "run")
        with jobs._open(write=True) as table:
            table.execute("DELETE FROM jobs")


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


def test_the_state_that_is_kept_is_sound(tmp_path: Path) -> None:
    from explorer.datasets import load_dataset

    run = Run(config_of(), load_dataset("digits"), tmp_path, CPU)
    run.save()
    before = (tmp_path / STATE_FILE).read_bytes()
    with torch.no_grad():
        next(run.model.parameters()).fill_(float("inf"))
    run.save()
    assert (tmp_path / STATE_FILE).read_bytes() == before
