"""Visitors told apart by a signed word in a cookie, so that a reload is the same person. Nobody signs in.

A word is 128 random bits and their signature by the data folder's secret; one that was invented or altered is
nobody's. The word itself is read here alone: the rest of the program knows its mark, see `explorer.files.owners`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from ...datasets import default_data_dir
from ...files.owners import mark_of, may_change
from ..gate import is_local
from ..http.bucket import network_of
from .secret import secret_of, sign

YEAR = 365 * 86_400
UNSIGNED_COOKIE = "explorer_person"  # of versions whose words were not signed: see `old_words`
_WORD = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})")


@dataclass(frozen=True)
class Visitor:
    """A visitor, as far as it matters for what may be kept and changed.

    Attributes:
        person: the mark of the signed word, "" without one; network: of the client's address, hashed.
        local: whether the visitor sits at the machine that serves.
    """

    person: str
    network: str = ""
    local: bool = False

    def may_change(self, owner: str) -> bool:
        """Whether this visitor may change what the owner of a mark keeps."""
        return may_change(owner, self.person, self.local)


def cookie_name() -> str:
    """The name of the cookie: one for each data folder, since browsers send all ports of a host the same cookies."""
    return f"explorer_{hashlib.sha256(b'name' + secret_of(default_data_dir())).hexdigest()[:8]}"


def new_word() -> str:
    """A word for somebody new."""
    return signed(secrets.token_hex(16))


def signed(identity: str) -> str:
    """The word of 32 hexadecimal digits with their signature."""
    return f"{identity}.{sign(default_data_dir(), 'person', identity)}"


def person_of(cookies: Mapping[str, str]) -> str:
    """The mark of the person with these cookies; "" where there is no word among them that was given here."""
    word = cookies.get(cookie_name())
    found = _WORD.fullmatch(word) if isinstance(word, str) else None
    if found is None or not hmac.compare_digest(sign(default_data_dir(), "person", found[1]), found[2]):
        return ""
    return mark_of(found[1])


def network_mark(address: str | None) -> str:
    """A keyed hash of a client's network, to be kept beside what is counted against its share."""
    return sign(default_data_dir(), "network", network_of(address))[:16]


def visitor_of(request: HTTPConnection) -> Visitor:
    """The visitor who sends a request."""
    address = request.client.host if request.client else None
    return Visitor(person_of(request.cookies), network_mark(address), is_local(request.headers))


def set_cookie(word: str, *, secure: bool = False) -> str:
    """A Set-Cookie header; scripts of a page cannot read the word, and other sites' pages do not send it.

    It names no path, so that the browser takes the page's own: the app's base, also behind a proxy that puts the app
    below a path of which the server knows nothing.
    """
    return f"{cookie_name()}={word}; Max-Age={YEAR}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
