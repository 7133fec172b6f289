"""What only a whole set can tell: the range of 16 bits, and the paper under transparent parts."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.datasets.pictures import BLACK, WHITE, Reading, read_files, read_pictures
from tests.helpers.picture_files import deep_png, encoded, noise, zipped

SHAPE = np.hypot(*np.mgrid[-14:14, -14:14]) < 8


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))


def read(contents: list[bytes], channels: int | None = 1) -> Reading:
    files = [(f"{number}.png", io.BytesIO(content)) for number, content in enumerate(contents)]
    return read_pictures(read_files(files), 28, channels)


def deep(bits: int, channels: int = 1, count: int = 20) -> list[np.ndarray]:
    """Values of so many bits; only one picture goes to the top of the range."""
    generator = np.random.default_rng(bits)
    values = [generator.integers(0, 2 ** (bits - 1), (28, 28, channels)) for _ in range(count)]
    values[3][0, 0], values[4][0, 0] = 2**bits - 1, 0
    return values


def clear(colour: int, background: int = 0) -> bytes:
    """A shape of one grey, transparent around it."""
    pixels = np.full((28, 28, 4), background, np.uint8)
    pixels[..., 3] = 0
    pixels[SHAPE] = (colour, colour, colour, 255)
    return encoded(Image.fromarray(pixels))


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_narrow_range_is_stretched_over_the_whole_set(bits: int, channels: int) -> None:
    values = deep(bits, channels)
    done = read([deep_png(value) for value in values], channels)
    expected = [np.rint(value.transpose(2, 0, 1) * (255 / (2**bits - 1))) for value in values]
    assert (done.pictures(range(20)) == expected).all()
    said = " ".join(done.remarks())
    assert f"20 pictures had 16 bits per channel; the range that the set uses was stretched to 8: 0 became black, " \
        f"{2**bits - 1:,} white ({bits} bits)." in said  # fmt: skip
    done.render(stretched=False)
    assert (done.pictures(range(20)) == [np.rint(value.transpose(2, 0, 1) / 257) for value in values]).all()
    assert "which were scaled to 8." in " ".join(done.remarks()) and "stretched" not in " ".join(done.remarks())
    done.render(stretched=True)
    assert (done.pictures(range(20)) == expected).all()


def test_the_whole_range_is_left_as_it_is() -> None:
    values = deep(16)
    done = read([deep_png(value) for value in values])
    assert (done.pictures(range(20)) == [np.rint(value.transpose(2, 0, 1) / 257) for value in values]).all()
    assert "20 pictures had 16 bits per channel, which were scaled to 8." in done.remarks()


def test_eight_bits_among_sixteen_stay_and_colour_of_sixteen_is_colour() -> None:
    values = deep(12, 3)
    done = read([*(deep_png(value) for value in values), noise(1, 28)], None)
    assert done.channels == 3 and done.coloured == 21
    assert (done.pictures([20])[0].transpose(1, 2, 0) == np.asarray(Image.open(io.BytesIO(noise(1, 28))))).all()
    greys = [np.repeat(value, 3, 2) for value in deep(12)]
    done = read([deep_png(value) for value in greys], None)
    assert done.channels == 1 and done.pictures([3]).max() == 255
    done.render(stretched=False)
    assert done.shape == (1, 28, 28) and done.pictures([3]).max() == 16  # rewritten as the grey it became


def test_even_pictures_of_sixteen_bits_are_left() -> None:
    assert (read([deep_png(np.full((28, 28, 1), 257))] * 20).pictures([0]) == 1).all()


def test_white_on_nothing_is_laid_over_black_and_dark_on_nothing_over_white() -> None:
    done = read([clear(255), clear(240), clear(10), *[noise(n) for n in range(17)]])
    shown = done.pictures(range(3))[:, 0]
    assert (shown[0][SHAPE] == 255).all() and (shown[:2, ~SHAPE] == 0).all() and (shown[2, ~SHAPE] == 255).all()
    said = done.remarks()
    assert "2 pictures had transparent parts around something light, so they were laid over black." in said
    assert "1 picture had transparent parts, which were laid over white." in said
    done.render(paper=WHITE)
    assert (done.pictures([0]) == 255).all() and "3 pictures had transparent parts, which were laid over white." in (
        done.remarks()
    )
    done.render(paper=BLACK)
    assert (done.pictures([2])[0, 0][~SHAPE] == 0).all()


def test_what_is_seen_on_white_stays_on_white() -> None:
    """Cut out photographs keep one paper, whatever their mean; what is hidden says nothing."""
    for content in (clear(128), clear(60, 255), clear(200)):
        assert (read([content] * 20).pictures([0])[0, 0][~SHAPE] == 255).all()
    nothing = encoded(Image.new("RGBA", (28, 28), (255, 255, 255, 0)))
    assert (read([nothing] * 20).pictures([0]) == 255).all()


def test_a_zip_says_in_which_encoding_its_names_were_read() -> None:
    files = {f"{'@1' if n % 2 else '@2'}/{n}.png": noise(n, 28) for n in range(20)}
    content = zipped(files)
    for mark, name in ((b"@1/", "犬/"), (b"@2/", "猫/")):
        content = content.replace(mark, name.encode("cp932"))
    done = read_pictures(read_files([("a.zip", io.BytesIO(content))]), 28, 1)
    assert done.names[:2] == ["猫/0.png", "犬/1.png"] and not done.skipped
    assert "Names of files and folders were read as Shift-JIS." in done.remarks()


def test_names_of_a_folder_in_another_encoding_are_read(tmp_path: Path) -> None:
    from explorer.datasets.pictures import read_folder

    place = tmp_path / "mine"
    for n in range(20):
        folder = bytes(place) + b"/" + ("собаки", "кошки")[n % 2].encode("cp866")
        Path(folder.decode("utf-8", "surrogateescape")).mkdir(parents=True, exist_ok=True)
        (Path(folder.decode("utf-8", "surrogateescape")) / f"{n}.png").write_bytes(noise(n, 28))
    done = read_pictures(read_folder(place), 28, 1)
    assert {name.partition("/")[0] for name in done.names} == {"собаки", "кошки"}
    assert done.encodings == ["code page 866 (Cyrillic)"]
