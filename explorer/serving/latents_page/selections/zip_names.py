"""Names of the files in a zip: as near to what pictures were called as is safe on every machine, each once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

LONGEST_PART, LONGEST = 100, 240  # letters of a folder's or file's name, and of both together
MOST_FOLDERS = 12
# What Windows refuses in a name, controls, and the marks that turn the direction of writing.
_UNSAFE = re.compile('[<>:"|?*\\\\\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.I)


class ZipNames:
    """Gives names away, none twice: neither by capitals alone, nor a file where there is a folder.

    Args:
        taken: of files that the zip holds beside.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._files = {name.casefold() for name in taken}
        self._folders: set[str] = set()

    def name(self, wanted: str, ending: str) -> str:
        """A path like `wanted`, with `ending` (as ".png") in the place of its own."""
        *folders, last = [_safe(part) for part in wanted.split("/") if part not in ("", ".", "..")] or ["_"]
        folders = folders[-MOST_FOLDERS:]
        stem = _safe(PurePosixPath(last).stem)
        while folders and len("/".join([*folders, stem])) > LONGEST:
            folders.pop(0)
        inside = [self._folder("/".join(folders[: k + 1])) for k in range(len(folders))]
        if not all(inside):
            folders = ["_".join(folders)[:LONGEST_PART]]
            while not self._folder(folders[0]):
                folders = [f"{folders[0]}_"]
        number, name = 1, "/".join([*folders, stem + ending])
        while name.casefold() in self._files or name.casefold() in self._folders:
            number += 1
            name = "/".join([*folders, f"{stem}-{number}{ending}"])
        self._files.add(name.casefold())
        self._folders.update("/".join(folders[: k + 1]).casefold() for k in range(len(folders)))
        return name

    def _folder(self, name: str) -> bool:
        """Whether this can be a folder: no file has its name."""
        return name.casefold() not in self._files


def _safe(part: str) -> str:
    """One part of a path that every system takes."""
    part = _UNSAFE.sub("_", part)[:LONGEST_PART].strip(" ").rstrip(". ") or "_"
    return f"_{part}" if _DEVICES.fullmatch(part) else part
