"""Ownership of everything that is kept: marks of people, and the one rule of who may change a thing.

A mark is a hash of the word in a person's browser. Marks are what the database, file names and files hold: nobody
comes back from one to the word, so a copy of the data folder lets nobody pass for its people.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

OWNER_FILE = "owner.json"
MARK_LENGTH = 32
# In source.json of models that were brought before words were signed.
_SHORT_MARK = 16
MAX_BYTES = 1_024


def mark_of(word: str) -> str:
    """The mark of the person with a word: 32 hexadecimal digits; "" for no word."""
    return hashlib.sha256(word.encode()).hexdigest()[:MARK_LENGTH] if word else ""


def owns(owner: str, person: str) -> bool:
    """Whether an owner's mark is this person's; nobody ("") owns nothing."""
    if not owner or not person:
        return False
    return owner == person or (len(owner) == _SHORT_MARK and person.startswith(owner))


def may_change(owner: str, person: str, local: bool) -> bool:
    """Whether a visitor may steer, change or delete a thing: its owner may, and whoever sits at the machine.

    Args:
        owner: the mark kept with the thing, "" where none is; person: the visitor's mark, "" for nobody.
        local: whether the visitor sits at the machine that serves.
    """
    return local or owns(owner, person)


def whose(owner: str, person: str, done: str = "started") -> str:
    """A few words on whose a thing is: "yours", or "started by someone else"; "" where no owner is known."""
    if owns(owner, person):
        return "yours"
    return f"{done} by someone else" if owner else ""


def owner_of(folder: Path) -> str:
    """The mark kept in a folder of a model or of pictures; "" where there is none."""
    try:
        path = folder / OWNER_FILE
        facts = json.loads(path.read_text("utf-8")) if path.stat().st_size <= MAX_BYTES else {}
        owner = facts.get("owner") if isinstance(facts, dict) else None
    except (OSError, ValueError, RecursionError):
        return ""
    return owner if isinstance(owner, str) else ""


def write_owner(folder: Path, owner: str) -> None:
    """Keeps a mark in a folder; none for nobody.

    Raises:
        OSError: the folder cannot be written.
    """
    if owner:
        (folder / OWNER_FILE).write_text(json.dumps({"owner": owner}) + "\n", "utf-8")


def hide_words(folder: Path) -> None:
    """Renames files of the form <word>-<rest> in a folder to <mark>-<rest>~, which is not taken for one again.

    Files were named after the words themselves before these were signed.
    """
    with contextlib.suppress(OSError):
        for path in [*folder.glob("*.json")]:
            word, _, rest = path.stem.partition("-")
            if rest and "~" not in rest and len(word) == MARK_LENGTH:
                with contextlib.suppress(OSError):
                    path.replace(path.with_name(f"{mark_of(word)}-{rest}~.json"))
