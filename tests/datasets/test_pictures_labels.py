"""Labels and columns: tables of every make laid beside pictures, and the names of folders."""

from __future__ import annotations

import math

import pytest
import torch

from explorer.datasets import DatasetError
from explorer.datasets.pictures import (
    Match,
    TableError,
    folder_levels,
    folder_split,
    label_by_folder,
    label_by_table,
    label_columns,
    match,
    no_labels,
    read_table,
)
from explorer.datasets.pictures.labelling import labels
from explorer.datasets.pictures.labelling.folders import split_of

NAMES = ("a.png", "b.png", "c.jpg")


def matched(text: str | bytes, names=NAMES) -> Match:
    content = text if isinstance(text, bytes) else text.encode()
    found = match(read_table("labels.csv", content), names)
    assert found is not None
    return found


def values(text: str | bytes, column: str, names=NAMES) -> list[str | None]:
    found = matched(text, names)
    return found.cells(found.header.index(column))


def said(text: str | bytes, names=NAMES) -> str:
    return " ".join(matched(text, names).remarks)


# Tables


@pytest.mark.parametrize(
    ("content", "remark"),
    [
        ("file,é\na.png,ü\n".encode(), ""),
        ("file,é\na.png,ü\n".encode("utf-8-sig"), ""),
        ("file,é\na.png,ü\n".encode("utf-16"), ""),
        ("file,é\na.png,ü\n".encode("latin-1"), "read as Windows-1252"),
        ("file;é\na.png;ü\n".encode(), "separated by semicolons"),
        ("file\té\na.png\tü\n".encode(), "separated by tabs"),
        ("file,é\r\na.png,ü\r\n\r\n\r\n".encode(), ""),
        ('"file","é"\n"a.png","ü"\n'.encode(), ""),
        (" file , é \n a.png , ü \n".encode(), ""),
        ("file,e\u0301\na.png,u\u0308".encode(), ""),
    ],
)
def test_encodings_and_separators(content: bytes, remark: str) -> None:
    assert values(content, "é")[0] == "ü"
    table = read_table("t.csv", content)
    assert (remark in " ".join(table.remarks)) and (bool(remark) == bool(table.remarks))


def test_the_mark_at_the_start_of_a_file_is_no_part_of_its_header() -> None:
    assert matched('"file","x"\na.png,1\n'.encode("utf-8-sig")).header == ("file", "x")


def test_a_separator_within_quotes_separates_nothing() -> None:
    assert values('file;note\na.png;"x, y, z"\nb.png;"u;v"\n', "note") == ["x, y, z", "u;v", None]


def test_rows_of_other_lengths_are_filled_and_said() -> None:
    text = "file,x,y\na.png,1\nb.png,2,3,4\nc.jpg,5,6\n"
    assert values(text, "y") == ["", "3", "6"]
    assert "2 rows have more or fewer cells" in said(text)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"file,x\n", "empty"),
        (b"\n\n\n", "empty"),
        (b"\x89PNG\0\0", "not text"),
        (b"\xff\xfea", "UTF-16"),
        (b'file,x\na.png,"' + b"x" * 200_000, "quotes do not end"),
        (b"file,x\n" + b"a.png,1\n" * 200_001, "more than the 200,000 rows"),
    ],
)
def test_what_is_no_table_is_told(content: bytes, words: str) -> None:
    with pytest.raises(TableError, match=words):
        read_table("t.csv", content)


def test_columns_without_end_are_cut_and_said() -> None:
    text = ",".join(["file"] + [f"c{number}" for number in range(500)]) + "\na.png" + ",1" * 500 + "\n"
    found = matched(text)
    assert len(found.header) == 100 and "first 100 of its 501 columns" in " ".join(found.remarks)


def test_columns_of_one_name_or_none_are_told_apart() -> None:
    assert matched("file,x,x,,x\na.png,1,2,3,4\n").header == ("file", "x", "x (again)", "column 4", "x (again) (again)")


def test_control_characters_do_not_come_through() -> None:
    assert values('file,x\na.png,"one\x1b[31m\ntwo\u202e"\n', "x")[0] == "one[31mtwo"


# Which row belongs to which picture


@pytest.mark.parametrize(
    "text",
    ["file,x\na.png,1\n", "x,whatever\n1,a.png\n", "a.png,1\nother,2\n", "x,file\n1,A.PNG\n", "file,x\na,1\n",
     "file,x\n./a.png,1\n", "file,x\n some/where/else.png,0\n a.png,1\n"],
)  # fmt: skip
def test_the_column_that_names_the_pictures_is_found(text: str) -> None:
    found = matched(text)
    assert found.rows[0] is not None and "1" in found.rows[0] and found.rows[1:] == (None, None)


def test_of_columns_that_name_as_many_the_header_decides() -> None:
    assert matched("note,file\na.png,a.png\nb.png,b.png\n").file_column == 1
    assert matched("note,file\na.png,x\nb.png,b.png\n").file_column == 0  # the values weigh more


def test_paths_are_matched_from_their_end_and_never_guessed() -> None:
    names = ("set/cat/1.png", "set/dog/1.png", "set/dog/2.png")
    text = "file,x\ncat/1.png,a\n1.png,b\nset\\dog\\1.png,c\n2,d\n"
    assert values(text, "x", names) == ["a", "c", "d"]
    assert "1 row fits several pictures" in said(text, names) and "“1.png”" in said(text, names)


def test_a_whole_name_goes_before_a_name_without_its_ending() -> None:
    names = ("a.png", "a.png.png", "b/a")
    assert values("file,x\na.png,1\na.png.png,2\nb/a,3\n", "x", names) == ["1", "2", "3"]


def test_two_pictures_of_one_name_take_no_row() -> None:
    assert "several pictures" in said("file,x\na.png,1\nb.png,2\n", ("a.png", "a.png", "b.png"))


def test_unknown_double_and_missing_names_are_said() -> None:
    text = "file,x\na.png,1\na.png,2\nnone.png,3\n"
    assert values(text, "x") == ["1", None, None]
    remarks = said(text)
    assert "names a picture named before; the first row counts (“a.png”)" in remarks
    assert "names no picture that is used" in remarks and "“none.png”" in remarks
    assert "2 pictures have no row in the table" in remarks


def test_without_a_header_columns_are_numbered() -> None:
    found = matched("a.png,1\nb.png,2\n")
    assert found.header == ("column 1", "column 2") and "no header" in " ".join(found.remarks)
    assert found.cells(1) == ["1", "2", None]


def test_a_table_of_other_things_matches_nothing() -> None:
    assert match(read_table("t.csv", b"x,y\n1,2\n"), NAMES) is None


# Labels and columns


def test_labels_from_a_column_and_the_others_as_they_are() -> None:
    text = "file,kind,weight,colour\na.png,cat,1.5,red\nb.png,dog,-2e3,\nc.jpg,cat,,blue\n"
    done = label_by_table(matched(text), "kind")
    assert done.classes == ("cat", "dog") and done.labels.tolist() == [0, 1, 0] and done.labels.dtype == torch.int64
    weight, colour = done.columns["weight"], done.columns["colour"]
    assert weight.values.dtype == torch.float64 and weight.values[:2].tolist() == [1.5, -2000.0]
    assert math.isnan(weight.values[2]) and weight.categories is None
    assert colour.values.tolist() == [1, -1, 0] and colour.categories == ("blue", "red")
    assert set(done.columns) == {"weight", "colour"}


@pytest.mark.parametrize("cell", ["1_000", "inf", "0x10", "1,5", "١", "1 2"])
def test_what_is_no_number_is_text(cell: str) -> None:
    column = label_by_table(matched(f'file,x\na.png,"{cell}"\n'), None).columns["x"]
    assert column.categories == (cell,)


def test_numbers_as_people_write_them() -> None:
    column = label_by_table(matched("file;x\na.png;1,5\nb.png;NA\nc.jpg; +.5e1 \n"), None).columns["x"]
    assert column.values[0] == 1.5 and column.values[2] == 5 and math.isnan(column.values[1])
    beyond = label_by_table(matched("file,x\na.png,1e999\nb.png,1\n"), None).columns["x"]
    assert math.isnan(beyond.values[0]) and beyond.values[1] == 1


def test_pictures_without_a_label_are_a_class_of_their_own() -> None:
    done = label_by_table(matched("file,kind\na.png,cat\nb.png,\n"), "kind")
    assert done.classes == ("cat", "unlabelled") and done.labels.tolist() == [0, 1, 1]
    assert "2 without a value in “kind”" in " ".join(done.remarks)


def test_classes_are_in_the_order_of_people() -> None:
    names = [f"{number}.png" for number in range(12)]
    text = "file,kind\n" + "".join(f"{number}.png,type {number}\n" for number in range(12))
    assert label_by_table(matched(text, names), "kind").classes == tuple(f"type {number}" for number in range(12))


def test_too_many_classes_are_refused_and_words_of_any_number_are_kept() -> None:
    names = [f"{number}.png" for number in range(1_500)]
    text = "file,id,all\n" + "".join(f"{number}.png,x{number},same\n" for number in range(1_500))
    found = matched(text, names)
    with pytest.raises(DatasetError, match=r"1,500 different values in “id”; labels may have 200"):
        label_by_table(found, "id")
    done = label_by_table(found, "all")
    assert len(done.columns["id"].categories) == 1_500 and done.columns["id"].values.tolist() == list(range(1_500))
    assert label_columns(found) == ["all"]
    with pytest.raises(DatasetError, match="no column"):
        label_by_table(found, "other")
    with pytest.raises(DatasetError, match="no column"):
        label_by_table(found, "file")


def test_the_likeliest_column_of_labels_comes_first() -> None:
    assert label_columns(matched("file,weight,colour,label\na.png,1,red,x\nb.png,2,blue,y\n"))[0] == "label"
    assert label_columns(matched("file,weight,colour\na.png,1,red\nb.png,2,blue\n")) == ["colour", "weight"]


def test_texts_beyond_all_bounds_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MOST_TEXT", 10)
    done = label_by_table(matched("file,x,y,z\na.png,12 letters !,few,1\n"), None)
    assert set(done.columns) == {"y", "z"} and "“x” holds too much text" in " ".join(done.remarks)


# Folders


def levels_of(*folders: str, each: int = 6) -> list[list[str]]:
    """The names on each level that is offered, the best first."""
    return [sorted(level.different) for level in folder_levels([f"{f}/{n}.png" for f in folders for n in range(each)])]


@pytest.mark.parametrize(
    ("folders", "offered"),
    [
        (("train/disc/images", "train/square/images"), [["disc", "square"]]),
        (("train/disc/images", "train/square/images", "test/disc/images", "test/square/images"), [["disc", "square"]]),
        (("disc/train", "disc/val", "square/train", "square/val"), [["disc", "square"]]),
        (("disc/2020", "disc/2021", "square/2020", "square/2021"), [["disc", "square"], ["2020", "2021"]]),
        (("2020/disc", "2021/disc", "2020/square", "2021/square"), [["disc", "square"], ["2020", "2021"]]),
        (("cat/images", "cat/masks", "dog/images", "dog/masks"), [["cat", "dog"], ["images", "masks"]]),
        (("cat/case 1", "cat/case 2", "dog/case 3"), [["cat", "dog"], ["case 1", "case 2", "case 3"]]),
        (("0", "1", "7"), [["0", "1", "7"]]),
        (("train/cat", "test/dog/images"), [["cat", "dog"], ["cat", "images"], ["dog", "train"]]),
        (("all",), []),
        (("train", "test"), []),
        (("train_images2017", "val_images2017"), []),
        (("my/holiday/png", "my/holiday/jpeg"), [["jpeg", "png"]]),
    ],
)  # fmt: skip
def test_levels_that_part_the_pictures_are_offered_the_best_first(folders, offered) -> None:
    assert levels_of(*folders) == offered


def test_a_folder_for_each_picture_is_no_class() -> None:
    assert levels_of(*(f"scan {number}" for number in range(30)), each=1) == []
    assert levels_of(*(f"{number}" for number in range(201)), each=2) == []


def test_labels_from_folders_and_other_levels_as_columns() -> None:
    names = [f"top/{kind}/{year}/{n}.png" for kind in ("cat", "dog") for year in ("2020", "2021") for n in range(3)]
    levels = folder_levels([*names, "c.png"])
    done = label_by_folder(levels, levels[0])
    assert done.classes == ("cat", "dog", "unlabelled") and done.labels.tolist() == [0] * 6 + [1] * 6 + [2]
    assert "1 in no folder" in " ".join(done.remarks)
    assert done.columns["folder 3"].categories == ("2020", "2021")
    assert done.columns["folder 3"].values.tolist() == [0, 0, 0, 1, 1, 1] * 2 + [-1]


@pytest.mark.parametrize(
    ("words", "test"),
    [
        (("train", "test", "val"), [False, True, False]),
        (("Training", "Validation", "Training"), [False, True, False]),
        (("train_set", "test-images", "train2017"), [False, True, False]),
        (("train", "train", "train"), None),
        (("cat", "test", "train"), None),
        (("val", "test", "test"), None),
        (("train", None, "test"), None),
    ],
)
def test_a_split_is_known_by_its_words(words, test) -> None:
    found = split_of(words)
    assert (None if found is None else found.tolist()) == test
    if None not in words:
        split = folder_split([f"{word}/cat/{n}.png" for n, word in enumerate(words)])
        assert (None if split is None else split[1].tolist()) == test


def test_without_labels_there_is_one_class() -> None:
    assert no_labels(3).classes == ("unlabelled",) and no_labels(3).labels.tolist() == [0, 0, 0]
