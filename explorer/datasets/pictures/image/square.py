"""One picture of a stranger made a small square of pixels, or a sentence why it cannot be.

What a header promises is checked before any pixel is decoded, and large JPEGs are decoded at
a fraction of their size, so a picture costs little memory whatever it is.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ....files.kinds import kind_of
from .deep import is_deep, planes
from .rendition import MOST, from_deep, in_channels, over_paper

FORMATS = ("PNG", "JPEG", "WEBP")
SIZES = (28, 32, 64)
MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = {"JPEG": 50_000_000, "MPO": 50_000_000, "PNG": 25_000_000, "WEBP": 25_000_000}
"""A JPEG is decoded at a fraction of its size, and telephones take 48 megapixels; the others are
decoded whole, at four bytes a pixel, and once more where they are transparent. MPO is a JPEG with
another one after it, as many telephones write it."""
MAX_ASPECT = 10
"""A panorama is kept, cropped; a line is not."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_READ = "PNG, JPEG and WebP are read"


class PictureError(ValueError):
    """A picture is not taken; the message says why."""


@dataclass(frozen=True)
class Square:
    """A picture as the model will see it.

    Attributes:
        pixels: uint8 (channels, size, size), as it is without others beside it.
        notes: keys of `NOTES`: what was done to it that a person should know.
        raw: what `Renditions` settles over a set: uint16 (1 or 3, size, size) of 16 bits a channel,
            uint8 (4, size, size) with transparent parts; else None.
        extrema: of 16 bits, the least and the largest value of the whole picture.
    """

    pixels: np.ndarray
    notes: frozenset[str]
    raw: np.ndarray | None = None
    extrema: tuple[int, int] | None = None

    @property
    def looks(self) -> np.ndarray:
        """Its pixels with the whole range of its own, by which colour can be told."""
        return self.pixels if self.extrema is None else from_deep(self.raw, len(self.pixels), *self.extrema)


NOTES = {
    "transparent": "had transparent parts, which were laid over white",
    "dark paper": "had transparent parts around something light, so they were laid over black",
    "animated": "moved; the first frame was taken",
    "turned": "were turned upright, as the camera noted (EXIF orientation)",
    "deep": "had 16 bits per channel, which were scaled to 8",
    "stretched": "had 16 bits per channel; the range that the set uses was stretched to 8",
    "cmyk": "were in the colours of print (CMYK) and were converted",
    "enlarged": "were smaller than the size chosen and were enlarged",
    "cropped": "were not square; the middle was taken",
}
"""What can be done to a picture, in words that follow a number of pictures."""


def square(content: bytes, size: int, channels: int) -> Square:
    """Decodes a picture, turns it upright, crops its middle square and scales it.

    The kind is told by the content, never by a name. Scaling is Pillow's Lanczos filter
    (antialiased); grey is ITU-R 601 luma; of an animation the first frame is taken;
    transparency is laid over white; 16 bits are scaled to 8, not clipped. `Renditions` does better
    by the last two where there is a set.

    Args:
        content: the bytes of a PNG, JPEG or WebP file.
        size: pixels a side.
        channels: 1 for grey, 3 for red, green and blue.

    Raises:
        PictureError: it is no picture of these kinds, is damaged, too large or too thin.
    """
    if len(content) > MAX_FILE_BYTES:
        raise PictureError(f"The file is larger than the {MAX_FILE_BYTES >> 20} MB allowed for a picture.")
    picture = _open(content)
    try:
        return _square(content, picture, size, channels)
    except PictureError:
        raise
    except Exception as error:  # a decoder fed with damage raises nearly anything
        if "truncated" in str(error) or isinstance(error, EOFError):
            raise PictureError("The file is cut off: the picture is not whole.") from None
        raise PictureError("The picture is damaged and cannot be decoded.") from None


def _open(content: bytes) -> Image.Image:
    """The picture with its header read, and nothing more."""
    if not content:
        raise PictureError("The file is empty.")
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise PictureError("It has far more pixels than allowed. Save it smaller.") from None
    except Image.UnidentifiedImageError:
        raise PictureError(_what_it_is(content)) from None
    except Exception:  # as above
        raise PictureError("The picture is damaged: its header cannot be read.") from None
    width, height = picture.size
    most = MAX_PIXELS[picture.format or "PNG"]
    if width * height > most:
        raise PictureError(f"It has {width:,}×{height:,} pixels; {most // 10**6} million are allowed. Save it smaller.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise PictureError(f"It is too long and thin for a square: {width:,}×{height:,} pixels.")
    return picture


def _square(content: bytes, picture: Image.Image, size: int, channels: int) -> Square:
    notes = set()
    width, height = picture.size
    if picture.format in ("PNG", "WEBP") and getattr(picture, "n_frames", 1) > 1:
        notes.add("animated")
    if min(width, height) < size:
        notes.add("enlarged")
    if width != height:
        notes.add("cropped")
    if picture.mode == "CMYK":
        notes.add("cmyk")
    if picture.format in ("JPEG", "MPO"):
        picture.draft(None, (3 * size, 3 * size))  # a fraction of the size, still with pixels to spare
    channels_of = planes(content, picture) if is_deep(picture) else None
    picture.load()
    orientation = _orientation(picture)  # of a PNG known only now
    if orientation in _TURNS:
        notes.add("turned")
    # The crop is done within the scaling, so the middle is exact to a fraction of a pixel.
    width, height = picture.size  # a fraction of what it was, of a JPEG
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)

    def scaled(whole: Image.Image) -> Image.Image:
        small = whole.resize((size, size), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
        return small.transpose(_TURNS[orientation]) if orientation in _TURNS else small

    if channels_of is not None:
        notes.add("deep")
        small, extrema = [], []
        for plane in channels_of:  # one in memory at a time
            extrema += plane.getextrema()
            small.append(np.rint(np.asarray(scaled(plane))).clip(0, MOST))
        raw = np.stack(small).astype(np.uint16)
        return Square(from_deep(raw, channels), frozenset(notes), raw, (int(min(extrema)), int(max(extrema))))
    small = scaled(_plain(picture))
    if small.mode in ("RGBA", "LA"):
        raw = np.ascontiguousarray(np.asarray(small.convert("RGBA")).transpose(2, 0, 1))
        if raw[3].min() < 255:
            notes.add("transparent")
            return Square(over_paper(raw, channels), frozenset(notes), raw)
        small = small.convert("RGB")
    pixels = np.asarray(small)
    pixels = in_channels(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1), channels)
    return Square(pixels, frozenset(notes))


def _plain(picture: Image.Image) -> Image.Image:
    """The picture in a mode that can be scaled: L, LA, RGB or RGBA."""
    if picture.mode in ("RGBA", "LA"):
        return picture
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode == "1":
        return picture.convert("L")
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # damage in a note about the picture is no damage to the picture
        return 1


def _what_it_is(content: bytes) -> str:
    """A sentence on a file that is no picture of the kinds that are read."""
    if content.startswith((b"\x89PNG", b"\xff\xd8\xff", b"RIFF")):
        return "The picture is damaged or cut off: its header cannot be read."
    kind = kind_of(content)
    if kind is None:
        return f"It is not a picture: {_READ}."
    return f"It is {kind.words}; {_READ}. {kind.advice}".strip()
