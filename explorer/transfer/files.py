"""Which files a model is made of, how large each may be, and why some are refused."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from ..checkpoint.card import EVALUATION_FILE
from ..checkpoint.gallery import INDEX_FILE, SHEET_FILE
from ..checkpoint.gaps import GAPS_FILE
from ..checkpoint.gaps import MAX_BYTES as MAX_GAPS_BYTES
from ..checkpoint.programs import DECODER_FILE
from ..checkpoint.weights import CARD_FILE, CONFIG_FILE, MAX_CONFIG_BYTES, WEIGHTS_FILE

METRICS_FILE = "metrics.jsonl"
SOURCE_FILE = "source.json"  # where a brought model is from; ours, never taken from a stranger

# The weights' own limit follows from config.json: checkpoint.most_weight_bytes.
MAX_BYTES = {
    CONFIG_FILE: MAX_CONFIG_BYTES,
    CARD_FILE: 1 << 20,
    EVALUATION_FILE: 1 << 20,
    INDEX_FILE: 2 << 20,
    SHEET_FILE: 64 << 20,
    METRICS_FILE: 64 << 20,
    GAPS_FILE: MAX_GAPS_BYTES,
}
# Taken from strangers; decoder.onnx is not: the browser would run it, and it is made anew from the weights.
TAKEN = (CONFIG_FILE, WEIGHTS_FILE, CARD_FILE, EVALUATION_FILE, SHEET_FILE, INDEX_FILE, METRICS_FILE, GAPS_FILE)
SENT = (*TAKEN, DECODER_FILE)
NEEDED = (CONFIG_FILE, WEIGHTS_FILE)

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
WHY_NO_PICKLE = (
    "Such a file is a Python pickle, which can run any program when it is opened, so none is taken: "
    "keep the weights as model.safetensors, and leave the pickle out"
)


class TransferError(ValueError):
    """A model is not taken, or cannot be sent; the message says why, and what to do."""


def is_regular(path: Path) -> bool:
    """Whether a file lies there itself: a link may lead anywhere on this machine, and is not followed."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def open_regular(path: Path) -> BinaryIO:
    """Opens a file for reading, and refuses what has become a link or a pipe since it was looked at.

    Raises:
        OSError: it is none, or cannot be read.
    """
    flags = (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))  # where the system has them
    handle = os.open(path, sum(flags, os.O_RDONLY))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not an ordinary file")
    return os.fdopen(handle, "rb")


def refuse_pickles(names: Iterable[str]) -> None:
    """Refuses a model that comes with a pickle.

    Raises:
        TransferError: one of the names ends as a pickle's does.
    """
    for name in names:
        if name.lower().endswith(PICKLES):
            raise TransferError(f"{shown(name)} is refused. {WHY_NO_PICKLE}.")


def passed_over(names: Iterable[str]) -> tuple[str, ...]:
    """What is said of the files that a model does not need: at most two sentences."""
    others = sorted(names)
    said = []
    if any(name.rpartition("/")[2] == DECODER_FILE for name in others):
        said.append(f"{DECODER_FILE} was left out: it is made anew from the weights, which can be checked.")
        others = [name for name in others if name.rpartition("/")[2] != DECODER_FILE]
    if others:
        more = f" and {len(others) - 3:,} more" if len(others) > 3 else ""
        said.append(f"Passed over, since a model needs none of it: {', '.join(map(shown, others[:3]))}{more}.")
    return tuple(said)


def shown(name: str) -> str:
    """A stranger's file name as it can be put into a sentence."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in name)
    return plain if len(plain) <= 80 else f"{plain[:38]}…{plain[-38:]}"
