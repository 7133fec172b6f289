"""The Models page without a browser: what is listed, brought and deleted, and that every fault is a sentence."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.checkpoint import catalogue as registry
from explorer.page import session
from explorer.transfer import from_zip, hub, kept_names, source_of
from tests.helpers.fake_hub import COMMIT, REPOSITORY, fake_hub
from tests.helpers.places import PAGES
from tests.helpers.strangers import packed, sound_model

PAGE = PAGES / "models.py"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No models but one's own, and a data folder of its own."""
    monkeypatch.setattr(registry, "PRETRAINED", tmp_path / "none")
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("EXPLORER_MODELS", str(tmp_path / "own"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(session, "person", lambda: "")
    monkeypatch.setattr(session, "visitor_is_local", lambda: True)
    return tmp_path


def page() -> AppTest:
    found = AppTest.from_file(str(PAGE), default_timeout=30).run()
    assert not found.exception
    return found


def said(found: AppTest) -> str:
    parts = [*found.error, *found.info, *found.success, *found.markdown, *found.caption, *found.subheader, *found.toast]
    text = "\n".join(part.value for part in parts).replace("\\", "")
    assert "Traceback" not in text
    return text


def test_without_a_model_the_page_says_what_to_do() -> None:
    text = said(page())
    assert "No models yet" in text and "Train" in text and "bring" in text


def test_numbers_that_must_not_be_compared_stand_in_different_boxes(home: Path) -> None:
    files = sound_model(home / "sound")
    config = json.loads(files["config.json"])
    config["training"]["binarisation"] = "threshold"
    from_zip(packed(files), "drawn")
    from_zip(packed({**files, "config.json": json.dumps(config).encode()}), "thresholded")
    text = said(page())
    assert "measure different things" in text and text.count("Test ELBO in nats per image") == 2
    assert "one fixed Bernoulli draw" in text and "threshold at one half" in text
    assert "−20.50**\u00a0±\u00a00.25\u00a0nats" in text and "as its files say" in text


def test_a_damaged_model_is_said_to_be_so_and_can_be_deleted(home: Path) -> None:
    brought = from_zip(packed(sound_model(home / "sound")), "mine")
    (brought.folder / "config.json").write_text("{")
    found = page()
    assert "mine cannot be opened" in said(found) and str(home) not in said(found)
    found.button(key="delete mine").click().run()
    assert not kept_names() and "mine is deleted" in said(found) and not found.exception


def test_only_ones_own_can_be_deleted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sound_model(home / "own" / "outside")
    monkeypatch.setattr(session, "person", lambda: "0" * 32)
    from_zip(packed(files), "mine", by=session.person())
    from_zip(packed(files), "theirs", by="somebody")
    keys = {button.key for button in page().button}
    assert {"delete mine", "delete theirs"} <= keys and "delete outside" not in keys
    monkeypatch.setattr(session, "visitor_is_local", lambda: False)
    found = page()
    keys = {button.key for button in found.button}
    assert "delete mine" in keys and "delete theirs" not in keys
    about = {line.split("**")[1]: line for line in said(found).splitlines() if line.startswith("**")}
    lines = said(found).splitlines()
    whose = {
        name: lines[lines.index(line) + 1] for name, line in about.items() if name in ("mine", "theirs", "outside")
    }
    assert "yours" in whose["mine"] and "brought by someone else" in whose["theirs"]
    assert "in a folder of the machine that serves" in whose["outside"]


def test_a_folder_is_brought_and_a_bad_one_is_a_sentence(home: Path) -> None:
    sound_model(home / "sound")
    found = page()
    found.text_input(key="folder").set_value(str(home / "nowhere")).run()
    found.button(key="bring folder").click().run()
    assert "not a folder" in said(found) and found.text_input(key="folder").value == str(home / "nowhere")
    found.text_input(key="folder").set_value(str(home / "sound")).run()
    found.text_input(key="folder name").set_value("mine").run()
    found.button(key="bring folder").click().run()
    assert "mine is here" in said(found) and kept_names() == {"mine"} and not found.error
    found.button(key="bring folder").click().run()
    assert "already" in said(found) and "mine-2" in said(found)


def test_a_visitor_from_elsewhere_names_no_folder_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "visitor_is_local", lambda: False)
    found = page()
    assert "only somebody who sits at the machine" in said(found) and "no token is sent" in said(found)
    assert "folder" not in {field.key for field in found.text_input}


def test_a_model_of_the_hub_is_fetched_when_asked_for_and_its_commit_shown(home: Path, monkeypatch) -> None:
    if find_spec("huggingface_hub") is None:
        pytest.skip("huggingface_hub is not installed")
    hub._hub()  # first, so that it is imported as the app does
    from huggingface_hub import constants

    with fake_hub(sound_model(home / "sound")) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{server.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        )
        found = page()
        found.text_input(key="repository").set_value("nobody/nothing").run()
        assert not server.seen  # nothing is asked before the button is pressed
        found.button(key="bring hub").click().run()
        assert "There is no nobody/nothing" in said(found)
        found.text_input(key="repository").set_value(REPOSITORY).run()
        found.button(key="bring hub").click().run()
    assert f"commit {COMMIT}" in said(found) and kept_names() == {"name"}
    assert source_of(registry.models()["name"])["asked"] == "main"


def test_a_strangers_words_are_shown_to_the_letter(home: Path) -> None:
    files = sound_model(home / "sound")
    config = json.loads(files["config.json"])
    config["training"]["dataset"] = "![x](https://evil.example/x.png) <b>$z$"
    from_zip(packed({**files, "config.json": json.dumps(config).encode()}), "mine", file_name="<b>[a](b).zip")
    shown = "\n".join(element.value for element in page().markdown)
    assert "!\\[x\\]\\(" in shown and "\\<b\\>\\$" in shown and "\\<b\\>\\[a\\]\\(b\\)" in shown
    assert "<script>" not in shown
