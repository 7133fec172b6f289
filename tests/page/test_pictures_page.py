"""The Pictures page without a browser: upload, look, save, delete; and a sentence for all that goes wrong."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer.datasets import DatasetError, load_dataset, own_names
from explorer.datasets.pictures import store
from explorer.page import session
from tests.helpers.picture_files import BAD, deep_png, encoded, noise, zipped
from tests.helpers.places import PAGES

PAGE = PAGES / "pictures.py"
GOOD = {f"{'cat' if number % 2 else 'dog'}/{number}.png": noise(number) for number in range(24)}
EVIL = "![x](https://evil.example/x.png) <b>$z$.png"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    return tmp_path


def open_page() -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=30).run()
    assert not page.exception
    return page


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception
    return page


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader[0].set_value([(name, content, "") for name, content in files]).run()
    return press(page, "Read the pictures")


def said(page: AppTest) -> str:
    """Everything to read, as people see it."""
    parts = [*page.markdown, *page.caption, *page.error, *page.info, *page.toast]
    text = " ".join(element.value for element in parts)
    for table in page.table:
        text += " " + " ".join(map(str, table.value.to_numpy().flatten()))
    assert "Traceback" not in text
    return text.replace("\\", "").replace("**", "")


def field(page: AppTest, label: str):
    return next(element for element in [*page.text_input, *page.selectbox] if element.label == label)


def test_an_empty_page_says_what_to_do() -> None:
    page = open_page()
    assert "Choose at least 20 pictures" in said(page) and "None yet." in said(page)
    assert next(button for button in page.button if button.label == "Read the pictures").disabled


def test_pictures_are_looked_at_saved_and_deleted() -> None:
    page = upload(open_page(), ("Ma chère photo.zip", zipped(GOOD)))
    words = said(page)
    assert "24 pictures" in words and "28×28 pixels, colour" in words and "Nothing was skipped." in words
    assert "cat 12 (2 for testing)" in " ".join(words.split())
    assert "20 for training, 4 kept for testing" in words
    assert own_names() == ()  # nothing yet
    assert field(page, "Name of the set").value == "ma-chere-photo"
    page = press(page, "Save")
    assert own_names() == ("ma-chere-photo",) and "ma-chere-photo is saved." in said(page)
    assert load_dataset("ma-chere-photo").classes == ("cat", "dog")
    assert "24 pictures (20 for training, 4 for testing), 28×28, colour" in said(page)
    assert "Choose at least 20" in said(page) and not page.file_uploader[0].value  # its memory is free again
    page = press(page, "Delete it for good")
    assert own_names() == () and "is deleted" in said(page) and "None yet." in said(page)


def test_size_and_colour_are_those_chosen() -> None:
    page = open_page()
    page.segmented_control(key="size").set_value(64)
    page.segmented_control(key="colours").set_value("Colour")
    page = upload(page, *((name.replace("/", "-"), content) for name, content in GOOD.items()))
    field(page, "Name of the set").set_value("big")
    press(page, "Save")
    assert load_dataset("big").image_shape == (3, 64, 64) and load_dataset("big").classes == ("unlabelled",)


def test_all_that_was_skipped_is_said_with_its_reason_and_to_the_letter() -> None:
    bad = {name: content for name, (content, _) in BAD.items() if name != "bomb.png"}
    page = upload(open_page(), ("a.zip", zipped({**bad, EVIL: b"<html>", **GOOD})))
    words = said(page)
    assert "24 pictures" in words and f"Skipped: {len(bad) + 1}" in [expander.label for expander in page.expander]
    for name in bad:
        assert name in words and BAD[name][1] in words
    cells = [cell for table in page.table for cell in table.value.to_numpy().flatten()]
    assert any("!\\[x\\]\\(" in cell and "\\<b\\>\\$" in cell for cell in cells)


def test_a_bad_zip_loses_nothing() -> None:
    page = upload(open_page(), *((name.replace("/", "-"), content) for name, content in GOOD.items()))
    page.segmented_control(key="size").set_value(32)
    page = upload(page, ("bad.zip", zipped(GOOD)[:-40]))
    words = said(page)
    assert "bad.zip was refused." in words and "its end is missing" in words
    assert "24 pictures" in words and "28×28" in words  # what was read before is still there
    assert page.segmented_control(key="size").value == 32 and page.file_uploader[0].value


@pytest.mark.parametrize("count", [0, 1, 19])
def test_too_few_pictures_are_told(count: int) -> None:
    page = upload(open_page(), ("x.png", b"<svg/>"), *((f"{n}.png", noise(n)) for n in range(count)))
    assert "at least 20 are needed" in said(page) and "x.png: It is an SVG drawing" in said(page)


def test_labels_from_a_table_and_from_one_of_its_columns() -> None:
    rows = "".join(f"{n}.png,{'odd' if n % 2 else 'even'},{n}\n" for n in range(24))
    page = upload(open_page(), ("l.csv", b"file,<b>kind,weight\n" + rows.encode()), ("a.zip", zipped(GOOD)))
    assert "odd 12" in " ".join(said(page).split()) and "Columns kept: weight." in said(page)
    field(page, "Column with the labels").select("weight").run()
    assert "Columns kept: <b>kind." in said(page)
    field(page, "Labels from").select_index(1).run()
    assert "dog 12" in " ".join(said(page).split())
    field(page, "Labels from").select_index(2).run()
    assert "unlabelled 24" in " ".join(said(page).split())
    press(page, "Save")
    assert load_dataset("a").classes == ("unlabelled",) and set(load_dataset("a").columns) == {"<b>kind", "weight"}


@pytest.mark.parametrize(
    ("name", "words"), [("mnist", "comes with the app"), ("../x", "A name has 1 to 48"), ("", "A name")]
)
def test_a_name_that_cannot_be_is_told_and_the_preview_stays(name: str, words: str) -> None:
    page = upload(open_page(), ("a.zip", zipped(GOOD)))
    field(page, "Name of the set").set_value(name)
    page = press(page, "Save")
    assert words in said(page) and "24 pictures" in said(page) and own_names() == ()


def test_a_name_in_use_is_not_suggested_again() -> None:
    page = press(upload(open_page(), ("a.zip", zipped(GOOD))), "Save")
    page = upload(page, ("a.zip", zipped(GOOD)))
    assert field(page, "Name of the set").value == "a-2"
    press(page, "Save")
    assert own_names() == ("a", "a-2")


def test_a_full_disk_is_told_and_the_preview_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_) -> None:
        raise OSError(28, os.strerror(28))

    page = upload(open_page(), ("a.zip", zipped(GOOD)))
    monkeypatch.setattr(store, "_write", full)
    page = press(page, "Save")
    assert "No space left on device" in said(page) and "24 pictures" in said(page) and own_names() == ()


def test_range_paper_and_split_can_be_chosen_and_are_what_is_saved() -> None:
    shape = np.zeros((28, 28, 4), np.uint8)
    shape[8:20, 8:20] = 255
    clear, deep = encoded(Image.fromarray(shape)), deep_png(np.full((28, 28, 1), 4_000) * (np.arange(28) > 13)[:, None])
    files = {f"{('train', 'val')[n % 4 == 0]}/{'ab'[n % 2]}/{n}.png": (deep, clear)[n % 3 == 0] for n in range(24)}
    page = upload(open_page(), ("a.zip", zipped(files)))
    assert "stretched to 8: 0 became black, 4,000 white (12 bits)" in said(page) and "laid over black" in said(page)
    assert "18 for training, 6 kept for testing: as they came." in said(page)
    assert field(page, "Training and test").value == 0
    controls = {control.label: control for control in page.segmented_control}
    assert controls["Brightness of 16-bit pictures"].value is True
    press(page, "Save")
    assert len(load_dataset("a", "test")) == 6 and load_dataset("a").images.max() == 255
    page = upload(page, ("a.zip", zipped(files)))
    controls = {control.label: control for control in page.segmented_control}
    controls["Brightness of 16-bit pictures"].set_value(False)
    controls["Under transparent parts"].set_value("White")
    field(page, "Training and test").select_index(1)
    page.run()
    assert "which were scaled to 8." in said(page) and "laid over white" in said(page) and "black" not in said(page)
    assert "20 for training, 4 kept for testing: the same ones each time" in said(page)
    press(page, "Save")
    assert set(load_dataset("a-2").images.unique().tolist()) == {0, 16, 255}


def test_a_folder_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "visitor_is_local", lambda: True)  # AppTest's visitors come from nowhere
    place = tmp_path / "My Pictures"
    for name, content in GOOD.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    page = open_page()
    page.segmented_control(key="from").set_value("A folder of the server").run()
    page.text_input(key="place").set_value(str(place)).run()
    page = press(page, "Read the pictures")
    assert "24 pictures" in said(page) and field(page, "Name of the set").value == "my-pictures"
    page.text_input(key="place").set_value("/no/such/folder").run()
    assert "/no/such/folder is not a folder" in said(press(page, "Read the pictures"))
    page.text_input(key="place").set_value("relative").run()
    assert "A full path" in said(page)


def test_others_are_told_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "visitor_is_local", lambda: False)
    page = open_page()
    page.segmented_control(key="from").set_value("A folder of the server").run()
    assert "Only somebody who sits at the server" in said(page)
    assert not [element for element in page.text_input if element.key == "place"]


def test_sets_are_seen_by_all_and_deleted_by_their_owners(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = ["a" * 32]
    monkeypatch.setattr(session, "person", lambda: person[0])
    monkeypatch.setattr(session, "visitor_is_local", lambda: False)
    page = press(upload(open_page(), ("a.zip", zipped(GOOD))), "Save")
    assert "yours" in said(page) and "delete a" in {button.key for button in page.button}
    person[0] = "b" * 32
    stranger = open_page()
    assert "saved by someone else" in said(stranger) and "24 pictures" in said(stranger)
    assert "delete a" not in {button.key for button in stranger.button}
    press(page, "Delete it for good")  # which an open page still shows
    with pytest.raises(DatasetError, match="is not yours"):
        store.delete_pictures("a", person="b" * 32, local=False)
    assert own_names() == ("a",)
    (home / "pictures" / "a" / "owner.json").unlink()  # as sets of earlier versions are
    assert "kept no owner" in said(open_page()) and "delete a" not in {button.key for button in open_page().button}
    monkeypatch.setattr(session, "visitor_is_local", lambda: True)
    press(open_page(), "Delete it for good")
    assert own_names() == ()


def test_each_set_has_a_question_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is told apart by its place alone stays open, and asks about the next set when one is deleted."""
    monkeypatch.setattr(session, "visitor_is_local", lambda: True)
    for name in ("a", "b"):
        page = press(upload(open_page(), (f"{name}.zip", zipped(GOOD))), "Save")
    questions, blocks = [], [page.main]
    while blocks:
        block = blocks.pop()
        blocks += getattr(block, "children", {}).values()
        questions += [block.proto.id] if block.type == "popover" else []
    assert len({*questions}) == 2 and all(questions)


def test_a_damaged_set_is_told_and_can_be_deleted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "visitor_is_local", lambda: True)
    press(upload(open_page(), ("a.zip", zipped(GOOD))), "Save")
    (home / "pictures" / "a" / "images.safetensors").write_bytes(b"x")
    page = open_page()
    assert "a are damaged" in said(page) and str(home) not in said(page)
    press(page, "Delete it for good")
    assert own_names() == ()


def test_a_set_deleted_by_somebody_else_is_told() -> None:
    page = press(upload(open_page(), ("a.zip", zipped(GOOD))), "Save")
    store.delete_pictures("a", person="", local=True)
    page = open_page()
    assert "None yet." in said(page)


def test_many_classes_and_many_skipped_files_are_not_all_drawn() -> None:
    files = {f"kind {n % 30}/{n}.png": noise(n) for n in range(60)} | {f"bad {n}.png": b"" for n in range(150)}
    page = upload(open_page(), ("a.zip", zipped(files)))
    labels = [expander.label for expander in page.expander]
    assert labels == ["All 30 classes", "Skipped: 150"] and "And 50 more." in said(page)
    classes, skipped = (table.value for table in page.table)
    assert len(classes) == 30 and len(skipped) == 100 and classes["training"].sum() + classes["test"].sum() == 60
