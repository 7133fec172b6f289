"""What a page that watches a run is told, and what its buttons may do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import Database, Job, Jobs
from explorer.jobs.training.snapshots import FOLDER
from explorer.serving.http.tail import Tails
from explorer.serving.routes import routes
from explorer.serving.train_page.routes import describe_run
from explorer.training import METRICS_FILE
from tests.helpers.people import come_as, mark

ME, YOU = "me", "you"


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    return Jobs(Database(tmp_path))


@pytest.fixture
def job(jobs: Jobs) -> Job:
    config = Config(ModelConfig((1, 8, 8), 2, hidden=(16,)), TrainingConfig("digits"))
    return jobs.submit(config, person=mark(ME))


def visitor(person: str | None = ME) -> TestClient:
    client = TestClient(Starlette(routes=routes()))
    come_as(client, person or "")
    return client


def order(job: Job, body: object, person: str | None = ME):
    return visitor(person).post(f"/explorer/jobs/{job.id}/control", json=body)


def test_a_job_is_described_to_its_person_and_to_others(job: Job) -> None:
    mine = visitor().get(f"/explorer/jobs/{job.id}").json()
    assert (mine["state"], mine["mine"], mine["place"], mine["model"]) == ("queued", True, 1, None)
    assert mine["config"]["training"]["dataset"] == "digits"
    theirs = visitor(YOU).get(f"/explorer/jobs/{job.id}").json()
    assert not theirs["mine"] and theirs["orders"] == [] != mine["orders"]
    assert {**theirs, "mine": True, "orders": mine["orders"]} == mine
    assert mark(ME) not in json.dumps(mine)  # who it is stays with the server


def test_the_curve_and_the_snapshots_come_piece_by_piece(jobs: Jobs, job: Job, tmp_path: Path) -> None:
    jobs.claim("cpu")
    folder = tmp_path / "models" / job.name
    (folder / FOLDER).mkdir(parents=True)
    rows = [{"step": step, "elbo": -100.0 + step} for step in range(1, 6)]
    (folder / METRICS_FILE).write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 6, "el')
    index = [{"step": step, "epoch": 0.1, "elapsed": 1.0} for step in (0, 3)]
    (folder / FOLDER / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in index))
    (folder / FOLDER / "3.bin").write_bytes(b"123")
    client = visitor()
    live = f"/explorer/jobs/{job.id}/live"
    first = client.get(live).json()
    assert first["reset"] and first["metrics"] == rows and [row["step"] for row in first["snapshots"]] == [0, 3]
    later = client.get(f"{live}?attempt=1&metrics=4&snapshots=1").json()
    assert not later["reset"] and later["metrics"] == rows[4:]
    assert [(row["index"], row["step"]) for row in later["snapshots"]] == [(1, 3)]
    answer = client.get(later["snapshots"][0]["url"])
    assert answer.content == b"123" and "immutable" in answer.headers["cache-control"]
    # A run that was taken up again may have dropped rows: everything is sent anew.
    assert client.get(f"{live}?attempt=0&metrics=4&snapshots=1").json()["metrics"] == rows
    for query in ("attempt=1&metrics=99&snapshots=99", "attempt=1&metrics=-1", "attempt=x&metrics=1e9"):
        assert client.get(f"{live}?{query}").status_code == 200


def test_buttons_obey_their_person_alone(jobs: Jobs, job: Job) -> None:
    for person in (YOU, None):
        answer = order(job, {"action": "stop"}, person)
        word = "View only" if person else "cookie"
        assert answer.status_code == 409 and word in answer.json()["error"]
    assert jobs.get(job.id).state == "queued"
    assert order(job, {"action": "stop"}).json()["state"] == "stopped"
    again = order(job, {"action": "pause"})
    assert again.status_code == 409 and "nothing to pause" in again.json()["error"]


@pytest.mark.parametrize("body", [None, [], 3, {}, {"action": 3}, {"action": "pace", "pace": "fast"}, {"pace": True}])
def test_what_is_no_order_is_refused_with_a_sentence(job: Job, body: object) -> None:
    answer = order(job, body)
    assert answer.status_code in (400, 409) and answer.json()["error"].endswith(".")


def test_orders_that_are_no_json_are_refused(job: Job) -> None:
    post, address = visitor().post, f"/explorer/jobs/{job.id}/control"
    assert post(address, content=b"{").status_code == 400
    assert post(address, content=b"[" * 1_000).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "x",
        "x/live",
        "x/heldout.bin",
        "x/snapshot/1-1.bin",
        "..%2f..",
        "x/snapshot/a-1.bin",
        f"x/snapshot/{9:9>5000}-1.bin",
    ],
)
def test_unknown_addresses_are_404(jobs: Jobs, path: str) -> None:
    assert visitor().get(f"/explorer/jobs/{path}").status_code == 404


def test_a_run_that_nobody_began_has_no_files(job: Job) -> None:
    client = visitor()
    live = client.get(f"/explorer/jobs/{job.id}/live").json()
    assert live["metrics"] == [] and live["snapshots"] == []
    assert client.get(f"/explorer/jobs/{job.id}/heldout.bin").status_code == 404


def test_the_view_is_told_what_lies_beside_and_why_not(job: Job) -> None:
    told = describe_run(job, [job], ["because"])
    assert told["compare"][0]["base"] == f"explorer/jobs/{job.id}" and told["refused"] == ["because"]


def test_a_file_that_grows_is_read_once_and_one_written_anew_from_the_start(tmp_path: Path) -> None:
    tails, path = Tails(limit=2), tmp_path / "a"
    assert tails.rows(path) == []
    path.write_text('{"a": 1}\n{"a"')
    assert tails.rows(path) == [{"a": 1}]
    with path.open("a") as file:
        file.write(': 2}\nbroken\n{"a": 3}\n')
    assert tails.rows(path) == [{"a": 1}, {"a": 2}, {"a": 3}]
    (tmp_path / "b").write_text('{"b": 1}\n')
    (tmp_path / "b").replace(path)
    assert tails.rows(path) == [{"b": 1}]
    for name in "xyz":
        tails.rows(tmp_path / name)
    assert tails.rows(path) == [{"b": 1}]
