"""Names of files and columns of a person's own pictures: kept with the set, shown, taken away and brought back."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from explorer.checkpoint.maps import fit_count, map_key
from explorer.checkpoint.weights import load_checkpoint, save_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.datasets import DatasetError, load_dataset
from explorer.datasets.pictures import (
    label_sources,
    labelled,
    load,
    load_files,
    origin_of,
    read_files,
    read_pictures,
    read_table,
    save_pictures,
)
from explorer.files.formulas import marked, to_csv, unmarked
from explorer.models import build
from explorer.projection import UmapSettings
from explorer.serving import routes as served
from explorer.serving.latents_page.selections import exports
from explorer.serving.latents_page.selections.exports import export_of
from explorer.serving.latents_page.selections.zip_names import ZipNames
from explorer.serving.latents_page.tables.brought import columns_in, names_taken_away
from explorer.serving.latents_page.tables.own_files import OwnFiles
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import SPACES, Space, open_space
from explorer.serving.space.state import BadState
from tests.helpers.picture_files import encoded, noise, solid
from tests.serving.latents.asking import keep_map, packed

COUNT = 40
FILES = [f"{'abc'[n % 3]}/{'IMG' if n % 2 else 'img'}_{n // 2}.{'jpg' if n % 2 else 'png'}" for n in range(COUNT)]
NAMES = {FILES[n]: f"=person({n})" for n in range(COUNT)}


def reading(tables: dict[str, str], files: list[str] = FILES, channels: int | None = 3):
    entries = [(name, text.encode()) for name, text in tables.items()]
    entries += [(name, noise(n, 12)) for n, name in enumerate(files)]
    return read_pictures(read_files([(name, io.BytesIO(content)) for name, content in entries]), 28, channels)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path_factory.getbasetemp() / "own-rows"))
    return tmp_path_factory.getbasetemp() / "own-rows" / "pictures"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a set that has two tables, a file that holds many texts, and names of ours as columns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_DATA", str(tmp_path_factory.getbasetemp() / "own-rows"))
        load._load.cache_clear()
        people = "".join(f"{file},{n % 2},{NAMES[file]},{30 + n},{-n}\n" for n, file in enumerate(FILES))
        scores = "".join(f"{file},{n / 8},x{n}\n" for n, file in enumerate(FILES[:-4]))
        tables = {"people.csv": "file,sex,name,age,kl\n" + people, "scores.csv": "path,score,split\n" + scores}
        read = reading(tables)
        save_pictures("own", read, labelled(read, label_sources(read)[0], "sex"))
    config = Config(
        ModelConfig((3, 28, 28), 3, hidden=(8,), activation="tanh", likelihood="discretised-logistic"),
        TrainingConfig("own", binarisation="none"),
    )
    place = tmp_path_factory.mktemp("models") / "own"
    save_checkpoint(place, build(config.model, seed=0), config)
    return place


def space_of(folder: Path, points: str = "all") -> Space:
    return SPACES.get(str(folder), points)


def truth() -> pandas.DataFrame:
    """What each picture came with, by its file."""
    n = np.arange(COUNT)
    score = np.where(n < COUNT - 4, n / 8, np.nan)
    frame = pandas.DataFrame({"file": FILES, "name": [NAMES[file] for file in FILES], "age": 30 + n, "kl_": -n})
    return frame.assign(score=score, split_=[f"x{k}" if k < COUNT - 4 else "" for k in n]).set_index("file")


# Kept with the set


def test_files_and_columns_of_every_table_stay_with_the_set(folder: Path) -> None:
    want = truth().rename(columns={"kl_": "kl", "split_": "split"})
    train, test = load_files("own")
    assert sorted(train + test) == sorted(FILES) and len(test) == 4
    for split, files in (("train", train), ("test", test)):
        dataset = load_dataset("own", split)
        assert dataset.files == files and set(dataset.columns) == set(want)
        assert dataset.columns["age"].tolist() == want["age"][list(files)].tolist()
        names = [dataset.categories["name"][at] for at in dataset.columns["name"]]
        assert names == [NAMES[file] for file in files]


def test_a_set_of_before_has_no_names_and_opens(home: Path) -> None:
    read = reading({})
    place = save_pictures("before", read, labelled(read, label_sources(read)[-1]))
    sha256 = load_dataset("before").sha256
    index = json.loads((place / "pictures.json").read_text())
    del index["files_sha256"]
    (place / "pictures.json").write_text(json.dumps({**index, "version": 1}))
    (place / "files.json").unlink()
    load._load.cache_clear()
    dataset = load_dataset("before")
    assert dataset.files == () and dataset.sha256 == sha256 and load_files("before") == ((), ())


@pytest.mark.parametrize("change", ["[]", "{", '["a"]', "[" * 9_000, None])
def test_damaged_names_are_said(home: Path, change: str | None) -> None:
    read = reading({})
    place = save_pictures(f"damaged-{abs(hash(change)) % 10**9}", read, labelled(read, label_sources(read)[-1]))
    if change is None:
        (place / "files.json").unlink()
    else:
        (place / "files.json").write_text(change)
    with pytest.raises(DatasetError, match=r"files\.json is not as it was written|cannot be read"):
        load_dataset(place.name)


def test_long_and_unprintable_names_are_bounded(home: Path) -> None:
    files = [f"{'d' * 250}/{'e' * 100}/{n:03}\u202e\x07.png" for n in range(20)]
    read = reading({}, files)
    save_pictures("long", read, labelled(read, label_sources(read)[-1]))
    kept = [name for part in load_files("long") for name in part]
    assert all(len(name) == 300 and name.isprintable() and name.endswith("\ufffd\ufffd.png") for name in kept)
    assert len(set(kept)) == 20


# Shown


def test_sheets_and_columns_hold_what_each_picture_came_with(folder: Path) -> None:
    space, want = space_of(folder), truth().rename(columns={"kl_": "kl", "split_": "split"})
    own = describe(space)["own"]
    assert own["files"] and own["columns"] == ["name", "age", "kl", "score", "split"]
    with TestClient(Starlette(routes=served.routes())) as client:
        answer = client.get(own["url"].format(sheet=0))
        assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
        sheet = answer.json()
        assert client.get(own["url"].format(sheet=1)).status_code == 404
        binary = client.get(describe(space)["column"].format(name="own-1")).content
        words = client.get(describe(space)["column"].format(name="own-0")).content
        assert client.get(describe(space)["column"].format(name="own-5")).status_code == 404
    assert sheet["files"] == list(space.own.files) and space.test_count == 4
    want = want.loc[sheet["files"]]
    for name, cells in zip(own["columns"], sheet["columns"], strict=True):
        assert [cell or "" for cell in cells] == ["" if cell != cell else cell or "" for cell in want[name]]
    length = int.from_bytes(binary[:4], "little")
    assert np.frombuffer(binary, "<f4", offset=4 + length).tolist() == want["age"].tolist()
    length = int.from_bytes(words[:4], "little")
    kinds, at = json.loads(words[4 : 4 + length])["kinds"], np.frombuffer(words, "<f4", offset=4 + length)
    assert [kinds[int(k)] for k in at] == want["name"].tolist()


def test_a_space_is_named_by_its_files_too_and_others_have_none(folder: Path, home: Path) -> None:
    before = open_space(load_checkpoint(folder), "a")
    path = home / "own" / "files.json"
    index = home / "own" / "pictures.json"
    kept = path.read_bytes(), index.read_text()
    try:
        other = json.dumps([f"{name}x" for name in json.loads(kept[0])]).encode()
        path.write_bytes(other)
        import hashlib

        facts = json.loads(kept[1]) | {"files_sha256": hashlib.sha256(other).hexdigest()}
        index.write_text(json.dumps(facts))
        assert open_space(load_checkpoint(folder), "a").key != before.key
    finally:
        path.write_bytes(kept[0]), index.write_text(kept[1])
    assert describe(SPACES.get("mnist-2d"))["own"] is None


# Taken away


def test_every_format_holds_file_split_and_all_columns(folder: Path) -> None:
    space, want = space_of(folder), truth()
    csv = pandas.read_csv(io.BytesIO(export_of(space, {"format": "csv", "rows": None}, "")), keep_default_na=False)
    parquet = pandas.read_parquet(io.BytesIO(export_of(space, {"format": "parquet", "rows": None}, "")))
    arrays = np.load(io.BytesIO(export_of(space, {"format": "npz", "rows": None}, "")))
    files = list(space.own.files)
    split = ["test"] * 4 + ["train"] * (COUNT - 4)
    for found in (csv, parquet, arrays):
        assert list(found["file"]) == files and list(found["split"]) == split
        assert list(found["split_index"]) == [*range(4), *range(COUNT - 4)]
        assert list(found["age"]) == want["age"][files].tolist() and list(found["kl_"]) == want["kl_"][files].tolist()
        assert list(found["split_"]) == want["split_"][files].tolist()
    assert list(csv["name"]) == [f"'{NAMES[file]}" for file in files]  # what a spreadsheet would compute
    assert list(parquet["name"]) == list(arrays["name"]) == [NAMES[file] for file in files]
    np.testing.assert_array_equal(parquet["score"].to_numpy(float), want["score"][files])
    assert str(parquet["age"].dtype).lower() == "int64" and b",30," in export_of(
        space, {"format": "csv", "rows": None}, ""
    )


def test_a_zip_of_images_is_read_again_with_names_labels_and_columns(folder: Path) -> None:
    space = space_of(folder)
    content = export_of(space, {"format": "zip", "rows": None}, "")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.namelist()
        first = np.asarray(Image.open(io.BytesIO(archive.read(entries[0]))))
    assert np.array_equal(first, space.latents.images[0].permute(1, 2, 0).numpy())
    for entry, file in zip(entries, space.own.files, strict=False):
        assert Path(entry).suffix == ".png" and entry.startswith(file.rpartition(".")[0])
    assert len({entry.casefold() for entry in entries}) == COUNT + 2 == len(entries)  # labels.csv, columns.csv
    again = read_pictures(read_files([("back.zip", io.BytesIO(content))]), 28, 3)
    back = labelled(again, label_sources(again)[0], "label")
    labels = {file: space.latents.classes[label] for file, label in zip(entries, space.latents.labels, strict=False)}
    assert [back.classes[label] for label in back.labels] == [labels[name] for name in again.names]
    people = back.columns["name"]
    want = dict(zip(entries, [NAMES[file] for file in space.own.files], strict=False))
    assert [people.categories[at] for at in people.values] == [want[name] for name in again.names]


def test_names_in_a_zip_are_safe_and_no_two_alike() -> None:
    given = ZipNames(["labels.csv"])
    odd = [
        *("../../etc/passwd", "/abs/x.jpg", "C:\\evil\\x.png", "a/./b//c.jpg", "con/nul.png", "COM1", "a..  /b. .png"),
        *("x.png", "X.PNG", "x.jpg", "x", "x.png/y.jpg", "labels.csv/z.png", "", "..", "bell\x07\u202egnp.exe"),
        *("/".join(["d" * 200] * 30) + "/" + "n" * 400, "ß.png", "SS.png", "a/b/c.gif"),
    ]
    names = [given.name(name, ".png") for name in odd]
    folders = {"/".join(name.split("/")[: k + 1]).casefold() for name in names for k in range(name.count("/"))}
    assert len({name.casefold() for name in names} | {"labels.csv"}) == len(names) + 1
    assert not folders & ({name.casefold() for name in names} | {"labels.csv"})
    for name in names:
        parts = name.split("/")
        assert name.endswith(".png") and len(name) < 400 and not name.startswith("/")
        assert all(part not in ("", ".", "..") and part == part.strip() and part[-1] != "." for part in parts)
        assert not set('<>:"|?*\\\x07\u202e') & set(name)
        assert not {part.split(".")[0].lower() for part in parts} & {"con", "nul", "com1"}


# Brought


@pytest.mark.parametrize("points", ["test", "all"])
def test_columns_are_joined_by_the_names_of_files(folder: Path, points: str) -> None:
    space = space_of(folder, points)
    shuffled = np.random.default_rng(0).permutation(COUNT)
    csv = to_csv([["image", "weight"], *([FILES[n], int(n) + 100] for n in shuffled)])
    others = () if points == "all" else load_files("own")[0]
    found = columns_in(read_table("t.csv", csv.encode()), len(space.latents), OwnFiles(space.own.files, others))
    assert found["columns"] == [{"name": "weight", "values": [FILES.index(file) + 100.0 for file in space.own.files]}]
    assert ("not on the map" in " ".join(found["remarks"])) == (points == "test")


def test_an_export_brought_back_is_joined_by_file_in_any_view(folder: Path) -> None:
    space, shown = space_of(folder), space_of(folder, "test")
    lines = export_of(space, {"format": "csv", "rows": None}, "").decode().splitlines()
    csv = "\n".join([f"{lines[0]},mine", *(f"{line},{n}" for n, line in enumerate(lines[1:]))][::-1])
    csv = "\n".join([csv.splitlines()[-1], *csv.splitlines()[:-1]])  # rows turned round, the header first
    known = names_taken_away(space).values()
    for view, others in ((space, ()), (shown, load_files("own")[0])):
        found = columns_in(
            read_table("t.csv", csv.encode()), len(view.latents), OwnFiles(view.own.files, others), known
        )
        assert found["columns"] == [{"name": "mine", "values": [float(n) for n in range(len(view.latents))]}]


def test_numbers_of_images_are_no_names_of_files() -> None:
    own = OwnFiles(tuple(f"{n}.png" for n in (2, 0, 1)))
    by_index = read_table("t.csv", b"index,v\n0,7\n1,8\n2,9\n")
    assert columns_in(by_index, 3, own)["columns"][0]["values"] == [7, 8, 9]
    in_order = read_table("t.csv", b"v,w\n0,7\n0,8\n5,9\n")  # as many rows as images
    assert columns_in(in_order, 3, own)["columns"][0]["values"] == [0, 0, 5]
    by_file = read_table("t.csv", b"file,v\n0.png,7\n1.png,8\n2.png,9\n")
    assert columns_in(by_file, 3, own)["columns"][0]["values"] == [9, 7, 8]
    with pytest.raises(BadState, match="none of the pictures on the map"):
        columns_in(read_table("t.csv", b"file,v\nx.png,1\ny.png,2\n"), 3, OwnFiles(("a.png",), ("x.png", "y.png")))


# Formulas


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=1+1", "'=1+1"), ("+x", "'+x"), ("@SUM(A1)", "'@SUM(A1)"), ("-cmd|'/c calc'!A1", "'-cmd|'/c calc'!A1")]
    + [("\t=1", "'\t=1"), ("\n=1", "'\n=1"), ("'=1", "''=1"), (" =1", "' =1"), ("＝1", "'＝1"), ("''-x", "'''-x")]
    + [(plain, plain) for plain in ("-5", "-1.5e-3", "+7", "'tis", "a=b", "", "x", "−5", "'")],
)  # fmt: skip
def test_a_cell_is_marked_on_the_way_out_and_comes_back(text: str, cell: str) -> None:
    assert marked(text) == cell and unmarked(cell) == text
    back = read_table("t.csv", to_csv([["a", "b"], [text, 1], ["x", 2]]).encode()).rows[1][0]
    assert back == "".join(letter for letter in text.strip() if letter.isprintable()).strip()


def test_a_carriage_return_breaks_no_row() -> None:
    assert to_csv([["a", "b"], ["x\r=1\r\ny", -2]]) == 'a,b\n"x\n=1\ny",-2\n' and marked("\r=1") == "'\n=1"


def test_headers_and_classes_are_marked_too_and_numbers_are_not(folder: Path, monkeypatch) -> None:
    space = space_of(folder)
    own = [{"name": "=evil()", "values": [0] * COUNT, "kinds": ["@x"]}, {"name": "n", "values": [-1.5] * COUNT}]
    monkeypatch.setattr(exports, "_kept", lambda *_: own)
    header, row, *_ = export_of(space, {"format": "csv", "rows": None}, "").decode().splitlines()
    assert header.endswith(",'=evil(),n") and row.endswith(",'@x,-1.5")


# Colour and names to start from


def grey(n: int) -> bytes:
    return encoded(Image.open(io.BytesIO(noise(n, 24))).convert("L").convert("RGB"), "JPEG", quality=60)


@pytest.mark.parametrize(("coloured", "channels"), [(0, 1), (1, 1), (2, 3), (30, 3)])
def test_a_set_is_in_colour_where_colour_is(coloured: int, channels: int) -> None:
    content = [noise(n, 24) if n < coloured else grey(n) for n in range(30)]
    files = [(f"{n}.jpg", io.BytesIO(one)) for n, one in enumerate(content)]
    read = read_pictures(read_files(files), 28, None)
    plain = read_pictures(read_files(files), 28, channels)
    assert read.channels == channels and read.pictures(range(30)).shape == (30, channels, 28, 28)
    difference = read.pictures(range(30)).astype(int) - plain.pictures(range(30))
    assert abs(difference).max() <= 2  # grey before scaling or after: rounding
    assert ("colour" if channels == 3 else "grey") in read.remarks()[0]


def test_little_colour_is_colour_and_the_noise_of_jpeg_is_not() -> None:
    spot = Image.open(io.BytesIO(solid("white", (40, 40))))
    spot.paste((200, 30, 30), (0, 0, 8, 8))
    files = [(f"{n}.png", io.BytesIO(encoded(spot))) for n in range(20)]
    assert read_pictures(read_files(files), 28, None).channels == 3


@pytest.mark.parametrize(
    ("names", "origin"),
    [
        *((["IMG_1.jpg", "b.png"], ""), (["cats.zip"], "cats"), (["l.csv", "My cats.ZIP"], "My cats")),
        *((["a.zip", "b.zip"], ""), (["pets/a/1.png", "pets/b.png"], "pets"), (["a/1.png", "b/1.png"], "")),
    ],
)  # fmt: skip
def test_a_set_is_named_after_its_archive_or_folder_and_never_after_a_file(names: list[str], origin: str) -> None:
    assert origin_of(names) == origin


def test_few_test_images_are_joined_by_the_others() -> None:
    assert [fit_count(*pair) for pair in ((20, 200), (499, 4_990), (500, 5_000), (10_000, 70_000), (20, 20))] == [
        *(200, 4_990, 500, 10_000, 20)
    ]


def test_a_map_of_few_is_fitted_to_all_that_is_shown(folder: Path) -> None:
    space, few = space_of(folder), space_of(folder, "test")
    assert (space.fit_count, space.test_count, few.fit_count) == (COUNT, 4, 4)
    assert describe(space)["fitCount"] == COUNT and describe(few)["fitCount"] == 4
    with TestClient(Starlette(routes=served.routes())) as client:
        data = Path(os.environ["EXPLORER_DATA"])
        key, made = keep_map(space, data, UmapSettings(seed=3), COUNT)
        whole, part = (client.get(describe(one)["map"].format(name=key)).content for one in (space, few))
        (facts, _), (own_facts, values) = packed(whole), packed(part)
        assert (facts["fitted"], own_facts["fitted"]) == (COUNT, 4)  # one map, whichever of the points are shown
        assert np.array_equal(values[:8].reshape(4, 2), made.places[:4])
        assert map_key(few.checkpoint.model, few.latents, UmapSettings(seed=3), 4) == key
        small, _ = keep_map(few, data, UmapSettings(seed=4))
        assert client.get(describe(space)["map"].format(name=small)).status_code == 404  # of the test images alone
