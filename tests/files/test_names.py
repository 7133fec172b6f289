"""Names are safe as folders and addresses, whatever a person typed."""

import pytest

from explorer.files.names import LONGEST, free_name, is_name, name_from


@pytest.mark.parametrize("text", ["a", "mnist-2d", "0", "a" * LONGEST])
def test_what_is_a_name_stays_as_it_is(text):
    assert is_name(text) and name_from(text) == text


@pytest.mark.parametrize("text", ["", "-a", "a-", "A", "../a", "a/b", "a b", "é", "a" * 49, "a\n", ".", ".."])
def test_anything_else_becomes_one(text):
    assert not is_name(text)
    assert is_name(name_from(text))


def test_letters_with_accents_lose_them():
    assert name_from("Ma chère photo.zip") == "ma-chere-photo-zip"
    assert name_from("日本") == "unnamed"


def test_a_free_name_is_free_and_a_name():
    assert free_name("a", []) == "a"
    assert free_name("a", ["a", "a-2"]) == "a-3"
    long = "b" * LONGEST
    assert is_name(free_name(long, [long])) and free_name(long, [long]) != long
