"""The table of runs: one claim, one click, one end, whoever asks at the same time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import Database, DatabaseFault, Job, JobError, Jobs, Presence
from explorer.jobs.training.table import MAX_DEATHS, SHARE

ME, YOU = "a" * 32, "b" * 32


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "data")


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def config_of(seed: int = 0) -> Config:
    return Config(ModelConfig((1, 8, 8), 2, hidden=(16,)), TrainingConfig("digits", seed=seed))


def submit(jobs: Jobs, seed: int = 0, person: str = ME) -> Job:
    return jobs.submit(config_of(seed), person=person)


def test_a_job_comes_back_as_it_was_put_in(jobs: Jobs) -> None:
    job = jobs.submit(config_of(3), person=ME, name="Ünser Model!", tensorboard=True)
    assert jobs.get(job.id) == job
    assert (job.name, job.state, job.config, job.tensorboard) == ("unser-model", "queued", config_of(3), True)


def test_a_double_click_starts_one_job_and_other_settings_another(jobs: Jobs) -> None:
    assert submit(jobs).id == submit(jobs).id
    assert submit(jobs).id != submit(jobs, seed=1).id
    assert submit(jobs).id != submit(jobs, person=YOU).id


def test_clicks_at_the_same_instant_start_one_job(database: Database) -> None:
    found: list[str] = []
    barrier = threading.Barrier(8)

    def click() -> None:
        barrier.wait()
        found.append(submit(Jobs(database)).id)

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1


def test_a_job_is_claimed_by_one_of_many_workers(database: Database) -> None:
    jobs = Jobs(database)
    wanted = [submit(jobs, seed, person=f"{seed:032x}").id for seed in range(6)]
    claimed: list[str] = []
    barrier = threading.Barrier(8)

    def work(device: str) -> None:
        barrier.wait()
        while job := Jobs(database).claim(device):
            claimed.append(job.id)

    threads = [threading.Thread(target=work, args=(f"cuda:{index}",)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(wanted)


def test_the_queue_is_first_come_first_served_and_says_its_places(jobs: Jobs) -> None:
    first, second, third = (submit(jobs, seed) for seed in range(3))
    assert [jobs.place(job) for job in (first, second, third)] == [1, 2, 3]
    assert jobs.claim("cpu").id == first.id
    assert jobs.place(jobs.get(first.id)) is None
    assert [jobs.place(jobs.get(job.id)) for job in (second, third)] == [1, 2]


def test_a_person_has_a_share_of_the_queue_and_others_have_theirs(jobs: Jobs) -> None:
    for seed in range(SHARE.of_one):
        submit(jobs, seed)
    with pytest.raises(JobError, match="stop one of them"):
        submit(jobs, SHARE.of_one)
    submit(jobs, 0, person=YOU)
    job = jobs.claim("cpu")
    jobs.settle(job, "done")
    submit(jobs, SHARE.of_one)


def test_names_are_given_once(jobs: Jobs) -> None:
    names = [submit(jobs, seed).name for seed in range(2)]
    other = jobs.submit(config_of(9), person=ME, taken={"digits-2d-3"}).name
    assert [*names, other] == ["digits-2d", "digits-2d-2", "digits-2d-4"]


def test_only_its_person_steers_a_job(jobs: Jobs) -> None:
    job = submit(jobs)
    for action in ("pause", "stop", "step"):
        with pytest.raises(JobError, match="View only"):
            jobs.ask(job.id, action, person=YOU)
    assert jobs.get(job.id) == job


def test_a_queued_job_pauses_resumes_and_stops_without_a_worker(jobs: Jobs) -> None:
    job = submit(jobs)
    assert jobs.ask(job.id, "pause", person=ME).state == "paused"
    assert jobs.claim("cpu") is None
    assert jobs.ask(job.id, "resume", person=ME).state == "queued"
    assert jobs.ask(job.id, "stop", person=ME).state == "stopped"
    with pytest.raises(JobError, match="stopped"):
        jobs.ask(job.id, "resume", person=ME)


def test_what_a_person_wants_reaches_the_worker_with_its_next_beat(jobs: Jobs) -> None:
    submit(jobs)
    job = jobs.claim("cpu")
    assert jobs.beat(job, progress={"step": 7}).wanted == "run"
    jobs.ask(job.id, "pause", person=ME)
    heard = jobs.beat(job)
    assert (heard.wanted, heard.step) == ("pause", 7)
    jobs.settle(job, "paused")
    assert jobs.get(job.id).wanted == "run"
    # Stopped while it is paused, it has learnt something: a worker makes a model of it, before all others.
    submit(jobs, seed=1)
    assert jobs.ask(job.id, "stop", person=ME).state == "queued"
    again = jobs.claim("cpu")
    assert (again.id, again.wanted, again.attempt) == (job.id, "stop", 2)


def test_slow_motion_is_a_number_of_steps_or_a_pace(jobs: Jobs) -> None:
    submit(jobs)
    job = jobs.beat(jobs.claim("cpu"), progress={"step": 10}, facts={"steps_per_epoch": 11})
    assert jobs.ask(job.id, "step", person=ME).allowed == 11
    held = jobs.ask(job.id, "step", person=ME)
    assert (held.allowed, held.pace) == (12, 0)
    assert jobs.ask(job.id, "epoch", person=ME).allowed == 23
    assert jobs.ask(job.id, "pace", person=ME, pace=5.0).pace == 5.0
    assert jobs.ask(job.id, "pace", person=ME, pace=None).pace is None
    for pace in (-1.0, 1e-9, float("nan"), 1e9):
        with pytest.raises(JobError, match="steps per second"):
            jobs.ask(job.id, "pace", person=ME, pace=pace)
    with pytest.raises(JobError, match="nothing called"):
        jobs.ask(job.id, "explode", person=ME)


def test_a_dead_workers_job_is_queued_again_and_its_ghost_is_not_heard(jobs: Jobs) -> None:
    submit(jobs)
    ghost = jobs.claim("cpu")
    jobs.orphans("cuda:0")  # another device's
    assert jobs.get(ghost.id).state == "running"
    jobs.orphans("cpu")
    taken = jobs.claim("cpu")
    assert (taken.id, taken.attempt, taken.deaths) == (ghost.id, 2, 1)
    assert jobs.beat(ghost) is None
    jobs.settle(ghost, "done")
    assert jobs.get(ghost.id).state == "running"


def test_a_job_that_kills_its_worker_again_and_again_is_given_up(jobs: Jobs) -> None:
    submit(jobs)
    for _ in range(MAX_DEATHS):
        job = jobs.claim("cpu")
        jobs.orphans("cpu")
    # The next worker is only to make a model of what was learnt; if that kills it too, nobody tries again.
    last = jobs.claim("cpu")
    assert last.wanted == "stop" and last.deaths == MAX_DEATHS
    jobs.orphans("cpu")
    job = jobs.get(job.id)
    assert job.state == "failed" and "without saying why" in job.message and jobs.claim("cpu") is None


def test_what_is_asked_while_a_pause_is_being_written_is_not_lost(jobs: Jobs) -> None:
    for action, state, wanted in (("stop", "queued", "stop"), ("resume", "queued", "run"), ("pause", "paused", "run")):
        submit(jobs, person=f"{action:0>32}")
        job = jobs.claim("cpu")
        jobs.ask(job.id, "pause", person=job.person)
        jobs.ask(job.id, action, person=job.person)
        jobs.settle(job, "paused")
        now = jobs.get(job.id)
        assert (now.state, now.wanted) == (state, wanted), action
        with jobs._open(write=True) as table:
            table.execute("DELETE FROM jobs")


def test_a_stop_stays_a_stop(jobs: Jobs) -> None:
    submit(jobs)
    job = jobs.claim("cpu")
    jobs.ask(job.id, "stop", person=ME)
    for action in ("pause", "resume", "step", "epoch", "pace"):
        with pytest.raises(JobError, match="being stopped"):
            jobs.ask(job.id, action, person=ME)
    assert jobs.get(job.id).wanted == "stop"


def test_nobody_goes_before_others_by_stopping_and_going_on(jobs: Jobs) -> None:
    first = submit(jobs)
    jobs.claim("cpu")
    mine, others = submit(jobs, seed=1), submit(jobs, person=YOU)
    jobs.ask(first.id, "pause", person=ME)
    jobs.settle(jobs.get(first.id), "paused")
    assert jobs.claim("cpu").id == mine.id
    jobs.ask(first.id, "resume", person=ME)
    assert jobs.claim("cpu").id == first.id and jobs.claim("cpu").id == others.id


def test_a_run_of_a_device_that_is_gone_is_taken_up_elsewhere(jobs: Jobs) -> None:
    job = submit(jobs)
    jobs.claim("cuda:7")
    jobs.orphans("cpu")
    assert jobs.get(job.id).state == "running"  # it may well live
    with jobs._open(write=True) as table:
        table.execute("UPDATE jobs SET beat = beat - 2000")
    jobs.orphans("cpu")
    assert jobs.claim("cpu").id == job.id


def test_who_cannot_be_told_apart_steers_nothing(jobs: Jobs) -> None:
    job = jobs.submit(config_of(), person="")
    with pytest.raises(JobError, match="cookie"):
        jobs.ask(job.id, "stop", person="")


def test_a_run_is_forgotten_by_its_person_when_it_is_over(jobs: Jobs) -> None:
    job = submit(jobs)
    with pytest.raises(JobError, match="stop it first"):
        jobs.forget(job.id, person=ME)
    jobs.ask(job.id, "stop", person=ME)
    with pytest.raises(JobError, match="View only"):
        jobs.forget(job.id, person=YOU)
    jobs.forget(job.id, person=ME)
    with pytest.raises(JobError, match="no run"):
        jobs.get(job.id)


def test_who_sits_at_the_machine_steers_and_forgets_any_run(jobs: Jobs) -> None:
    job = submit(jobs)
    assert jobs.ask(job.id, "pause", person=YOU, local=True).state == "paused"
    assert jobs.ask(job.id, "stop", person="", local=True).state == "stopped"
    jobs.forget(job.id, person=YOU, local=True)
    assert jobs.all() == []


def test_owners_are_known_of_every_run_however_old(jobs: Jobs) -> None:
    first = submit(jobs)
    with jobs._open(write=True) as table:
        columns = [row["name"] for row in table.execute("PRAGMA table_info(jobs)")]
        copied = ", ".join({"id": "?", "name": "?", "created": "created + 1"}.get(name, name) for name in columns)
        values = [(f"{number:08x}", f"run-{number}") for number in range(300)]
        table.executemany(f"INSERT INTO jobs SELECT {copied} FROM jobs WHERE name = '{first.name}'", values)
    assert first.name not in {job.name for job in jobs.all()}  # not among the newest
    assert jobs.owners()[first.name] == ME and len(jobs.owners()) == 301


def test_visits_without_cookies_share_one_share_in_each_network(jobs: Jobs) -> None:
    for seed in range(SHARE.of_one):
        jobs.submit(config_of(seed), person="", network="here")
    with pytest.raises(JobError, match="stop one of them"):
        jobs.submit(config_of(9), person="", network="here")
    assert jobs.submit(config_of(9), person="", network="there").state == "queued"
    assert jobs.submit(config_of(9), person=ME, network="here").state == "queued"


def test_twenty_two_words_of_one_network_leave_half_the_queue_to_others(jobs: Jobs) -> None:
    taken = 0
    for person in range(45):
        for seed in range(SHARE.of_one):
            try:
                jobs.submit(config_of(seed), person=f"{person:032x}", network="flood")
                taken += 1
            except JobError as error:
                assert "try again" in str(error) or "stop one" in str(error)
        if person == 21:
            assert taken < 60  # of 200
    assert taken <= SHARE.of_network
    assert jobs.submit(config_of(), person=ME, network="elsewhere").state == "queued"


def test_a_row_of_another_version_hides_nothing_and_stops_nobody(jobs: Jobs) -> None:
    odd, other = submit(jobs), submit(jobs, seed=1)
    with jobs._open(write=True) as table:
        table.execute("UPDATE jobs SET config = '{\"format\": 9}' WHERE id = ?", (odd.id,))
    assert [job.id for job in jobs.all()] == [other.id]
    with pytest.raises(JobError, match="cannot be read"):
        jobs.get(odd.id)
    assert jobs.claim("cpu").id == other.id and jobs.claim("cpu") is None


def test_a_data_folder_that_is_emptied_or_damaged_is_a_sentence_or_made_anew(database: Database, jobs: Jobs) -> None:
    submit(jobs)
    for path in database.data_dir.iterdir():
        path.unlink()
    assert jobs.all() == []
    for path in database.data_dir.iterdir():
        path.unlink()
    database.path.write_bytes(b"no database" * 500)
    with pytest.raises(DatabaseFault, match="is damaged") as caught:
        jobs.all()
    assert caught.value.kind == "damaged" and database.path.read_bytes() == b"no database" * 500


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match="cannot be written"):
        Database(tmp_path / "file" / "data")
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(JobError, match="is damaged"):
        Database(tmp_path)


def test_an_unknown_job_is_said_in_a_sentence(jobs: Jobs) -> None:
    with pytest.raises(JobError, match="no run"):
        jobs.get("../../etc")


def test_presence_tells_who_is_there(database: Database) -> None:
    presence = Presence(database)
    assert presence.workers() == {} and not presence.is_served(60) and presence.rates() is None
    presence.worker_beat("cpu", 4_711)
    presence.server_beat(1)
    pid, silent = presence.workers()["cpu"]
    assert pid == 4_711 and silent < 5 and presence.is_served(60)
    rates = {"small": 0.01, "mlp": 0.1, "conv": 0.5}
    presence.keep_rates("cpu", rates)
    assert presence.rates() == rates
    presence.worker_gone("cpu")
    assert presence.workers()["cpu"][1] > 1e6
