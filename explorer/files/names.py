"""Names that people give to models and data sets, and that become folders and addresses."""

from __future__ import annotations

import re
from collections.abc import Collection

from .text import normal_form

LONGEST = 48
_NAME = re.compile(rf"[a-z0-9](?:[a-z0-9-]{{0,{LONGEST - 2}}}[a-z0-9])?")


def is_name(text: str) -> bool:
    """Whether a text can stand as a name: 1 to 48 small letters, digits and hyphens, none at an end."""
    return _NAME.fullmatch(text) is not None


def name_from(text: str, otherwise: str = "unnamed") -> str:
    """The nearest name to a text: "Ma chère photo.zip" gives "ma-chere-photo-zip"."""
    plain = normal_form(text, "NFKD").encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST].strip("-")
    return name or otherwise


def free_name(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or the first of wanted-2, wanted-3 and so on that is not taken."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted[: LONGEST - len(str(number)) - 1].strip('-')}-{number}"
    return name
