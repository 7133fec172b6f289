"""Folders that pictures lie in: which of their levels tells classes, and which a split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

MOST_NAMES = 200
"""Different folders of a level that may be classes."""
_DEEPEST = 12
_SPLIT = re.compile(
    r"(?:(?P<train>train|training|learn)|(?P<test>test|testing|holdout)|(?P<val>val|valid|validation|dev|eval))"
    r"[ _-]{0,3}(?:set|data|split|images|imgs|part)?[ _-]{0,3}[0-9]{0,6}"
)
_CONTAINERS = frozenset(
    [
        "image",
        "images",
        "img",
        "imgs",
        "picture",
        "pictures",
        "photo",
        "photos",
        "jpg",
        "jpeg",
        "png",
        "data",
        "raw",
        "files",
        "originals",
        "frames",
        "crops",
        "masks",
        "mask",
        "annotations",
        "labels",
    ]
)
_NUMBERED = re.compile(r"[^0-9]{0,60}[0-9][0-9 ._-]{0,60}")


@dataclass(frozen=True)
class Level:
    """One level of the folders.

    Attributes:
        names: of each picture's folder on that level; None where it lies in none so deep.
        title: for people and as a column: "folder 2", counted from the outermost.
    """

    names: tuple[str | None, ...]
    title: str

    @property
    def different(self) -> list[str]:
        """The names of the folders, each once, in the order in which pictures have them."""
        return list(dict.fromkeys(name for name in self.names if name))


def folder_levels(names: Sequence[str]) -> list[Level]:
    """The levels that part the pictures into classes, the likeliest first.

    Such a level has two names or more, at most `MOST_NAMES`, and fewer than half as many as there
    are pictures. train, test and the like are a split, no classes. Levels are counted from the
    outermost folder and, where pictures lie in different depths, from the innermost as well.

    Args:
        names: relative paths of the pictures, with "/".
    """
    levels = [level for level in _levels(names) if 2 <= len(level.different) <= MOST_NAMES]
    levels = [level for level in levels if 2 * len(level.different) <= len(names) and not _is_split(level)]
    order = {id(level): place for place, level in enumerate(levels)}
    return sorted(levels, key=lambda level: (*_doubts(level), order[id(level)]))


def folder_split(names: Sequence[str]) -> tuple[Level, torch.Tensor] | None:
    """The level whose folders are called train and test or val, and the pictures kept for testing, bool (n,).

    Of train, val and test, test is for testing and val for training; None where there is no such level.
    """
    for level in _levels(names):
        if len(level.different) > 1 and (test := split_of(level.names)) is not None:
            return level, test
    return None


def split_of(words: Sequence[str | None]) -> torch.Tensor | None:
    """The pictures that words such as train, val and test keep for testing, bool (n,); None where they are others."""
    parts = {word: _part(word) for word in set(words)}
    kinds = set(parts.values())
    if "train" not in kinds or None in kinds or len(kinds) < 2:
        return None
    kept = "test" if "test" in kinds else "val"
    return torch.tensor([parts[word] == kept for word in words])


def _part(word: str | None) -> str | None:
    found = _SPLIT.fullmatch(word.casefold()) if word and len(word) < 40 else None
    return found.lastgroup if found else None


def _is_split(level: Level) -> bool:
    return all(_part(name) for name in level.different)


def _levels(names: Sequence[str]) -> list[Level]:
    """Every level that is not the same for all, none twice."""
    folders = [name.split("/")[:-1][:_DEEPEST] for name in names]
    depth = max(map(len, folders), default=0)
    found: dict[tuple[str | None, ...], Level] = {}
    for level in range(depth):
        here = tuple(parts[level] if level < len(parts) else None for parts in folders)
        found.setdefault(here, Level(here, f"folder {level + 1}"))
    if min(map(len, folders), default=0) < depth:
        for level in range(depth):
            here = tuple(parts[-1 - level] if level < len(parts) else None for parts in folders)
            title = "innermost folder" if level == 0 else f"folder {level + 1} from the innermost"
            found.setdefault(here, Level(here, title))
    return [level for level in found.values() if len(set(level.names)) > 1]


def _doubts(level: Level) -> tuple[bool, bool, bool, bool]:
    """Reasons against a level, the strongest first; the outermost of equals is the class, as ImageFolder has it."""
    different = level.different
    plain = [name.casefold() for name in different]
    containers = sum(name in _CONTAINERS for name in plain) * 2 >= len(plain)
    mixed = any(_part(name) for name in different)  # "train" beside classes: levels of different depths
    numbered = sum(bool(_NUMBERED.fullmatch(name)) for name in plain) * 2 > len(plain)
    few = min(Counter(name for name in level.names if name).values()) < 2
    return containers or mixed, None in level.names, numbered, few
