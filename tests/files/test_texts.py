"""Texts from outside: the likeliest encoding, and normal forms in linear time."""

from __future__ import annotations

import time
import unicodedata

import pytest

from explorer.files.text import KNOWN_AS, OF_FILES, OF_NAMES, decoded, likeliest, normal_form


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp932", ["犬", "猫"]), ("cp932", ["写真", "動物", "表"]), ("cp932", ["イヌ", "ねこ"]),
        ("cp932", ["正常", "異常"]),
        ("gbk", ["犬", "猫"]), ("gbk", ["照片", "动物", "花朵", "树木"]), ("gbk", ["良性", "恶性"]),
        ("cp866", ["собаки", "кошки"]), ("cp866", ["Собака", "Кот"]), ("cp866", ["Ёлка"]), ("cp866", ["норма"]),
        ("cp437", ["café", "Müller", "Äpfel"]), ("cp437", ["Größe"]), ("cp437", ["niño", "Ñandú"]),
        ("utf-8", ["犬", "猫"]), ("utf-8", ["café"]), ("utf-8", ["собаки"]), ("utf-8", ["고양이"]), ("utf-8", ["mèo"]),
        ("big5", ["貓", "狗", "照片"]), ("cp949", ["강아지", "고양이", "사진"]),
    ],
)  # fmt: skip
def test_names_are_read_in_the_likeliest_encoding(encoding: str, names: list[str]) -> None:
    """Names as folders of classes are called, alone and among files in ASCII."""
    assert likeliest([name.encode(encoding) for name in names], OF_NAMES) == encoding
    files = [f"{name} {number}.png".encode(encoding) for name in names for number in range(3)]
    assert likeliest([b"readme.txt", *files], OF_NAMES) == encoding


def test_ascii_and_what_no_encoding_reads_tell_nothing() -> None:
    assert likeliest([b"a", b"b.png"], OF_NAMES) is None
    assert likeliest([b"\xff"], {"utf-8": 0.0}) is None


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "file,größe,notes\na.png,12 µm,“x” – y\n"), ("cp1252", "file,T (°C)\na,1\n"),
        ("cp1252", "file,é\na.png,ü\n"), ("cp1251", "файл,класс\na.png,кошка\n"), ("gbk", "文件,类别\n0.png,猫\n"),
        ("cp932", "ファイル,種類\n0.png,犬\n"), ("cp949", "파일,종류\n0.png,고양이\n"),
    ],
)  # fmt: skip
def test_files_are_read_in_the_likeliest_encoding_and_it_is_named(encoding: str, text: str) -> None:
    assert encoding in OF_FILES and decoded(text.encode(encoding)) == (text, KNOWN_AS[encoding])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_an_encoding_that_says_its_name_is_not_guessed(encoding: str) -> None:
    assert decoded("file,é\n".encode(encoding)) == ("file,é\n", "")


def test_utf_16_without_its_mark_is_told_and_other_bytes_are_no_text() -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        assert decoded("file,é\na,1\n".encode(encoding)) == ("file,é\na,1\n", "UTF-16")
    for content in (b"\x89PNG\0\0", b"\xff\xfea", bytes(99)):
        with pytest.raises(UnicodeError, match=r"not text|UTF-16, and it is not"):
            decoded(content)


@pytest.mark.parametrize("form", ["NFC", "NFKD"])
def test_a_normal_form_is_unicode_s(form: str) -> None:
    for text in ("", "plain", "u\u0308ber " * 100, "한국어" * 30, "ﬁne ½ " * 99, "Việt Nam " * 99):
        assert normal_form(unicodedata.normalize("NFD", text), form) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("text", ["a" + "\u0301\u0327" * 65_000, "\u0f73" * 130_000, "\ufdfa" * 60_000])
def test_a_normal_form_takes_time_as_its_length(text: str) -> None:
    """The first took 24 seconds in one go."""
    start = time.thread_time()
    normal_form(text), normal_form(text, "NFKD")
    assert time.thread_time() - start < 0.5
