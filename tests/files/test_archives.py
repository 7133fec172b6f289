"""Zip archives of strangers: what is read, what is refused, and that neither costs memory.

Hostile archives are written field by field, after PKWARE's APPNOTE 6.3.
"""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from explorer.files.archives import ArchiveError, Entry, Limits, is_archive, is_ignored, is_safe, read_archive

LIMITS = Limits(entries=100, total_bytes=4 << 20, entry_bytes=2 << 20)


def packed(**files: bytes) -> bytes:
    return pack([(name.replace("__", "/"), content) for name, content in files.items()])


def pack(files: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def by_hand(
    name: bytes = b"a.txt",
    body: bytes = b"hello",
    *,
    method: int = 0,
    flags: int = 0,
    size: int | None = None,
    packed_size: int | None = None,
    crc: int | None = None,
    extra: bytes = b"",
    offset: int = 0,
    copies: int = 1,
    good: bool = True,
) -> bytes:
    """An archive of one entry (listed `copies` times) with any field made up, and a good one after it."""
    size = len(body) if size is None else size
    packed_size = len(body) if packed_size is None else packed_size
    crc = zlib.crc32(body) if crc is None else crc
    fields = struct.pack("<HHHHHIII", 20, flags, method, 0, 0x21, crc, packed_size, size)
    local = b"PK\3\4" + fields + struct.pack("<HH", len(name), 0) + name + body
    entry = b"PK\1\2" + struct.pack("<H", 20) + fields
    entry += struct.pack("<HHHHHII", len(name), len(extra), 0, 0, 0, 0, offset) + name + extra
    files, directory = local, entry * copies
    if good:
        fine = struct.pack("<HHHHHIII", 20, 0, 0, 0, 0x21, zlib.crc32(b"fine"), 4, 4)
        directory += b"PK\1\2" + struct.pack("<H", 20) + fine + struct.pack("<HHHHHII", 4, 0, 0, 0, 0, 0, len(files))
        directory += b"good"
        files += b"PK\3\4" + fine + struct.pack("<HH", 4, 0) + b"goodfine"
    count = copies + good
    count %= 1 << 16
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(files), 0)
    return files + directory + end


def read(source, limits: Limits = LIMITS, **options) -> dict[str, Entry]:
    return {entry.name: entry for entry in read_archive(source, limits, **options)}


def fault(source: bytes, limits: Limits = LIMITS) -> str:
    """The one fault there is, in an archive whose other entry is read all the same."""
    entries = read(source, limits)
    assert entries.pop("good").content == b"fine"
    (entry,) = entries.values()
    assert entry.content is None
    return entry.fault


def test_files_come_back_as_they_went_in(tmp_path: Path) -> None:
    files = {"a.txt": b"one", "deep/er/b.bin": bytes(range(256)) * 99, "empty": b"", "ü/名.png": b"x"}
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        archive = pack(list(files.items()), method)
        (tmp_path / "a.zip").write_bytes(archive)
        for source in (archive, io.BytesIO(archive), tmp_path / "a.zip"):
            assert {name: entry.content for name, entry in read(source).items()} == files


def test_an_open_file_stays_open_and_can_be_read_again() -> None:
    file = io.BytesIO(packed(a=b"1", b=b"2"))
    assert list(read(file)) == list(read(file)) == ["a", "b"]
    assert [entry.fraction for entry in read_archive(file, LIMITS)] == [0.5, 1.0]


def test_only_what_is_wanted_is_read_and_what_systems_leave_is_passed_over() -> None:
    names = ["a.png", "b.txt", "__MACOSX/a.png", ".DS_Store", "d/._a.png", "d/Thumbs.db", "desktop.ini", "./c.png"]
    archive = pack([(name, b"x") for name in names] + [("folder/", b"")])
    assert list(read(archive)) == ["a.png", "b.txt", "c.png"]
    assert list(read(archive, wanted=lambda name: name.endswith(".png"))) == ["a.png", "c.png"]


@pytest.mark.parametrize(
    "name", [b"../a", b"a/../../b", b"/etc/passwd", b"C:\\a", b"c:a", b"..\\..\\a", b"\\\\host\\a"]
)
def test_a_name_that_leaves_the_archive_is_told(name: bytes) -> None:
    assert "outside of the archive" in fault(by_hand(name))


def test_a_name_with_a_null_is_told() -> None:
    assert "outside" in fault(by_hand(b"a.png\0.exe"))
    assert is_safe("a/b..c") and not is_safe("a\0b")


def test_a_link_is_told() -> None:
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert "link" in fault(pack([(info, b"/etc/passwd"), ("good", b"fine")]))
    info.external_attr = (stat.S_IFIFO | 0o777) << 16
    assert "not an ordinary file" in fault(pack([(info, b""), ("good", b"fine")]))


def test_an_encrypted_entry_is_told() -> None:
    assert "without a password" in fault(by_hand(flags=1))
    assert "without a password" in fault(by_hand(flags=1, method=99))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_cannot_be_read_in_pieces_are_told(method: int) -> None:
    info = zipfile.ZipInfo("bomb")
    info.compress_type = method
    assert "method" in fault(pack([(info, b"0" * 1000), ("good", b"fine")]))
    assert "method" in fault(by_hand(method=97))


@pytest.mark.parametrize(("name", "content"), [("in.zip", b""), ("x.tar.gz", b"x"), ("p.png", b"PK\3\4" + b"0" * 30)])
def test_an_archive_within_is_told(name: str, content: bytes) -> None:
    assert "within the archive" in fault(pack([(name, content), ("good", b"fine")]))
    assert not content or content == b"x" or is_archive(content)


def test_a_name_twice_gives_the_first() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive = pack([("a", b"first"), ("a", b"second"), ("b", b"other")])
    first, second, other = read_archive(archive, LIMITS)
    assert (first.content, second.content, other.content) == (b"first", None, b"other")
    assert "twice" in second.fault


def test_names_in_odd_encodings() -> None:
    assert "é.png" in read(by_hand("é.png".encode()))  # UTF-8 without its mark, as some systems write it
    assert "é.png" in read(by_hand("é.png".encode("cp437")))
    assert "é.png" in read(by_hand("e\u0301.png".encode(), flags=0x800))  # decomposed, as a Mac writes it
    assert "a/b.png" in read(by_hand(b"a\\b.png"))
    with pytest.raises(ArchiveError, match="encoding it claims"):
        read(by_hand(b"\xff\xfe.png", flags=0x800))


def test_a_damaged_entry_is_told_and_the_others_are_read() -> None:
    assert "damaged" in fault(by_hand(crc=1))
    assert "damaged" in fault(by_hand(method=8, body=b"\xff" * 9))
    assert "damaged" in fault(by_hand(offset=3))
    assert "damaged" in fault(by_hand(offset=1 << 31))
    assert "damaged" in fault(by_hand(size=500))  # fewer bytes than it says


def test_sizes_that_are_lies() -> None:
    huge = struct.pack("<HHQQ", 1, 16, 1 << 60, 5)  # zip64: a size of 2^60
    assert "larger than the 2 MB" in fault(by_hand(size=0xFFFFFFFF, packed_size=0xFFFFFFFF, extra=huge))
    body = zlib.compress(bytes(1 << 20), wbits=-15)
    assert "damaged" in fault(by_hand(method=8, body=body, size=10))  # more bytes than it says
    with pytest.raises(ArchiveError, match="damaged"):
        read(by_hand(size=0xFFFFFFFF, extra=struct.pack("<HHB", 1, 1, 0)))  # zip64 cut short


def test_limits_count_what_is_really_read() -> None:
    noise = bytes(range(256)) * 4096  # 1 MB
    with pytest.raises(ArchiveError, match="more than the 4 MB"):
        read(pack([(str(number), noise) for number in range(5)], zipfile.ZIP_STORED))
    assert len(read(pack([(str(number), noise) for number in range(4)], zipfile.ZIP_STORED))) == 4
    with pytest.raises(ArchiveError, match="more than the 100 entries"):
        read(pack([(str(number), b"") for number in range(101)]))
    assert len(read(pack([(str(number), b"") for number in range(100)]))) == 100
    assert "larger" in read(pack([("a", bytes((2 << 20) + 1))], zipfile.ZIP_STORED))["a"].fault


def test_a_bomb_is_put_down_early_and_costs_no_memory() -> None:
    content = pack([("bomb", bytes(256 << 20)), ("good", b"fine")])
    limits = Limits(entries=100, total_bytes=1 << 30, entry_bytes=1 << 30)
    tracemalloc.start()
    assert "bomb" in fault(content, limits)
    peak = tracemalloc.get_traced_memory()[1]
    # The same bytes listed many times over, each entry a small bomb: the sum counts.
    body = zlib.compress(bytes(1 << 20), wbits=-15)
    many = by_hand(method=8, body=body, size=1 << 20, crc=zlib.crc32(bytes(1 << 20)), copies=50, good=False)
    many = list(read_archive(many, limits))
    assert len(many) == 50 and sum(entry.content is not None for entry in many) == 1  # one name
    tracemalloc.stop()
    assert peak < 256e6 / 3


def test_a_list_of_entries_without_end_is_refused_before_it_becomes_objects() -> None:
    content = by_hand(copies=200_000, good=False)
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="more than the 100 entries"):
        read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * len(content)


@pytest.mark.parametrize("keep", [0, 1, 3, 30, 0.5, 0.9, -1, -10])
def test_a_truncated_archive_is_refused(keep: float) -> None:
    content = packed(a=b"x" * 1000, b__c=bytes(1000))
    cut = content[: int(keep * len(content)) if isinstance(keep, float) else keep]
    with pytest.raises(ArchiveError, match=r"not a zip|end is missing"):
        read(cut)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(100), b"PK", bytes(10_000)])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"not a zip|end is missing"):
        read(content)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"a\.zip cannot be read: No such file"):
        read(tmp_path / "a.zip")


def test_any_byte_may_be_wrong() -> None:
    """Every byte of a small archive, changed: entries, faults or a refusal, and nothing else."""
    content = packed(a=b"hello", b=b"world" * 20)
    for place in range(len(content)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(content)
            damaged[place] ^= flip
            try:
                entries = read(bytes(damaged))
            except ArchiveError as error:
                assert str(error).endswith(".")
            else:
                assert all((entry.content is None) == bool(entry.fault) for entry in entries.values())


def test_what_is_ignored() -> None:
    assert is_ignored("a/.git/b") and is_ignored("__MACOSX/x") and not is_ignored("a./b_.c") and not is_ignored("./a")
