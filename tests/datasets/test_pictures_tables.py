"""Tables as people and spreadsheets write them: what stands around the cells, numbers, and names of pictures."""

from __future__ import annotations

import math

import pytest

from explorer.datasets.pictures import Table, label_by_table, match, read_table
from explorer.datasets.pictures.labelling import matching
from explorer.files.numbers import Cells, read_cells

ROWS = "".join(f"{number:03}.png;{('disc', 'square')[number % 2]};{20 + number}\n" for number in range(30))
HEADER = "file;label;age\n"


def table(text: str | bytes) -> Table:
    return read_table("t.csv", text if isinstance(text, bytes) else text.encode())


def column(text: str, at: int = -1) -> Cells:
    found = table(text)
    return read_cells(found, found.rows[0][at], [row[at] for row in found.rows[1:]])


# What stands before a header and between the rows


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("sep=;\n", "separated by semicolons"),
        ("\ufeffsep=;\r\n", "separated by semicolons"),
        ("Export of the clinic\n", "1 line before its header was passed over (“Export of the clinic”)"),
        ("Export of the clinic;;\n;;\n", "1 line before its header"),
        ("Date;2024-01-01\nBy;me\n\n", "2 lines before its header were passed over (“Date 2024-01-01”)"),
        ("# made by hand\n# on a Monday\n", "2 lines before its header were passed over"),
        ("\n\n", "separated by semicolons"),
    ],
)
def test_lines_before_a_header_cost_neither_columns_nor_rows(before: str, said: str) -> None:
    found = table(before + HEADER + ROWS)
    assert found.rows[0] == ["file", "label", "age"] and len(found.rows) == 31 and found.width == 3
    assert said in " ".join(found.remarks)


def test_comments_between_rows_are_passed_over_and_said() -> None:
    found = table("#file;label\na.png;x\n# a comment; of two cells\n# another\nb.png;y\n")
    assert found.rows[0] == ["file", "label"] and "1 comment was passed over" in " ".join(found.remarks)
    assert [row[0] for row in found.rows[1:]] == ["a.png", "# a comment", "b.png"]


def test_a_header_without_a_name_above_the_names_of_rows_is_none_the_less_one() -> None:
    """As R writes it."""
    found = table('"label","age"\n' + "".join(f'"{number}.png","x",{number}\n' for number in range(9)))
    assert found.rows[0] == ["", "label", "age"] and len(found.rows) == 10
    assert table("a,b\n1,2,3\n1,2,3\n").rows[0] == ["a", "b"]  # names of rows would all differ


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_empty_cells_of_a_table_of_one_column_are_rows(line_end: str) -> None:
    for empty in ('""', ""):
        cells = ["score", *(empty if number % 4 == 2 else str(number / 10) for number in range(30))]
        found = column(line_end.join(cells) + line_end)
        assert len(found.numbers) == 30 and sum(map(math.isnan, found.numbers)) == 7
    assert len(table("a\n\n1\n\n2\n\n3\n").rows) == 4  # line ends that were doubled on their way


def test_rows_of_empty_cells_stay_but_at_the_end() -> None:
    assert [row[0] for row in table("a,b\n1,2\n,\n3,4\n,\n,\n").rows] == ["a", "1", "", "3"]


def test_a_title_above_a_column_of_numbers_is_no_header() -> None:
    assert table("My scores\nscore\n" + "1\n" * 9).rows[0] == ["score"]


def test_quotes_within_cells_lose_no_table() -> None:
    found = table('file,note\na.png,"big" 5 m dog\n')
    assert found.rows[1][0] == "a.png" and found.rows[1][1] == "big 5 m dog" and "quotes" in " ".join(found.remarks)


def test_marks_that_keep_noughts_and_formulas_are_no_part_of_a_cell() -> None:
    assert table('a,b\n="007",\'=x\n').rows[1] == ["007", "=x"]


# Numbers and words


def test_none_and_na_are_words_among_words_and_nothing_among_numbers() -> None:
    words = column("i,x\n" + "".join(f"{n},{('none', 'mild', 'NA', 'nan')[n % 4]}\n" for n in range(8)))
    assert words.words == ["none", "mild", "NA", None] * 2 and "nan in 2 rows count as unknown" in words.remarks[0]
    numbers = column("i,x\n0,1\n1,none\n2,NA\n3,2\n")
    assert numbers.numbers[0::3] == [1, 2] and all(map(math.isnan, numbers.numbers[1:3]))
    assert numbers.remarks == ("“x”: none, NA in 2 rows count as unknown.",)
    assert column("i,x\n0,none\n1,none\n").words == ["none", "none"]


@pytest.mark.parametrize("word", ["inf", "-Infinity", "∞", "1e999"])
def test_one_infinite_cell_makes_no_column_words(word: str) -> None:
    found = column(f"i,x\n0,1.5\n1,{word}\n2,\n")
    assert found.numbers[0] == 1.5 and all(map(math.isnan, found.numbers[1:]))
    assert found.remarks == (f"“x”: {word} is no finite number: unknown.",)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        ("1,5;;2,25", [1.5, None, 2.25]),
        ("1,234;2,5;7", [1.234, 2.5, 7]),
        ("1,234;5,678;7", [1.234, 5.678, 7]),  # where semicolons separate and no number has a point
        ("1.234,5;2.000;3", [1234.5, 2000, 3]),
        ("1,234,567;8;9", [1_234_567, 8, 9]),
        ("1.5;2,5;3", [1.5, 2.5, 3]),
        ("1.234;2,5;3", None),  # 1.234 may be either
        ("1,5;x;2", None),
        ("1,5,5;2;3", None),
        (",;1;2", None),
    ],
)
def test_commas_stand_before_decimals_where_that_alone_makes_sense(cells: str, numbers) -> None:
    found = column("i;x\n" + "".join(f"{n};{cell}\n" for n, cell in enumerate(cells.split(";"))))
    if numbers is None:
        assert found.numbers is None
    else:
        assert [None if math.isnan(number) else number for number in found.numbers] == numbers


def test_commas_that_may_be_either_are_words_and_said() -> None:
    found = column("i\tx\n0\t1,234\n1\t5,678\n")
    assert found.numbers is None and "may stand before decimals or between thousands" in found.remarks[0]
    assert column("i\tx\ty\n0\t1,234\t0.5\n", 1).numbers == [1234.0]  # points stand before decimals beside it
    assert column('i,x\n0,"1,234"\n1,"12"\n').numbers == [1234.0, 12.0]


# The picture that a row names


def found(text: str, names: list[str]) -> tuple[list[str | None], str]:
    """The last cell of each picture's row, and the remarks."""
    matched = match(table(text), names)
    assert matched is not None
    return matched.cells(matched.table.width - 1), " ".join(matched.remarks)


@pytest.mark.parametrize(
    "root", ["/home/me/set/train/", "C:\\Users\\me\\set\\train\\", "../../train/", "file:///train/"]
)
def test_paths_of_another_machine_are_matched_by_their_end(root: str) -> None:
    names = ["train/000.png", "train/001.png", "test/000.png"]
    cells, said = found(f"x,path,age\n0,{root}000.png,20\n1,{root}001.png,21\n", names)
    assert cells == ["20", "21", None] and "by the end of their path" in said


def test_the_longest_common_end_wins_and_a_tie_is_nobody_s() -> None:
    names = ["a/0.png", "b/0.png", "c/1.png"]
    cells, said = found("path,x\n/m/a/0.png,1\n/m/b/0.png,2\n/m/c/1.png,3\n/m/d/1.png,4\n/m/d/0.png,5\n", names)
    assert cells == ["1", "2", "3"] and "2 rows fit several pictures" in said
    cells, said = found("path,x\n/m/d/1.png,4\n/m/e/1.png,5\n", ["c/1.png", "c/2.png"])
    assert cells == [None, None] and "2 rows fit several pictures, or one that others fit as well" in said


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["0", "7", "10"], ["000000.png", "000007.png", "000010.png"]),
        (["0.0", "7.0", "10.00"], ["0.png", "7.png", "10.png"]),
        (["00", "07", "10"], ["img_0.png", "img_7.png", "img_10.png"]),
        (["8", "9", "10"], ["08.png", "09.png", "10.png"]),
        (["7.jpg", "8.jpg", "9.jpg"], ["x/0007.png", "x/0008.png", "x/0009.png"]),
    ],
)
def test_numbers_name_pictures_as_numbers(ids: list[str], names: list[str]) -> None:
    rows = [f"{number},{kind}" for number, kind in zip(ids, "abc", strict=True)]
    cells, said = found("\n".join(["id,label", *rows]), names)
    assert cells == ["a", "b", "c"] and "by number" in said
    cells, _ = found("\n".join(rows), names)  # without a header
    assert cells == ["a", "b", "c"]


def test_another_ending_of_pictures_is_the_same_picture_and_said() -> None:
    cells, said = found("id,x\n007.jpg,1\n/home/me/008.tif,2\n009.txt,3\n", ["007.png", "008.png", "009.png"])
    assert cells == ["1", "2", None] and "2 rows found their picture by their name with another ending" in said
    assert "1 row of the table names no picture that is used; passed over (“009.txt”)" in said


def test_numbers_that_are_no_names_match_nothing() -> None:
    names = [f"{number:04}.png" for number in range(30)]
    ages = "age,x\n" + "".join(f"{20 + number % 5},y\n" for number in range(30))
    assert match(table(ages), names) is None  # several rows of one number
    assert match(table("age,x\n25,y\n90,y\n91,y\n92,y\n"), names) is None  # few are found
    two = ["a/01.png", "b/001.png", *names[2:]]
    cells, said = found("id,x\n" + "".join(f"{number},{number}\n" for number in range(1, 30)), two)
    assert cells[:3] == [None, None, "2"] and "fits several pictures" in said


def test_the_column_of_paths_goes_before_one_of_ages() -> None:
    names = [f"train/{number:03}.png" for number in range(30)]
    text = "age,path,label\n" + "".join(f"{29 - n},/m/train/{n:03}.png,{'ab'[n % 2]}\n" for n in range(30))
    matched = match(table(text), names)
    assert matched.file_column == 1
    done = label_by_table(matched, "label")
    assert done.labels.tolist() == [0, 1] * 15 and done.columns["age"].values.tolist() == list(range(29, -1, -1))


def test_a_large_table_is_matched_by_a_sample_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_SAMPLE", 100)
    names = [f"{number}.png" for number in range(50)]
    few = "x,file\n" + "".join(f"y,{n}.png\n" for n in range(1_001))
    assert found(f"{few}", names)[0] == [f"{n}.png" for n in range(50)]
    # None of the rows in the sample has a picture: all are looked at.
    assert found("x,file\n" + "y,n\n" * 999 + "y,7.png\n", names)[0][7] == "7.png"
