"""The idx file format: a big-endian header, then the values row by row.

The header is a magic number (two zero bytes, one byte for the type of value,
one for the number of dimensions) and each dimension as an unsigned 32-bit
integer. Format: http://yann.lecun.com/exdb/mnist/. Only type 0x08, unsigned
bytes, is read here.

Nothing in a file is believed before it is checked. The header's sizes are
bounded before memory is taken, and not more than one byte past the stated end
is unpacked, so a hostile gzip file cannot fill the memory.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import torch

from .dataset import DatasetError

UNSIGNED_BYTE = 0x08
MAX_VALUES = 64 * 1024 * 1024
"""The most values read from one file; Fashion-MNIST and MNIST have 47 million."""

_CHUNK = 1024 * 1024


def read_idx(path: Path, *, dims: int, max_values: int = MAX_VALUES) -> tuple[torch.Tensor, bytearray]:
    """Reads a file of unsigned bytes, unpacking it if its name ends in ".gz".

    Args:
        path: The file.
        dims: The number of dimensions it must have: 3 for images, 1 for labels.
        max_values: The most values to accept.

    Returns:
        The values, uint8 with `dims` dimensions, and the whole unpacked content,
        header included, whose memory the values share.

    Raises:
        DatasetError: If the file cannot be read or unpacked, has another magic
            number, has a dimension of zero or more than `max_values` values, is
            too short, or goes on after its last value.
    """
    try:
        with _open(path) as stream:
            header = stream.read(4 + 4 * dims)
            shape = _shape(header, dims, max_values, path)
            content = bytearray(len(header) + math.prod(shape))
            content[: len(header)] = header
            found = len(header) + _fill(stream, memoryview(content)[len(header) :])
            if found < len(content):
                raise DatasetError(
                    f"{path} is cut short: its header promises {len(content):,} bytes, and it has {found:,}."
                )
            # For gzip, this read also checks the length and the CRC at the end.
            if stream.read(1):
                raise DatasetError(f"{path} goes on after the {len(content):,} bytes that its header promises.")
    except EOFError as error:
        raise DatasetError(f"{path} is cut short: the gzip data end early.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{path} cannot be unpacked: {error}.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{path} cannot be read: {reason}.") from error
    values = torch.frombuffer(content, dtype=torch.uint8, offset=len(header))
    return values.reshape(shape), content


def idx_shape(path: Path, *, dims: int) -> tuple[int, ...]:
    """The dimensions that a file's header states; its values are not read.

    Raises:
        DatasetError: the header cannot be read, or is not one of such a file.
    """
    try:
        with _open(path) as stream:
            return _shape(stream.read(4 + 4 * dims), dims, MAX_VALUES, path)
    except (EOFError, OSError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")


def _shape(header: bytes, dims: int, max_values: int, path: Path) -> tuple[int, ...]:
    """Checks the header, and gives the dimensions it states."""
    magic, expected = header[:4], bytes([0, 0, UNSIGNED_BYTE, dims])
    if magic != expected[: len(magic)]:
        raise DatasetError(
            f"{path} is not the idx file expected: it starts with 0x{magic.hex()}, "
            f"and not with 0x{expected.hex()} (unsigned bytes, dimensions: {dims})."
        )
    if len(header) < 4 + 4 * dims:
        raise DatasetError(f"{path} is cut short: it ends within its header.")
    shape = struct.unpack(f">{dims}I", header[4:])
    if not 0 < math.prod(shape) <= max_values:
        raise DatasetError(
            f"{path} states the dimensions {' × '.join(map(str, shape))}; between "
            f"1 and {max_values:,} values are accepted."
        )
    return shape


def _fill(stream: BinaryIO, target: memoryview) -> int:
    """Reads into `target` until it is full or the stream ends; gives the count."""
    filled = 0
    while filled < len(target):
        count = stream.readinto(target[filled : filled + _CHUNK])
        if not count:
            break
        filled += count
    return filled
