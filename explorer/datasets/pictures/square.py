"""One picture of a stranger made a small square of pixels, or a sentence why it cannot be.

What a header promises is checked before any pixel is decoded, and large JPEGs are decoded at
a fraction of their size, so a picture costs little memory whatever it is.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

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
_OTHER_KINDS = (
    ((b"GIF87a", b"GIF89a"), "a GIF"),
    ((b"BM",), "a BMP"),
    ((b"II*\0", b"MM\0*"), "a TIFF"),
    ((b"%PDF",), "a PDF document"),
    ((b"8BPS",), "a Photoshop document"),
    ((b"\0\0\1\0",), "an icon (ICO)"),
    ((b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51"), "a JPEG 2000"),
)
_READ = "PNG, JPEG and WebP are read"


class PictureError(ValueError):
    """A picture is not taken; the message says why."""


@dataclass(frozen=True)
class Square:
    """A picture as the model will see it.

    Attributes:
        pixels: uint8 (channels, size, size).
        notes: keys of `NOTES`: what was done to it that a person should know.
    """

    pixels: np.ndarray
    notes: frozenset[str]


NOTES = {
    "transparent": "had transparent parts, which were laid over white",
    "animated": "moved; the first frame was taken",
    "turned": "were turned upright, as the camera noted (EXIF orientation)",
    "deep": "had 16 bits a channel, which were scaled to 8",
    "cmyk": "were in the colours of print (CMYK) and were converted",
    "enlarged": "were smaller than the size chosen and were enlarged",
    "cropped": "were not square; the middle was taken",
}
"""What can be done to a picture, in words that follow a number of pictures."""


def square(content: bytes, size: int, channels: int) -> Square:
    """Decodes a picture, turns it upright, crops its middle square and scales it.

    The kind is told by the content, never by a name. Scaling is Pillow's Lanczos filter
    (antialiased); grey is ITU-R 601 luma; of an animation the first frame is taken;
    transparency is laid over white; 16-bit grey is scaled to 8 bits, not clipped.

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
        return _square(picture, size, channels)
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


def _square(picture: Image.Image, size: int, channels: int) -> Square:
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
    picture.load()
    orientation = _orientation(picture)  # of a PNG known only now
    if orientation in _TURNS:
        notes.add("turned")
    picture = _plain(picture, notes)
    # The crop is done within the scaling, so the middle is exact to a fraction of a pixel.
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    small = picture.resize((size, size), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    if small.mode == "F":  # 16 bits
        grey = np.rint(np.asarray(small) / 257).clip(0, 255).astype(np.uint8)
        small = Image.fromarray(grey)
    if small.mode in ("RGBA", "LA"):
        small = small.convert("RGBA")
        if small.getextrema()[3][0] < 255:
            notes.add("transparent")
        paper = Image.new("RGBA", small.size, "white")
        small = Image.alpha_composite(paper, small)
    if orientation in _TURNS:
        small = small.transpose(_TURNS[orientation])
    pixels = np.asarray(small.convert("L" if channels == 1 else "RGB"))
    pixels = pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
    return Square(np.ascontiguousarray(pixels), frozenset(notes))


def _plain(picture: Image.Image, notes: set[str]) -> Image.Image:
    """The picture in a mode that can be scaled: L, LA, RGB, RGBA, or F for 16-bit grey."""
    if picture.mode.startswith("I"):
        notes.add("deep")
        return picture.convert("F")
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
    text = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml")) or b"<svg" in text:
        return f"It is an SVG drawing, which has no pixels; {_READ}."
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return f"It is a web page (HTML), not a picture; {_READ}."
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"mif1", b"avif", b"msf1", b"hevc"):
        kind = "an AVIF" if content[8:12] == b"avif" else "a HEIC, as telephones take"
        return f"It is {kind}; {_READ}. Save it as one of these."
    for starts, kind in _OTHER_KINDS:
        if content.startswith(starts):
            return f"It is {kind}; {_READ}. Save it as one of these."
    if content.startswith((b"\x89PNG", b"\xff\xd8\xff", b"RIFF")):
        return "The picture is damaged or cut off: its header cannot be read."
    return f"It is not a picture: {_READ}."
