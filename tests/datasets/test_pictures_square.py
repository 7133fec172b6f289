"""One picture made a square: exact cases, and every kind of bad file."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.datasets.pictures import NOTES, SIZES, PictureError, square
from tests.helpers.picture_files import BAD, chunk, deep_png, encoded, noise, solid
from tests.helpers.places import ROOT

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_solid_colour_stays_what_it_is(size: int, kind: str) -> None:
    lossless = {"lossless": True} if kind == "WEBP" else {}
    done = square(solid((200, 100, 50), (90, 50), kind=kind, **lossless), size, 3)
    assert done.pixels.shape == (3, size, size) and done.pixels.dtype == np.uint8 and done.pixels.flags.c_contiguous
    # JPEG rounds in its own space of colours.
    assert np.abs(done.pixels.reshape(3, -1).T.astype(int) - (200, 100, 50)).max() <= (2 if kind == "JPEG" else 0)
    grey = square(solid((200, 100, 50), kind=kind, **lossless), size, 1).pixels
    luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 50  # ITU-R 601
    assert grey.shape == (1, size, size) and np.abs(grey - luma).max() <= (2 if kind == "JPEG" else 0.51)


def test_a_picture_of_the_right_size_is_taken_pixel_for_pixel() -> None:
    done = square(noise(1, 28), 28, 3)
    expected = np.random.default_rng(1).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    assert (done.pixels == expected.transpose(2, 0, 1)).all() and not done.notes


def test_scaling_averages_what_it_leaves_out() -> None:
    """A chequerboard of single pixels becomes even grey: without a filter it would stay black or white."""
    board = np.indices((256, 256)).sum(0) % 2 * 255
    done = square(encoded(Image.fromarray(board.astype(np.uint8))), 32, 1)
    inner = done.pixels[0, 4:-4, 4:-4].astype(float)
    assert np.abs(inner - 127.5).max() < 4


@pytest.mark.parametrize("size", [(120, 40), (40, 120), (41, 121), (400, 41)])
def test_the_middle_square_is_taken(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, RED)
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    picture.paste(BLUE, (left, top, left + side, top + side))
    done = square(encoded(picture), 28, 3)
    inner = done.pixels[:, 3:-3, 3:-3]  # where the filter sees nothing of the red beside
    assert inner[2].min() >= 250 and inner[0].max() <= 5
    assert done.notes == {"cropped"}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_every_orientation_is_turned_upright(orientation: int, kind: str) -> None:
    """The eight values of EXIF 2.32, tag 0x0112, against a picture laid down by hand as the standard says."""
    upright = np.zeros((48, 48, 3), np.uint8)
    upright[:24, :24], upright[:24, 24:], upright[24:, :24] = RED, GREEN, BLUE  # the fourth stays black
    # What the value says of the stored rows and columns, undone by numpy.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),  # the camera was turned: to be rotated by 90° clockwise
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"PNG": {}, "JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}[kind]
    done = square(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options), 28, 3)
    for row, column, colour in ((5, 5, RED), (5, 22, GREEN), (22, 5, BLUE), (22, 22, (0, 0, 0))):
        assert np.abs(done.pixels[:, row, column].astype(int) - colour).max() <= 6
    assert done.notes == ({"turned"} if orientation > 1 else set())


def test_a_note_of_no_known_orientation_turns_nothing() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert not square(solid(kind="JPEG", exif=exif), 28, 3).notes


def test_transparency_is_laid_over_white_in_every_mode() -> None:
    clear, half = solid((255, 0, 0, 0), mode="RGBA"), solid((0, 0, 0, 128), mode="RGBA")
    assert (square(clear, 28, 3).pixels == 255).all() and square(clear, 28, 3).notes == {"transparent"}
    assert np.abs(square(half, 28, 1).pixels.astype(int) - 127).max() <= 1
    assert (square(solid((9, 0), mode="LA"), 28, 1).pixels == 255).all()
    palette = Image.new("P", (40, 40), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert (square(encoded(palette, transparency=1), 28, 3).pixels == 255).all()
    keyed = square(encoded(Image.new("RGB", (40, 40), RED), transparency=RED), 28, 3)
    assert (keyed.pixels == 255).all()
    assert not square(solid((1, 2, 3, 255), mode="RGBA"), 28, 3).notes


def test_transparent_pixels_give_no_colour_to_their_neighbours() -> None:
    """Hidden pixels have any colour; scaled without their weight they would make a red rim."""
    picture = Image.new("RGBA", (280, 280), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 140, 280))
    done = square(encoded(picture), 28, 3).pixels.astype(int)
    assert (done[0] <= done[1] + 3).all()  # red nowhere beyond what white brings


def test_palettes_print_colours_and_single_bits_are_converted() -> None:
    palette = Image.new("P", (40, 40), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert (square(encoded(palette), 28, 3).pixels.reshape(3, -1).T == (10, 20, 30)).all()
    done = square(solid((0, 255, 255, 0), mode="CMYK", kind="JPEG"), 28, 3)
    assert np.abs(done.pixels.reshape(3, -1).T.astype(int) - RED).max() <= 3 and done.notes == {"cmyk"}
    assert (square(solid(1, mode="1"), 28, 1).pixels == 255).all()


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    for value in (0, 256, 257, 32_768, 51_400, 65_535):
        picture = Image.fromarray(np.full((40, 40), value, np.uint16))
        done = square(encoded(picture), 28, 3)
        assert (done.pixels == round(value / 257)).all() and done.notes == {"deep"}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_of_every_layout_keep_all_their_bits(channels: int) -> None:
    """Against the values themselves; Pillow gives the upper eight bits of colour and of grey with transparency."""
    values = np.random.default_rng(channels).integers(0, 4_096, (28, 28, channels))
    if channels in (2, 4):
        values[..., -1] = 65_535
    done = square(deep_png(values), 28, 3)
    colours = values[..., : channels - (channels in (2, 4))].transpose(2, 0, 1)
    assert done.raw.dtype == np.uint16 and (done.raw == colours).all() and done.notes == {"deep"}
    assert done.extrema == (colours.min(), colours.max())
    assert (done.pixels == np.rint(np.broadcast_to(colours, (3, 28, 28)) / 257)).all()
    clear = values.copy()
    if channels in (2, 4):  # transparent parts are left to the upper bits
        clear[0, 0, -1] = 0
        assert square(deep_png(clear), 28, 3).notes == {"transparent"}


def test_a_large_photograph_is_cropped_where_it_says() -> None:
    """Decoded at a fraction of its size, its middle is still its middle."""
    picture = Image.new("RGB", (900, 600), RED)
    picture.paste(BLUE, (150, 0, 750, 600))
    done = square(encoded(picture, "JPEG", quality=95), 28, 3).pixels[:, 3:-3, 3:-3]
    assert done[2].min() > 240 and done[0].max() < 15


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in (RED, BLUE)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    done = square(content, 28, 3)
    assert (done.pixels.reshape(3, -1).T == RED).all() and done.notes == {"animated"}


def test_the_kind_is_told_by_the_content() -> None:
    assert square(solid(kind="WEBP"), 28, 3).pixels.shape == (3, 28, 28)  # whatever its name is
    two = encoded(Image.new("RGB", (40, 40)), "MPO", save_all=True, append_images=[Image.new("RGB", (40, 40))])
    assert not square(two, 28, 3).notes  # as telephones write it: no animation


def test_what_was_done_can_be_said() -> None:
    assert square(solid(size=(3, 5)), 28, 3).notes == {"enlarged", "cropped"}
    ours = {"transparent", "dark paper", "animated", "turned", "deep", "stretched", "cmyk", "enlarged", "cropped"}
    assert set(NOTES) == ours


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_a_sentence(name: str) -> None:
    content, words = BAD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(PictureError) as caught:
            square(content, 28, 3)
    assert words in str(caught.value) and str(caught.value).endswith(".")


def test_a_file_beyond_the_limit_is_not_opened() -> None:
    with pytest.raises(PictureError, match="64 MB"):
        square(bytes((64 << 20) + 1), 28, 3)


def test_a_note_that_unpacks_without_end_is_no_way_in() -> None:
    """A compressed text of a PNG that would be 200 MB."""
    import zlib

    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200 << 20)))
    content = noise(0, 28)
    try:
        square(content[:33] + text + content[33:], 28, 3)
    except PictureError as error:
        assert "damaged" in str(error)


def test_any_byte_may_be_wrong() -> None:
    """Pictures with a byte changed are taken or refused, and nothing else."""
    generator = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "WEBP"):
        whole = encoded(Image.linear_gradient("L").resize((30, 30)), kind)
        for _ in range(150):
            damaged = bytearray(whole)
            damaged[generator.integers(len(whole))] ^= int(generator.integers(1, 256))
            try:
                assert square(bytes(damaged), 28, 1).pixels.shape == (1, 28, 28)
            except PictureError as error:
                assert str(error).endswith(".")


MEMORY = """
import sys
from explorer.datasets.pictures.image.square import PictureError, square
from tests.helpers.picture_files import BAD, claims, solid
def size(key):
    lines = dict(line.split(":") for line in open("/proc/self/status"))
    return int(lines[key].split()[0]) / 1024
large = open(sys.argv[1], "rb").read()
for kind in ("PNG", "JPEG", "WEBP"): square(solid(kind=kind), 28, 3)
def cost(contents):
    open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew from what is in use
    before = size("VmRSS")
    for content in contents:
        try: square(content, 28, 1)
        except PictureError: pass
    return size("VmHWM") - before
print(cost([BAD["bomb.png"][0], BAD["big.png"][0], claims(2**31 - 1, 2**31 - 1), BAD["line.png"][0]]))
print(cost([large] * 3))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="a peak is measured where Linux tells it")
def test_bombs_and_the_largest_photographs_cost_little_memory(tmp_path: Path) -> None:
    # Made in a process of its own, for making it takes the memory that reading it must not.
    make = "import sys; from PIL import Image; Image.new('L', (7_000, 7_000)).save(sys.argv[1], 'JPEG')"
    path = str(tmp_path / "large.jpg")
    subprocess.run([sys.executable, "-c", make, path], check=True, timeout=60)
    command = [sys.executable, "-W", "ignore", "-c", MEMORY, path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    bombs, photographs = (float(line) for line in done.stdout.split())  # MB; whole, the photograph has 49
    assert bombs < 10 and photographs < 20, (bombs, photographs, done.stderr)
