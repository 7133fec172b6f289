"""Selections taken away and tables brought: what comes out is what is shown; a sentence for what cannot be used."""

from __future__ import annotations

import base64
import io
import json
import shutil
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from explorer.checkpoint.gaps import save_gaps
from explorer.inference.gaps.survey import Survey
from explorer.projection import UmapSettings
from explorer.serving.latents_page.selections import exports
from explorer.serving.latents_page.tables import brought as tables
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import SPACES, Space
from explorer.serving.visitors.person import network_mark
from tests.helpers.people import come_as, mark
from tests.serving.latents.asking import keep_map, post

# Selections


def bits(rows: list[int], count: int) -> str:
    mask = np.zeros(count, np.uint8)
    mask[rows] = 1
    return base64.b64encode(np.packbits(mask).tobytes()).decode()


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch):
    """Columns that are kept, whoever asks for them."""

    def kept(columns: list[dict[str, Any]]) -> list[str]:
        monkeypatch.setattr(exports, "kept_table", lambda *_: {"columns": columns, "remarks": []})
        return [column["name"] for column in columns]

    return kept


def test_a_selection_is_taken_away_in_every_format(client: TestClient, space: Space, keep) -> None:
    n, rows = len(space.latents), [2, 3, 299]
    brought = [
        {"name": "z", "values": list(range(n))},
        {"name": "file", "values": [i % 2 for i in range(n)], "kinds": ["a", "b"]},
    ]
    state = {"rows": bits(rows, n), "map": "axes-3-1", "columns": keep(brought)}
    csv = pandas.read_csv(io.BytesIO(post(client, space, "export", {**state, "format": "csv"})))
    parquet = pandas.read_parquet(io.BytesIO(post(client, space, "export", {**state, "format": "parquet"})))
    assert csv["index"].tolist() == parquet["index"].tolist() == rows
    np.testing.assert_allclose(csv[["z_1", "z_2", "z_3"]], space.latents.loc.numpy()[rows], rtol=1e-6)
    np.testing.assert_allclose(parquet[["map_1", "map_2"]], space.latents.loc.numpy()[rows][:, [2, 0]], rtol=1e-6)
    assert csv["z"].tolist() == rows and csv["file"].tolist() == ["a" if row % 2 == 0 else "b" for row in rows]
    assert {"kl", "elbo", "reconstruction"} <= set(csv) and "gap" not in csv
    arrays = np.load(io.BytesIO(post(client, space, "export", {**state, "format": "npz"})))
    assert np.array_equal(arrays["images"], space.latents.images.numpy()[rows])
    assert np.array_equal(arrays["loc"], space.latents.loc.numpy()[rows]) and arrays["file"].dtype.kind == "U"
    assert np.array_equal(arrays["labels"], space.latents.labels.numpy()[rows])
    with zipfile.ZipFile(io.BytesIO(post(client, space, "export", {**state, "format": "zip"}))) as folder:
        names = folder.namelist()
        assert names[-2:] == ["columns.csv", "labels.csv"] and len(names) == 5
        first = np.asarray(Image.open(io.BytesIO(folder.read(names[0]))))
    assert np.array_equal(first, space.latents.images[2, 0].numpy())
    everything = pandas.read_csv(io.BytesIO(post(client, space, "export", {"format": "csv", "rows": None})))
    assert len(everything) == n


def entries(text: bytes | str) -> dict[str, dict[str, Any]]:
    """A dictionary of columns, by name."""
    read = pandas.read_csv(io.StringIO(text if isinstance(text, str) else text.decode()), keep_default_na=False)
    assert list(read) == ["column", "meaning", "unit", "rows_known"] and read["column"].is_unique
    return {row["column"]: row for row in read.to_dict("records")}


def test_every_column_that_is_taken_away_stands_in_a_dictionary(
    client: TestClient, space: Space, data: Path, keep
) -> None:
    n, rows = len(space.latents), [2, 3, 299]
    key, _ = keep_map(space, data, UmapSettings(seed=41))
    odd = [None, *range(1, n)]
    brought = [{"name": "kl", "values": odd}, {"name": "my column", "values": [0] * n, "kinds": ["=word"]}]
    state = {"rows": bits(rows, n), "map": f"umap-{key}", "columns": keep(brought)}

    def take(format_: str) -> bytes:
        return post(client, space, "export", {**state, "format": format_})

    told = entries(take("columns.csv"))
    csv = pandas.read_csv(io.BytesIO(take("csv")))
    assert list(told) == list(csv) and all(entry["meaning"].endswith(".") for entry in told.values())
    assert {name: entry["rows_known"] for name, entry in told.items()} == csv.notna().sum().to_dict()
    nats = {name for name, entry in told.items() if entry["unit"] == "nats"}
    assert nats == {"kl", "reconstruction", "elbo"}  # none of its own column of that name
    page = json.loads(take("columns.json"))
    assert [entry["name"] for entry in page] == list(csv) and page[0]["meaning"] == told["index"]["meaning"]
    schema = pyarrow.parquet.read_schema(io.BytesIO(take("parquet")))
    assert {field.name: field.metadata[b"meaning"].decode() for field in schema} == {
        name: entry["meaning"] for name, entry in told.items()
    }
    with np.load(io.BytesIO(take("npz"))) as arrays:
        assert set(entries(arrays["columns.csv"])) == set(arrays.files) - {"columns.csv"}
    with zipfile.ZipFile(io.BytesIO(take("zip"))) as folder:
        labels = pandas.read_csv(io.BytesIO(folder.read("labels.csv")))
        assert list(entries(folder.read("columns.csv"))) == list(labels)


def test_what_would_fill_the_memory_is_a_sentence(
    client: TestClient, space: Space, keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = len(space.latents)
    a_row = 8 * 8 + 2 * 3 * 4  # its image and its latents; labels and terms come on top
    words = keep([{"name": f"word {at}", "values": [0] * n, "kinds": ["w" * 60]} for at in range(30)])
    few = {"format": "npz", "rows": bits([1, 2], n)}

    def refused(limit: int, state: dict[str, Any]) -> str:
        monkeypatch.setattr(exports, "MOST_BYTES", limit)
        return post(client, space, "export", state, 400)

    assert "select fewer points, or take CSV" in refused(n * a_row - 1, {"format": "npz", "rows": None})
    assert post(client, space, "export", few) and post(client, space, "export", {"format": "csv", "rows": None})
    assert "MB can be taken away" in refused(10_000, {**few, "columns": words})  # 30 words of 240 bytes in two rows
    assert post(client, space, "export", {**few, "columns": words[:10]})
    assert refused(n * 24 - 1, {"format": "csv", "rows": None}).endswith("select fewer points.")


def test_words_are_as_wide_as_those_that_are_selected(client: TestClient, space: Space, keep) -> None:
    own = [{"name": "word", "values": [1, *[0] * (len(space.latents) - 1)], "kinds": ["ab", "w" * 60]}]
    state = {"format": "npz", "rows": bits([3, 4], len(space.latents)), "columns": keep(own)}
    arrays = np.load(io.BytesIO(post(client, space, "export", state)))
    assert arrays["word"].tolist() == ["ab", "ab"] and arrays["word"].dtype == np.dtype("<U2")
    assert arrays["class"].tolist() == [space.latents.classes[label] for label in arrays["labels"]]


def test_a_selection_on_a_fitted_map_takes_its_trust_along(client: TestClient, space: Space, data: Path) -> None:
    key, made = keep_map(space, data, UmapSettings(seed=41))
    state = {"format": "csv", "rows": bits([4, 7], len(space.latents)), "map": f"umap-{key}"}
    csv = pandas.read_csv(io.BytesIO(post(client, space, "export", state)))
    np.testing.assert_allclose(csv["trustworthiness"], made.trustworthiness[[4, 7]], rtol=1e-6)
    np.testing.assert_allclose(csv["continuity"], made.continuity[[4, 7]], rtol=1e-6)
    np.testing.assert_allclose(csv[["map_1", "map_2"]], made.places.numpy()[[4, 7]], rtol=1e-6)
    text = post(client, space, "export", {**state, "map": None}).decode()
    assert "trustworthiness" not in text and "map_1" not in text and "elbo" in text
    for none in ("umap-" + "0" * 16, "umap-../config", "axes-1-9", "images-1-1-1", 5):
        assert "no map of this name" in post(client, space, "export", {**state, "map": none}, 400)


def test_the_terms_of_surveyed_images_add_up(client: TestClient, space: Space, folder: Path, tmp_path: Path) -> None:
    twin_folder = Path(shutil.copytree(folder, tmp_path / "twin"))
    k, generator = 30, torch.Generator().manual_seed(0)
    numbers = [torch.rand(k, generator=generator) for _ in range(5)]
    survey = Survey(-20 + numbers[0], numbers[1], -25 + numbers[2], numbers[3], numbers[4], torch.ones(k))
    x = space.latents.observed(slice(0, k))
    save_gaps(twin_folder, space.checkpoint.model, x, survey, binarisation="fixed", made="by hand")
    twin = SPACES.get(str(twin_folder))
    csv = pandas.read_csv(io.BytesIO(post(client, twin, "export", {"format": "csv", "rows": None})))
    np.testing.assert_allclose(csv["log_evidence"] - csv["elbo"], csv["gap"], atol=1e-5)
    np.testing.assert_allclose(csv["reconstruction"] - csv["kl"], csv["elbo"], atol=1e-5)
    assert (csv["elbo_draws"] == np.where(np.arange(len(csv)) < k, 0, 8)).all()
    assert csv["gap"].notna().sum() == k and csv["elbo"].notna().all()
    told = entries(post(client, twin, "export", {"format": "columns.csv", "rows": None}))
    assert told["gap"]["rows_known"] == told["log_evidence"]["rows_known"] == k
    assert "by hand" in told["log_evidence"]["meaning"] and told["gap"]["unit"] == "nats"
    plain = pandas.read_csv(io.BytesIO(post(client, space, "export", {"format": "csv", "rows": None})))
    assert "log_evidence" not in plain and (plain["elbo_draws"] == 8).all()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"format": "xls"}, "format must be"),
        ({"rows": "AAAA"}, "one bit for each"),
        ({"rows": "%"}, "not base64"),
        ({"rows": None, "map": "AAAA"}, "no map of this name"),
        ({"rows": None, "columns": ["a"]}, "The column a is not kept here: bring its table again"),
        ({"rows": None, "columns": [{"name": "a"}]}, "not kept here"),
        ({"rows": None, "columns": ["short"]}, "as many values"),
        ({"rows": None, "columns": ["odd"]}, "a name and values"),
        ({"rows": None, "columns": 5}, "a list of up to"),
        ({"rows": None, "columns": ["a"] * 31}, "a list of up to 30"),
        ({"format": []}, "format must be"),
    ],
)
def test_bad_exports_are_sentences(client: TestClient, space: Space, keep, state: Any, said: str) -> None:
    keep([{"name": "short", "values": [1]}, {"name": "odd"}])
    assert said in post(client, space, "export", {"format": "csv", **state}, 400)


def test_own_columns_take_no_name_of_ours(client: TestClient, space: Space, keep) -> None:
    n = len(space.latents)
    names = ("z_1", "images", "labels", "z_99", "a b", "a/b", "=1+1")
    own = keep([{"name": name, "values": [at] * (n - 1) + [10**400]} for at, name in enumerate(names)])
    csv = pandas.read_csv(io.BytesIO(post(client, space, "export", {"format": "csv", "rows": None, "columns": own})))
    np.testing.assert_allclose(csv["z_1"], space.latents.loc.numpy()[:, 0], rtol=1e-6)
    assert (csv["z_1_"][:-1] == 0).all() and np.isnan(csv["z_1_"].iloc[-1])
    arrays = np.load(io.BytesIO(post(client, space, "export", {"format": "npz", "rows": None, "columns": own})))
    assert np.array_equal(arrays["images"], space.latents.images.numpy())
    assert np.array_equal(arrays["labels"], space.latents.labels.numpy())
    assert [arrays[name][0] for name in ("z_1_", "images_", "labels_", "z_99", "a_b", "a_b_")] == [0, 1, 2, 3, 4, 5]


def test_a_selection_of_nothing_is_a_sentence(client: TestClient, space: Space) -> None:
    empty = {"format": "csv", "rows": bits([], len(space.latents))}
    assert "Nothing is selected" in post(client, space, "export", empty, 400)


# Tables


def test_columns_come_back_by_row_or_by_index_and_stay(client: TestClient, space: Space) -> None:
    n = len(space.latents)
    come_as(client, "ab")
    by_row = "score;kind\n" + "\n".join(f"{i},5;{'even' if i % 2 == 0 else 'odd'}" for i in range(n))
    found = post(client, space, "table", {"csv": by_row})
    score, kind = found["columns"]
    assert score["values"][:2] == [0.5, 1.5] and kind["kinds"] == ["even", "odd"] and kind["values"][:2] == [0, 1]
    assert client.get(describe(space)["table"]).json() == found
    by_index = post(client, space, "table", {"csv": "index,score\n7,1\n2,\n"})
    (score,) = by_index["columns"]
    taken = post(client, space, "export", {"format": "csv", "rows": bits([2, 7], n), "columns": ["score"]})
    assert pandas.read_csv(io.BytesIO(taken))["score"].tolist()[1:] == [1]
    assert score["values"][7] == 1 and score["values"].count(None) == n - 1
    assert any("the others have no value" in remark for remark in by_index["remarks"])
    come_as(client, "cd")
    assert client.get(describe(space)["table"]).json()["columns"] == []  # somebody else's table
    come_as(client, "ab")
    assert post(client, space, "table", {"csv": None})["columns"] == []
    assert client.get(describe(space)["table"]).json()["columns"] == []


def test_a_table_of_somebody_without_cookies_is_nobody_elses(client: TestClient, space: Space) -> None:
    client.cookies.clear()
    found = post(client, space, "table", {"csv": "index,score\n7,1\n"})
    assert found["columns"][0]["values"][7] == 1 and "no cookies" in found["remarks"][-1]
    assert client.get(describe(space)["table"]).json()["columns"] == []
    assert post(client, space, "table", {"csv": None})["columns"] == []


def test_what_the_disk_refuses_is_said(client: TestClient, space: Space, data: Path) -> None:
    come_as(client, "ab")
    kept = data / "tables" / f"{mark('ab')}-{tables._subject(space)}~{network_mark('testclient')}.json"
    kept.mkdir(parents=True)  # neither to be replaced nor to be taken away
    found = post(client, space, "table", {"csv": "index,score\n7,1\n"})
    assert found["columns"][0]["values"][7] == 1
    assert "cannot be written" in found["remarks"][-1] and "gone when the page" in found["remarks"][-1]
    assert [*kept.parent.iterdir()] == [kept]  # nothing half written is left
    assert "kept as they were" in post(client, space, "table", {"csv": None}, 400)


def test_a_large_table_keeps_nobody_waiting_who_asks_for_less(
    client: TestClient, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read and given back in the threads for what takes long, with the person it is of."""
    found, threads = {"columns": [], "remarks": []}, []

    def seen(answer: Any) -> Callable[[str, str], Any]:
        def note(person: str, _: str) -> Any:
            threads.append((threading.current_thread().name.split("_")[0], person))
            return answer

        return note

    monkeypatch.setattr(tables, "forget_table", seen(None))
    monkeypatch.setattr(tables, "find_table", seen(None))
    come_as(client, "ab")
    assert post(client, space, "table", {"csv": None}) == client.get(describe(space)["table"]).json() == found
    assert threads == [("long", mark("ab"))] * 2


def test_columns_of_one_name_are_told_apart(client: TestClient, space: Space) -> None:
    found = post(client, space, "table", {"csv": "index,a,a\n0,1,2\n1,3,4\n"})
    assert [(column["name"], column["values"][1]) for column in found["columns"]] == [("a", 3), ("a (3)", 4)]
    long = "m" * 60
    for header in ("a,a (4),a", "a,a,a (3)", f"{long}x,{long}y,b", ",column 3,"):
        columns = post(client, space, "table", {"csv": f"index,{header}\n0,1,2,3\n"})["columns"]
        assert len({column["name"] for column in columns}) == 3
        assert [column["values"][0] for column in columns] == [1, 2, 3]
    assert "brought as text" in post(client, space, "table", {}, 400)


def test_an_export_with_a_column_more_brings_that_column_alone(client: TestClient, space: Space) -> None:
    text = post(client, space, "export", {"format": "csv", "rows": None}).decode()
    assert "nothing more" in post(client, space, "table", {"csv": text}, 400)
    header, *lines = text.splitlines()
    text = "\n".join([f"{header},mine", *(f"{line},{at}" for at, line in enumerate(lines))])
    (column,) = post(client, space, "table", {"csv": text})["columns"]
    assert column["name"] == "mine" and column["values"] == list(range(len(space.latents)))


@pytest.mark.parametrize(
    ("csv", "said"),
    [
        ("", "empty"),
        ("score\n1\n2\n", "2 rows, and the map"),
        ("index,score\n0,1\n0,2\n", "the same image"),
        ("index,score\n0,1\n99999,2\n", "Row 3"),
        ("index,score\n0.5,1\n", "Row 2"),
        ("index,score\n0,nan\n1,\n", "no number in any row"),
        ("index\n0\n", "no column to colour by"),
        ("1,2\n3,4\n", "must name its columns"),
        ("index,word\n" + "\n".join(f"{i},w{i}" for i in range(60)), "60 different words"),
        ("a\0b\n1\n", "not text"),
        ('index,score\n0,"1\n1,2\n2,3\n', "quotes do not end"),
    ],
)
def test_bad_tables_are_sentences(client: TestClient, space: Space, csv: str, said: str) -> None:
    assert said in post(client, space, "table", {"csv": csv}, 400)


@pytest.mark.parametrize("content", ["", "[" * 200_000, "5", '{"columns": []}', '{"columns": [{}], "remarks": []}',
                                     '{"columns": [{"name": "a", "values": [NaN]}], "remarks": []}'])  # fmt: skip
def test_a_kept_table_that_is_damaged_is_none(client: TestClient, space: Space, data: Path, content: str) -> None:
    come_as(client, "ab")
    post(client, space, "table", {"csv": "score\n" + "1\n" * len(space.latents)})
    (kept,) = (data / "tables").glob("*.json")
    assert client.get(describe(space)["table"]).json()["columns"]
    kept.write_text(content)
    assert client.get(describe(space)["table"]).json() == {"columns": [], "remarks": []}
    client.cookies.clear()


def test_one_stray_word_among_numbers_is_named(client: TestClient, space: Space) -> None:
    numbers = [str(k) for k in range(len(space.latents) - 1)]
    found = post(client, space, "table", {"csv": "\n".join(["score,other", *(f"{k},1" for k in numbers), "tall,1"])})
    assert any("score is left out: 'tall' is no number" in remark for remark in found["remarks"])
