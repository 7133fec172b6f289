"""What the Train page offers and says of runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from explorer.checkpoint.weights import CONFIG_FILE
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import Database, Job, JobError, Jobs, Presence
from explorer.page import train_runs as runs
from explorer.page.train_settings import Images
from explorer.transfer import owners_of_models

DIGITS = Images((1, 8, 8), 1_437)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    monkeypatch.setenv("EXPLORER_MODELS", str(tmp_path / "own"))
    return Database(tmp_path)


def config_of(**values: object) -> Config:
    return Config(ModelConfig((1, 8, 8), 2, hidden=(16,)), TrainingConfig(**{"dataset": "digits", **values}))


def test_what_is_here_is_offered_and_what_is_damaged_is_not(database: Database, tmp_path: Path) -> None:
    broken = tmp_path / "pictures" / "broken"
    broken.mkdir(parents=True)
    (broken / "pictures.json").write_text("{")
    found = runs.offered()
    assert found["digits"] == DIGITS and found["mnist"].count == 60_000 and "broken" not in found


def test_a_name_is_free_of_models_and_of_folders_of_runs(database: Database, tmp_path: Path) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)  # a run under way, not a model yet
    jobs = Jobs(database)
    assert runs.submit(jobs, config_of(), person="", name="mine", tensorboard=False).name == "mine-2"
    assert runs.submit(jobs, config_of(seed=1), person="", name="mnist-2d", tensorboard=False).name == "mnist-2d-2"


def test_the_length_of_a_run_comes_from_the_last_of_its_kind(database: Database) -> None:
    jobs, presence = Jobs(database), Presence(database)
    epochs = config_of(epochs=50, seconds=0.0)
    assert "will be known" in runs.length(epochs, DIGITS, jobs, presence)
    presence.worker_beat("cpu", 1)
    presence.keep_rates("cpu", {"small": 0.01, "mlp": 0.011, "conv": 0.1})
    assert "About 6 s" in runs.length(epochs, DIGITS, jobs, presence)  # 50 epochs of 11 steps of 0.01 s
    jobs.submit(config_of(), person="")
    jobs.beat(jobs.claim("cpu"), progress={"elapsed": 10.0, "epoch": 5.0}, facts={"images": 1_437})
    assert "About 2 min" in runs.length(epochs, DIGITS, jobs, presence)
    assert "About 60 s, roughly 30 epochs;" in runs.length(config_of(), DIGITS, jobs, presence)
    assert "roughly 510 epochs;" in runs.length(config_of(seconds=1_023), DIGITS, jobs, presence)
    assert "roughly 1.5 epochs;" in runs.length(config_of(seconds=3), DIGITS, jobs, presence)


def test_runs_that_do_not_compare_are_refused_with_both_names(database: Database) -> None:
    jobs = Jobs(database)
    one = runs.submit(jobs, config_of(), person="", name="one", tensorboard=False)
    like = runs.submit(jobs, config_of(beta=4.0), person="", name="like", tensorboard=False)
    grey = ModelConfig((1, 8, 8), 2, hidden=(16,), likelihood="gaussian")
    unlike = Config(grey, TrainingConfig("digits", binarisation="none"))
    other = runs.submit(jobs, unlike, person="", name="other", tensorboard=False)
    fitting, refused = runs.beside(one, [like, other])
    assert [job.name for job in fitting] == ["like"]
    assert len(refused) == 1 and "other is not shown beside one" in refused[0] and "nats" in refused[0]


def test_runs_that_an_address_asks_for_are_found_and_nonsense_is_a_sentence(database: Database) -> None:
    jobs = Jobs(database)
    one, *others = [runs.submit(jobs, config_of(seed=n), person=str(n), name="", tensorboard=False) for n in range(7)]
    for _ in range(6):
        jobs.claim("cpu")
    begun, waits = [job.id for job in others[:5]], others[5].id
    assert {job.id for job in runs.comparable(jobs, one)} == set(begun)
    assert runs.asked_for(jobs, one, "") == ([], [])
    chosen, said = runs.asked_for(jobs, one, f"{begun[2]},{begun[0]},{begun[2]},")
    assert [job.id for job in chosen] == [begun[2], begun[0]] and not said
    assert len(runs.asked_for(jobs, one, ",".join(begun))[0]) == runs.MOST_BESIDE
    for text in (waits, one.id, "nothing", "<script>", "x" * 5_000, ",".join([*begun, *"abc"])):
        chosen, said = runs.asked_for(jobs, one, text)
        assert len(chosen) <= runs.MOST_BESIDE and said and all(len(each) < 160 for each in said)


def test_the_model_of_a_run_that_is_forgotten_keeps_its_owner(database: Database, tmp_path: Path) -> None:
    jobs, me = Jobs(database), "a" * 32
    job = runs.submit(jobs, config_of(), person=me, name="mine", tensorboard=False)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "models" / "mine" / CONFIG_FILE).write_text("{}")
    assert owners_of_models() == {"mine": me}
    jobs.ask(job.id, "stop", person=me)
    with pytest.raises(JobError, match="View only"):
        runs.forget(jobs, job, "b" * 32)
    runs.forget(jobs, job, "b" * 32, local=True)
    assert jobs.all() == [] and owners_of_models() == {"mine": me}


@pytest.mark.parametrize(
    ("state", "progress", "text"),
    [
        ("queued", {}, "waiting"),
        ("running", {"fraction": 0.25, "elbo": -100.0}, "training 25 % · training ELBO −100.0 nats"),
        ("done", {"fraction": 1.0, "elbo": -1.0, "heldout_elbo": -99.5}, "done · held-out ELBO −99.5 nats"),
        ("done", {"fraction": 1.0, "elbo": 0.0, "heldout_elbo": 12.5}, "done · held-out ELBO 12.5 nats"),
        ("done", {"fraction": 1.0, "elbo": 0.0, "heldout_elbo": -12345.6}, "done · held-out ELBO −12,345.6 nats"),
    ],
)
def test_where_a_run_stands(database: Database, state: str, progress: dict[str, float], text: str) -> None:
    job: Job = runs.submit(Jobs(database), config_of(), person="", name="", tensorboard=False)
    assert runs.standing(dataclasses.replace(job, state=state, progress=progress)) == text
