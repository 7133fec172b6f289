"""Texts made to hold a program: every pattern of the project, and tables, take time as their length."""

from __future__ import annotations

import ast
import importlib
import re
import time

import pytest

from explorer.datasets.pictures import label_by_table, match, read_table
from explorer.files.numbers import plain_number, read_cells
from tests.helpers.places import ROOT

LENGTH = 10_000
SHAPES = {
    "digits": "9" * (LENGTH - 1) + "x",
    "blanks": " " * (LENGTH - 1) + "x",
    "commas": "1," * (LENGTH // 2 - 1) + "x",
    "points": "1.000" * (LENGTH // 5),
    "marks": "a" + "\u0301\u0327" * (LENGTH // 2),
    "folders": "a/" * (LENGTH // 2),
    "exponents": "1e" * (LENGTH // 2),
    "letters": "a-" * (LENGTH // 2) + "!",
    "signs": "=" * LENGTH,
    "quotes": "'" * LENGTH,
    "axes": "axes" + "-1" * (LENGTH // 2) + "x",
}
WAYS = ("match", "fullmatch", "search", "findall", "finditer", "split", "sub")


def patterns() -> list[tuple[str, re.Pattern, str]]:
    """Every pattern of the project with every way in which it is used, each with its place."""
    made, used = [], []
    for path in sorted([*(ROOT / "explorer").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]):
        tree = ast.parse(path.read_text("utf-8"))
        names = {id(node.value): node.targets[0] for node in ast.walk(tree) if isinstance(node, ast.Assign)}
        for node in ast.walk(tree):
            function = node.func if isinstance(node, ast.Call) else None
            if not isinstance(function, ast.Attribute):
                continue
            owner = ast.unparse(function.value)
            if owner != "re" and function.attr in WAYS:
                used.append((owner.rpartition(".")[2], function.attr))
            if owner != "re" or function.attr == "escape":
                continue
            place, target = f"{path.relative_to(ROOT)}:{node.lineno}", names.get(id(node))
            name = target.id if isinstance(target, ast.Name) else ""
            pattern = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if pattern is None:  # put together of parts: known by its name in the module
                assert name, f"{place}: give the pattern a name, so that it can be tried"
                module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
                pattern = getattr(module, name)
            made.append((place, re.compile(pattern), name, function.attr))
    return [
        (place, pattern, way)
        for place, pattern, name, attribute in made
        for way in ({way for owner, way in used if owner == name} if attribute == "compile" else {attribute})
    ]


def seconds(function, *arguments) -> float:
    """CPU time of a call, the best of two: the first may be the one that imports something."""
    times = []
    for _ in range(2):
        start = time.thread_time()
        function(*arguments)
        times.append(time.thread_time() - start)
    return min(times)


def test_every_pattern_takes_time_as_the_length_of_what_it_reads() -> None:
    every = patterns()
    assert len(every) > 25 and len({place for place, _, way in every if way in WAYS}) > 25
    for place, pattern, way in every:
        for shape, text in SHAPES.items():
            given = text.encode() if isinstance(pattern.pattern, bytes) else text
            arguments = (given[:0], given) if way == "sub" else (given,)
            assert seconds(getattr(pattern, way), *arguments) < 0.0125, (place, shape)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_four_hostile_cells_take_under_50_milliseconds(separator: str) -> None:
    """Read, as numbers, as words, and matched with the names of pictures, in each shape."""
    names = [f"{number}.png" for number in range(30)]
    for shape, text in SHAPES.items():
        rows = [f'0.png{separator}"{text}"', f'"{text}"{separator}"{text}"', f'1.png{separator}"{text}"']
        content = "\n".join([f"file{separator}x", *rows]).encode()

        def whole(content=content) -> None:
            table = read_table("hostile.csv", content)
            found = match(table, names)
            assert found is not None
            label_by_table(found, None), label_by_table(found, "x")
            read_cells(table, "x", [row[1] for row in table.rows[1:]])

        assert seconds(whole) < 0.05, shape
        assert seconds(plain_number, text) < 0.001 and plain_number(text) is None, shape


def test_a_cell_of_more_than_64_letters_is_no_number() -> None:
    assert plain_number("9" * 64) == float("9" * 64) and plain_number("9" * 65) is None
    assert plain_number(" " * 40 + "1") == 1 and plain_number(" " * 64 + "1") is None
