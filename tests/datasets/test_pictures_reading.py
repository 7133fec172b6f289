"""Reading a person's pictures from files, zips and folders: one bad file loses none of the others."""

from __future__ import annotations

import io
import os
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.datasets import DatasetError
from explorer.datasets.pictures import (
    NO_LABELS,
    Reading,
    class_counts,
    contact_sheet,
    examples,
    label_sources,
    labelled,
    read_files,
    read_folder,
    read_pictures,
    reading,
    sources,
)
from explorer.files.archives import Entry
from tests.files.test_archives import by_hand
from tests.helpers.picture_files import BAD, noise, solid, zipped

GOOD = {f"{number}.png": noise(number) for number in range(20)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def no_warnings_of_bombs() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def read(*files: tuple[str, bytes], size: int = 28, channels: int = 3, **options) -> Reading:
    return read_pictures(
        read_files([(name, io.BytesIO(content)) for name, content in files]), size, channels, **options
    )


def test_pictures_come_in_their_order_and_as_one_by_one() -> None:
    from explorer.datasets.pictures import square

    done = read(*GOOD.items(), size=32, channels=1)
    assert done.names == list(GOOD) and done.shape == (1, 32, 32) and not done.skipped
    expected = np.stack([square(content, 32, 1).pixels for content in GOOD.values()])
    assert (done.pictures(range(20)) == expected).all()
    assert (done.pictures([7, 3]) == expected[[7, 3]]).all() and done.pictures([]).shape == (0, 1, 32, 32)


@pytest.mark.parametrize("as_zip", [False, True])
def test_each_bad_file_is_skipped_with_its_reason_and_no_other(as_zip: bool) -> None:
    files = {**{name: content for name, (content, _) in BAD.items()}, **GOOD}
    done = read(("pictures.zip", zipped(files))) if as_zip else read(*files.items())
    assert done.names == list(GOOD)
    reasons = dict(done.skipped)
    assert set(reasons) == set(BAD) and done.skipped_count == len(BAD)
    for name, (_, words) in BAD.items():
        assert words in reasons[name]


def test_bad_entries_of_a_zip_are_skipped_with_their_reason() -> None:
    bad = by_hand(b"../../out.png", GOOD["0.png"], good=False)
    done = read(("bad.zip", bad), ("locked.zip", by_hand(b"l.png", flags=1, good=False)), *GOOD.items())
    assert len(done) == 20 and done.skipped[0][0] == "../../out.png"
    assert "outside of the archive" in done.skipped[0][1] and "password" in done.skipped[1][1]
    within = read(("a.zip", zipped({"b.zip": zipped(GOOD), **GOOD})), ("c.tar.gz", b"\x1f\x8b" + bytes(9)))
    assert "within the archive" in within.skipped[0][1] and "Pack it as a zip" in within.skipped[1][1]


@pytest.mark.parametrize("content", [zipped(GOOD)[:-30], b"PK\x03\x04" + bytes(50)])
def test_a_bad_archive_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(DatasetError, match=r"holiday\.zip was refused\..*end is missing"):
        read(*GOOD.items(), ("holiday.zip", content))


def test_what_systems_leave_behind_is_not_even_mentioned() -> None:
    files = {"__MACOSX/._1.png": b"x", ".DS_Store": b"x", "a/Thumbs.db": b"x", **GOOD}
    assert not read(("a.zip", zipped(files))).skipped and not read(*files.items()).skipped


@pytest.mark.parametrize(("count", "words"), [(0, "There is no picture"), (1, "only one picture"), (19, "only 19")])
def test_too_few_pictures(count: int, words: str) -> None:
    with pytest.raises(DatasetError, match=f"{words}.*at least 20 are needed") as caught:
        read(("bad.png", b"<svg/>"), *list(GOOD.items())[:count])
    assert "bad.png: It is an SVG drawing" in str(caught.value)


def test_too_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST", 19)
    with pytest.raises(DatasetError, match="more than the 19 pictures"):
        read(*GOOD.items())
    monkeypatch.setattr(reading, "MOST", 100)
    monkeypatch.setattr(reading, "MOST_BYTES", 10 * 3 * 28 * 28)
    with pytest.raises(DatasetError, match="more than the 10 pictures of this size"):
        read(*GOOD.items())


def test_sizes_that_are_not_offered_are_refused() -> None:
    for size, channels in ((0, 1), (29, 1), (28, 2), (10_000, 3)):
        with pytest.raises(DatasetError, match="28, 32, 64 pixels a side and 1 or 3 channels"):
            read(*GOOD.items(), size=size, channels=channels)


def test_remarks_say_what_was_done_and_what_is_double() -> None:
    clear = solid((255, 0, 0, 0), mode="RGBA")
    remarks = " ".join(read(*GOOD.items(), ("clear.png", clear), ("again.png", GOOD["3.png"])).remarks())
    assert "1 picture had transparent parts, which were laid over white." in remarks
    assert "1 picture came more than once" in remarks


def test_progress_is_told_and_a_stop_leaves_nothing_open() -> None:
    told: list[tuple[float, int, int]] = []
    read(("bad.png", b""), ("a.zip", zipped(GOOD)), progress=lambda *how_far: told.append(how_far))
    assert told[0] == (0.5, 0, 1) and told[-1] == (1.0, 20, 1)
    assert [fraction for fraction, _, _ in told] == sorted(fraction for fraction, _, _ in told)

    def stop(*_) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(*GOOD.items(), progress=stop)


def test_the_spool_has_no_name_on_disk(home: Path) -> None:
    done = read(*GOOD.items())
    assert list(home.iterdir()) == [] and len(done) == 20


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, content) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(reading, "open_spool", lambda data_dir: Full())
    with pytest.raises(DatasetError, match="No space left on device"):
        read(*GOOD.items())


def test_a_folder_is_read_without_following_anything(tmp_path: Path) -> None:
    place = tmp_path / "mine"
    for name, content in {**GOOD, "cat/x.png": noise(50), ".hidden/y.png": noise(51), "z.zip": zipped(GOOD)}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    (place / "link.png").symlink_to(place / "1.png")
    (place / "around").symlink_to(place)
    os.mkfifo(place / "pipe.png")  # opened, it would never answer
    done = read_pictures(read_folder(place), 28, 3)
    assert done.names == [*sorted(GOOD), "cat/x.png"]
    reasons = dict(done.skipped)
    assert set(reasons) == {"link.png", "pipe.png", "z.zip"}
    assert "not followed" in reasons["link.png"] and "not an ordinary file" in reasons["pipe.png"]
    assert "within the folder" in reasons["z.zip"]


def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nowhere", "x" * 5_000, "a\0b"):
        with pytest.raises(DatasetError, match="is not a folder"):
            list(read_folder(tmp_path / name))
    (tmp_path / "full").mkdir()
    for number in range(3):
        (tmp_path / "full" / str(number)).touch()
    monkeypatch.setattr(sources, "MAX_FILES", 2)
    with pytest.raises(DatasetError, match="more than the 2 files"):
        list(read_folder(tmp_path / "full"))


def test_large_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 1_000)
    (tmp_path / "big.png").write_bytes(bytes(1_001))
    (entry,) = read_folder(tmp_path)
    (loose,) = read_files([("big.png", io.BytesIO(bytes(1_001)))])
    assert entry.content is None and loose.content is None and "larger" in entry.fault and "larger" in loose.fault


def test_one_picture_at_a_time_is_in_memory() -> None:
    """Five hundred pictures cost no more than one, beside their names."""

    def many() -> Iterator[Entry]:
        for number in range(500):
            yield Entry(f"{number}.png", noise(number, 100))

    tracemalloc.start()
    done = read_pictures(many(), 64, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(done) == 500 and peak < 1.5e6 < 500 * done.picture_bytes


# Labels to choose from, and the preview

TABLE = "file,kind\n" + "".join(f"{number}.png,{'odd' if number % 2 else 'even'}\n" for number in range(20))


def test_the_likeliest_labels_come_first() -> None:
    plain = read(*GOOD.items())
    assert label_sources(plain) == [NO_LABELS] and labelled(plain, NO_LABELS).classes == ("unlabelled",)
    one = read(*((f"all/{name}", content) for name, content in GOOD.items()))
    assert label_sources(one) == [NO_LABELS]  # one folder tells nothing
    folders = read(*((f"{'ab'[len(name) % 2]}/{name}", content) for name, content in GOOD.items()))
    source = label_sources(folders)[0]
    assert source.level and "2 folders: b, a" in source.words and labelled(folders, source).classes == ("a", "b")
    table = read(("labels.csv", TABLE.encode()), *GOOD.items())
    source = label_sources(table)[0]
    assert source.columns == ("kind",) and "labels.csv" in source.words
    assert labelled(table, source, "kind").classes == ("even", "odd")
    assert labelled(table, source).classes == ("unlabelled",)


def test_tables_that_cannot_be_used_are_skipped_with_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_TABLE_BYTES", 1_000)
    done = read(("a.csv", b"x,y\nfoo,bar\n"), ("b.csv", b""), ("c.tsv", b"x" * 1_001), *GOOD.items())
    reasons = dict(done.skipped)
    assert "No column of the table names the pictures" in reasons["a.csv"]
    assert "empty" in reasons["b.csv"] and "larger" in reasons["c.tsv"] and not done.matches


def test_a_table_within_a_zip_labels_the_pictures_in_it() -> None:
    files = {"set/labels.csv": TABLE.encode(), **{f"set/img/{name}": content for name, content in GOOD.items()}}
    (source, _) = label_sources(done := read(("a.zip", zipped(files))))
    assert labelled(done, source, "kind").labels.tolist() == [0, 1] * 10


def test_counts_add_up_and_examples_are_of_their_class() -> None:
    done = read(("labels.csv", TABLE.encode()), *GOOD.items())
    labelling = labelled(done, label_sources(done)[0], "kind")
    counts = class_counts(labelling)
    assert counts == {"label": ["even", "odd"], "training": [8, 8], "test": [2, 2]}
    assert set(examples(labelling, 1, 4)) <= set(range(1, 20, 2)) and len(examples(labelling, 1, 4)) == 4
    assert examples(labelling, 1, 50) == list(range(1, 20, 2))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_contact_sheet_shows_each_pixel_as_a_block(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, channels, 3, 3), dtype=np.uint8)
    sheet = contact_sheet(images, columns=3, zoom=2, gap=1)
    assert sheet.shape == (2 * 7 - 1, 3 * 7 - 1, 3)
    for number in range(5):
        top, left = number // 3 * 7, number % 3 * 7
        shown = sheet[top : top + 6 : 2, left : left + 6 : 2].transpose(2, 0, 1)
        assert (shown == images[number]).all()
