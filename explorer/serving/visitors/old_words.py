"""Words that were given before words were signed: exchanged, once, for signed ones.

An old word is 128 random bits, so that who has it is whose it is; but anybody can invent one. It is exchanged only
where its mark is the owner of something in this data folder, so that an invented word is worth nothing. And only once:
old copies of the data folder hold such words, which are worth nothing either as soon as their people have been here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from ...datasets import default_data_dir
from ...files.owners import mark_of, owns
from ...transfer import owners_of_models
from ..latents_page.tables.store import has_tables
from ..train_page.routes import open_database
from .person import UNSIGNED_COOKIE

# Two pages that are opened together ask twice.
TOGETHER_SECONDS = 60.0
_OLD = re.compile("[0-9a-f]{32}")


def identity_for(cookies: Mapping[str, str]) -> str:
    """The old word to go on with, signed; "" where there is none, or it is not to be exchanged.

    Raises:
        JobError: the database cannot be used.
    """
    word = cookies.get(UNSIGNED_COOKIE, "")
    if not _OLD.fullmatch(word):
        return ""
    mark, now, database = mark_of(word), time.time(), open_database(default_data_dir())
    with database.open() as table:
        row = table.execute("SELECT at FROM exchanged WHERE owner = ?", (mark,)).fetchone()
        keeps = "SELECT 1 FROM jobs WHERE person = ? UNION SELECT 1 FROM fits WHERE person = ?"
        known = table.execute(keeps, (mark, mark)).fetchone() is not None
    if row is None and (known or has_tables(mark) or any(owns(owner, mark) for owner in owners_of_models().values())):
        with database.open(write=True) as table:
            table.execute("INSERT OR IGNORE INTO exchanged (owner, at) VALUES (?, ?)", (mark, now))
            row = table.execute("SELECT at FROM exchanged WHERE owner = ?", (mark,)).fetchone()
    return word if row is not None and now - row["at"] < TOGETHER_SECONDS else ""
