"""Text from outside: which encoding bytes are in, and one form for the letters of a name.

The likeliest encoding is the one under which the letters are most probable, each script with a
simple distribution over its letters, as in Bayes' rule with a prior for each encoding.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

SAMPLE = 1 << 15  # bytes looked at to tell an encoding
_PIECE = 128
_CELLS = re.compile(rb"[^,;\t\r\n]+")  # none of these is ever the second half of a letter
_WORDS = re.compile(r"[A-Za-z\x80-\U0010ffff]+")
_PIECES = re.compile(r"[\0-\x7f][^\0-\x7f]*|[^\0-\x7f]+")

# Log prior of each, for names in zip archives and for the content of files.
OF_NAMES = {"utf-8": 1.0, "cp437": 0.0, "cp866": -1.0, "cp932": -1.0, "gbk": -1.0, "big5": -3.0, "cp949": -3.0}
OF_FILES = {"cp1252": 0.0, "cp1251": -1.0, "cp932": -1.0, "gbk": -1.0, "big5": -3.0, "cp949": -3.0}
KNOWN_AS = {
    "cp437": "code page 437",
    "cp866": "code page 866 (Cyrillic)",
    "cp932": "Shift-JIS",
    "gbk": "GBK",
    "big5": "Big5",
    "cp949": "Korean (code page 949)",
    "cp1252": "Windows-1252 (latin-1)",
    "cp1251": "Windows-1251 (Cyrillic)",
}
_TYPOGRAPHIC = frozenset("‘’‚“”„–—…•€°±µ²³½¼×«»©®™§·¿¡№")


def normal_form(text: str, form: str = "NFC") -> str:
    """A text in a normal form of Unicode, in time that grows with its length alone.

    `unicodedata.normalize` sorts a run of combining marks in quadratic time. A longer text is
    taken in pieces, cut before ASCII letters, where no letter depends on the one before.
    """
    if text.isascii():
        return text
    if len(text) <= _PIECE:
        return unicodedata.normalize(form, text)
    pieces = (
        piece[start : start + _PIECE]
        for piece in _PIECES.findall(text)
        for start in range(0, len(piece), _PIECE)
    )  # fmt: skip
    return "".join(unicodedata.normalize(form, piece) for piece in pieces)


def likeliest(pieces: Iterable[bytes], priors: dict[str, float]) -> str | None:
    """The encoding that makes a collection of texts the most probable.

    Args:
        pieces: texts in one encoding; what is ASCII says nothing, and what comes again nothing
            more, so both are passed over.
        priors: encodings, each with its log prior.

    Returns:
        An encoding that reads all that was looked at; None where none does, or all is ASCII.
    """
    telling: set[bytes] = set()
    size = 0
    for piece in pieces:
        if not piece.isascii() and piece not in telling:
            telling.add(piece)
            size += len(piece)
            if size > SAMPLE:
                break
    found: tuple[float, str] | None = None
    for encoding, prior in priors.items() if telling else ():
        try:
            words = {word for piece in telling for word in _WORDS.findall(piece.decode(encoding))}
        except UnicodeDecodeError:
            continue
        score = prior + sum(_log_likelihood(word, encoding) for word in words if not word.isascii())
        if found is None or score > found[0]:
            found = score, encoding
    return None if found is None else found[1]


def _log_likelihood(text: str, encoding: str) -> float:
    total, before = 0.0, " "
    for at, letter in enumerate(text):
        after = text[at + 1] if at + 1 < len(text) else " "
        total += math.log(1 / 95) if letter < "\x80" else _rare(letter, before, after, encoding)
        before = letter
    return total


def _rare(letter: str, before: str, after: str, encoding: str) -> float:
    """Log probability of a letter that is not ASCII, beside its neighbours."""
    script, share = _script(letter, encoding)
    score = math.log(share)
    beside_ascii = any(other.isascii() and other.isalpha() for other in (before, after))
    if script == "latin":
        if not beside_ascii:
            score -= 4  # an accented letter stands among plain ones
        elif before.isascii() and before.islower() and letter.isupper():
            score -= 3
    elif script == "cyrillic":
        if beside_ascii or not any(_script(other, encoding)[0] == script for other in (before, after)):
            score -= 5
        if letter.isupper() and before.islower():
            score -= 3
    elif script == "east" and beside_ascii:
        score -= 2
    return score


@lru_cache(maxsize=1 << 15)
def _script(letter: str, encoding: str) -> tuple[str, float]:
    """A letter's script, and its share among the letters of texts in that encoding."""
    code = ord(letter)
    if code < 0x80:
        return "ascii", 1 / 95
    if letter in _TYPOGRAPHIC:
        return "sign", 0.1 / len(_TYPOGRAPHIC)
    if code < 0x180 and letter.isalpha():
        return "latin", 0.9 / 60
    if 0x400 <= code < 0x460:
        return "cyrillic", (0.85 if letter.islower() else 0.13) / 33
    if 0x3041 <= code <= 0x30FF:
        return "east", 0.4 / 170 if encoding in ("cp932", "utf-8") else 0.01 / 170
    if 0x3000 <= code <= 0x303F or 0xFF01 <= code <= 0xFF5E:
        return "east", 0.03 / 150
    if 0xAC00 <= code <= 0xD7A3:
        return "east", 0.95 / 2350 if 0xB0 <= _lead(letter, "euc_kr") <= 0xC8 else 0.01 / 8800
    if 0x4E00 <= code <= 0x9FFF:
        return "east", _ideograph(letter, encoding)
    return "other", 1e-6 if code < 0x20000 else 1e-10


def _ideograph(letter: str, encoding: str) -> float:
    """Share of a Chinese character: the common ones come first in each standard."""
    if encoding == "cp932":
        return 0.55 / 2965 if 0xB0 <= _lead(letter, "euc_jp") <= 0xCF else 0.005 / 3390
    if encoding == "gbk":
        return 0.95 / 3755 if 0xB0 <= _lead(letter, "gb2312") <= 0xD7 else 0.01 / 17_000
    if encoding == "big5":
        return 0.95 / 5401 if 0xA4 <= _lead(letter, "big5") <= 0xC6 else 0.01 / 7650
    return 0.9 / 6000 if encoding == "utf-8" else 0.02 / 4888


def _lead(letter: str, encoding: str) -> int:
    try:
        return letter.encode(encoding)[0]
    except UnicodeEncodeError:
        return 0


def decoded(content: bytes) -> tuple[str, str]:
    """The text of a file, and the name of its encoding where that had to be guessed, else "".

    Raises:
        UnicodeError: it is no text; the message says so.
    """
    for mark, encoding in ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"),
                           (b"\xfe\xff", "utf-16")):  # fmt: skip
        if content.startswith(mark):
            try:
                return content.decode(encoding), ""
            except UnicodeDecodeError:
                raise UnicodeError(f"It is damaged: its start says {encoding.upper()}, and it is not.") from None
    if b"\0" in content:
        return _wide(content), "UTF-16"
    try:
        return content.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        pass
    for encoding in _by_likelihood(content):
        try:
            return content.decode(encoding), KNOWN_AS[encoding]
        except UnicodeDecodeError:
            continue
    # What Windows-1252 leaves out is replaced.
    return content.decode("cp1252", "replace"), KNOWN_AS["cp1252"]


def _by_likelihood(content: bytes) -> Sequence[str]:
    """Encodings for a file, the likeliest first; its cells are looked at."""
    priors, found = dict(OF_FILES), []
    cells = _CELLS.findall(content, 0, 64 * SAMPLE)
    while encoding := likeliest(cells, priors):
        found.append(encoding)
        del priors[encoding]
        if len(found) == 2:  # a third guess is none
            break
    return found


def _wide(content: bytes) -> str:
    """UTF-16 without a mark: every second byte of what is mostly ASCII is zero."""
    start = content[: 1 << 12]
    odd, even = start[1::2].count(0), start[::2].count(0)
    if len(content) % 2 == 0 and max(odd, even) > 0.6 * (len(start) // 2) and min(odd, even) == 0:
        try:
            return content.decode("utf-16-le" if odd else "utf-16-be")
        except UnicodeDecodeError:
            pass
    raise UnicodeError("It is not text, so it is no table.")
