"""The Explore page without a browser: whatever the address or the folders hold, people read sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.checkpoint import catalogue as registry
from explorer.page.session import to_the_letter
from tests.helpers.places import PAGES
from tests.helpers.spaces import save_digits

PAGE = PAGES / "explore.py"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own models, and none that came with the project."""
    monkeypatch.setattr(registry, "PRETRAINED", tmp_path / "none")
    monkeypatch.setenv("EXPLORER_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def explore(**query: str) -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=30)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def told(page: AppTest) -> dict[str, Any]:
    """What the map is given."""
    (component,) = [element for element in page.main if element.type == "bidi_component"]
    return json.loads(component.proto.json)[0]


def said(page: AppTest) -> str:
    text = " ".join(element.value for element in [*page.error, *page.info])
    assert "Traceback" not in text
    return text.replace("\\", "")


def test_a_link_is_what_the_map_starts_from(home: Path) -> None:
    save_digits(home / "a"), save_digits(home / "b", seed=1)
    page = explore(model="b", image="5", mode="point", at="0.1,-0.2", hide="3", engine="server")
    data = told(page)
    assert data["manifest"]["name"] == "b" and data["notices"] == [] and not page.error
    assert data["state"] == {"image": 5, "mode": "point", "u": [0.1, -0.2], "sigma": None, "layers": [],
                             "hidden": [3], "engine": "server", "drawn": None, "zoom": False, "tab": None,
                             "map": None, "base": None, "colour": None, "shade": None, "near": None, "view": None,
                             "way": None, "stops": None, "plot": None, "look": None, "sort": None,
                             "picked": None}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [
    ("model", "nothing"), ("model", "../b"), ("image", "99999"), ("at", "nan,inf"), ("at", "1e9,0"), ("at", "1"),
    ("scale", "0,0"), ("scale", "-1,1"), ("mode", "elbo"), ("engine", "foo"), ("hide", "99,abc"), ("layers", "x"),
    ("points", "x"), ("model", "x" * 5_000), ("at", "1" * 5_000), ("mode", "<script>alert(1)</script>"),
])  # fmt: skip
def test_a_bad_address_shows_the_map_and_one_notice(home: Path, name: str, value: str) -> None:
    save_digits(home / "a")
    page = explore(**{name: value})
    data = told(page)
    assert len(data["notices"]) == 1 and data["manifest"]["name"] == "a" and not page.error
    assert data["state"]["image"] == 0 and data["state"]["u"] is None and data["state"]["sigma"] is None


def test_without_any_model_the_page_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "explorer train" in said(explore())
    monkeypatch.setenv("EXPLORER_MODELS", str(home / "nowhere"))
    assert "explorer train" in said(explore(model="a"))


@pytest.mark.parametrize("damage", ["config.json", "model.safetensors"])
def test_a_damaged_model_is_said_to_be_so_and_others_can_be_chosen(home: Path, damage: str) -> None:
    save_digits(home / "a"), save_digits(home / "b", seed=1)
    (home / "a" / damage).write_bytes(b"\0" * 64)
    page = explore()
    sentence = said(page)
    assert "a cannot be opened" in sentence and damage in sentence and str(home) not in sentence
    page.selectbox[0].select_index(1).run()
    assert told(page)["manifest"]["name"] == "b" and not page.error


def test_missing_data_and_missing_gallery_are_said(home: Path) -> None:
    save_digits(home / "a", dataset="nowhere")
    assert "nowhere" in said(explore())


def test_a_model_for_other_images_is_said_to_be_so(home: Path) -> None:
    save_digits(home / "a", dataset="mnist")
    assert "28" in said(explore())


def test_words_of_a_file_are_shown_to_the_letter(home: Path) -> None:
    save_digits(home / "a", dataset="![x](https://evil.example/x.png) :red[y] <b>$z$")
    (shown,) = [element.value for element in explore().error]
    assert "!\\[x\\]\\(" in shown and "\\:red\\[" in shown and "\\<b\\>\\$" in shown
    assert to_the_letter("a-b.c") == "a\\-b\\.c"
    assert to_the_letter("\ud800é") == "\\?é"  # what no message can hold would break the page for everybody


@pytest.mark.parametrize("name", ["with spaces", "üñí ☃", "qu'o\"te", "a*b[c]", "%2e%2e", "-rf", "x" * 200, "$(id)"])
def test_folders_of_any_name_open(home: Path, name: str) -> None:
    save_digits(home / name)
    assert told(explore(model=name))["manifest"]["name"] == name


def test_odd_folders_are_passed_over(home: Path, tmp_path: Path) -> None:
    save_digits(home / "a"), (home / "empty").mkdir(), (home / "file").touch()
    (home / "loop").symlink_to(home / "loop"), (home / "gone").symlink_to(home / "nowhere")
    (home / "linked").symlink_to(save_digits(tmp_path / "elsewhere", seed=2))
    (home / "folder" / "config.json").mkdir(parents=True)
    assert told(explore())["manifest"]["name"] == "a"
    assert told(explore(model="linked"))["manifest"]["name"] == "linked"
    explore(model="folder")


def test_a_chooser_reads_files_that_hold_nonsense(home: Path) -> None:
    infinite = '{"model": {"latent": 1e999}, "training": {"dataset": "x"}}'
    for index, text in enumerate(["[]", "{", '{"model": [], "training": 3}', infinite, "[" * 100_000]):
        (home / str(index)).mkdir()
        (home / str(index) / "config.json").write_text(text)
    assert "0 cannot be opened" in said(explore())


def test_the_projects_own_model_wins_over_ones_own_of_the_same_name(home: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "PRETRAINED", tmp_path / "pretrained")
    save_digits(tmp_path / "pretrained" / "same", seed=3), save_digits(home / "same"), save_digits(home / "own")
    page = explore(model="same")
    assert len(page.selectbox[0].options) == 2
    assert registry.models()["same"] == tmp_path / "pretrained" / "same"
