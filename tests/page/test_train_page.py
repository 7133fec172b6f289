"""The Train page without a browser: whatever is asked for, people read sentences and lose nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import Database, Jobs
from explorer.jobs.training.table import SHARE
from explorer.page import session
from tests.helpers.places import PAGES

PAGE = PAGES / "train.py"


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "data"))
    return Jobs(Database(tmp_path / "data"))


def train(**query: str) -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=60)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def said(page: AppTest) -> str:
    text = " ".join(element.value for element in [*page.error, *page.warning, *page.info])
    assert "Traceback" not in text
    return text.replace("\\", "")


def press(page: AppTest) -> None:
    next(button for button in page.button if button.label == "Train").click().run()
    assert not page.exception


def config_of(seed: int = 0) -> Config:
    return Config(ModelConfig((1, 8, 8), 3, hidden=(16,)), TrainingConfig("digits", seed=seed, beta=2.0))


def test_one_click_starts_a_run_with_sane_defaults(jobs: Jobs) -> None:
    page = train()
    press(page)
    (job,) = jobs.all()
    assert job.config.training.dataset == "mnist" and job.config.training.seconds == 60 and job.config.model.latent == 2
    assert job.id in page.query_params["job"]


def test_a_copy_starts_from_the_settings_of_its_origin(jobs: Jobs) -> None:
    origin = jobs.submit(config_of(7), person="x")
    page = train(like=origin.id)
    press(page)
    copy = next(job for job in jobs.all() if job.id != origin.id)
    assert copy.config == origin.config and copy.name != origin.name


def test_a_data_set_named_in_the_address_is_chosen_and_one_that_is_gone_is_said(jobs: Jobs) -> None:
    chosen = next(box for box in train(dataset="digits").selectbox if box.label == "Data set")
    assert chosen.value == "digits"
    assert "holiday are not on this machine" in said(train(dataset="holiday"))


def test_a_full_queue_is_said_and_the_settings_stay(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "person", lambda: "a" * 32)
    for seed in range(SHARE.of_one):
        jobs.submit(config_of(seed), person="a" * 32)
    page = train(dataset="digits")
    next(box for box in page.number_input if box.label == "Seed").set_value(99).run()
    press(page)
    assert "stop one of them" in said(page)
    assert next(box for box in page.number_input if box.label == "Seed").value == 99
    assert len(jobs.all()) == SHARE.of_one


@pytest.mark.parametrize("query", [{"job": "x"}, {"like": "../.."}, {"job": "<img src=x>"}])
def test_addresses_that_lead_nowhere_are_sentences(jobs: Jobs, query: dict[str, str]) -> None:
    page = train(**query)
    assert "There is no run" in said(page)
    page.button[-1].click().run()
    assert any(button.label == "Train" for button in page.button)


def test_a_data_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "file" / "data"))
    assert "cannot be written" in said(train()) and "EXPLORER_DATA" in said(train())


def test_runs_say_whose_they_are_and_the_local_visitor_deletes_any(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "person", lambda: "a" * 32)
    local = [False]
    monkeypatch.setattr(session, "visitor_is_local", lambda: local[0])
    jobs.submit(config_of(), person="a" * 32, name="mine")
    theirs = jobs.submit(config_of(), person="b" * 32, name="theirs")
    captions = " ".join(caption.value for caption in train().caption).replace("\\", "")
    assert "yours · digits" in captions and "started by someone else · digits" in captions
    jobs.ask(theirs.id, "stop", person="b" * 32)
    keys = [{button.key for button in train(job=theirs.id).button} for local[0] in (False, True)]
    assert [f"delete {theirs.id}" in found for found in keys] == [False, True]


def test_names_from_others_are_shown_to_the_letter(jobs: Jobs) -> None:
    jobs.submit(config_of(), person="somebody", name="**bold** [link](http://x)")
    assert jobs.all()[0].name == "bold-link-http-x"
    assert any("bold-link-http-x" in button.label for button in train().button)


def test_runs_that_begin_later_can_be_compared_and_the_address_brings_them_back(jobs: Jobs) -> None:
    first = jobs.submit(config_of(1), person="a", name="first")
    jobs.claim("cpu")
    page = train(job=first.id)
    assert page.multiselect[0].disabled and "No other run" in page.multiselect[0].proto.placeholder
    second = jobs.submit(config_of(2), person="b", name="second")
    jobs.claim("cpu")
    page.run()  # as the fragment does by itself
    page.multiselect[0].set_value([second.id]).run()
    assert page.query_params["compare"] in (second.id, [second.id]) and beside(page) == ["second"]
    again = train(job=first.id, compare=second.id)
    assert again.multiselect[0].value == [second.id] and beside(again) == ["second"]
    again.multiselect[0].set_value([]).run()
    assert "compare" not in again.query_params and beside(again) == []
    odd = train(job=first.id, compare=f"<script>,{second.id},{first.id}")
    assert beside(odd) == ["second"] and "no run “<script>”" in told(odd)["refused"][0]


def told(page: AppTest) -> dict:
    """What the view of the run is given."""
    (component,) = [element for element in page.main if element.type == "bidi_component"]
    return json.loads(component.proto.json)[0]


def beside(page: AppTest) -> list[str]:
    assert not page.exception
    return [other["name"] for other in told(page)["compare"]]
