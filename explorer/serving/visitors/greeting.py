"""Giving words to browsers that have none: slowly, and at the beginning of a visit alone.

A word comes with a page and stays as it is. Each client address has a bucket of new ones, of which a class behind one
address never sees the bottom. Whoever gets none is served all the same, as somebody whose browser keeps no cookies.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Scope

from ...jobs import JobError
from ..gate.settings import path_below, served
from ..http.bucket import Buckets, network_of
from .old_words import identity_for
from .person import new_word, person_of, set_cookie, signed

AT_ONCE, AN_HOUR = 100, 300
WORDS = Buckets(AT_ONCE, AN_HOUR)


def greeting(scope: Scope) -> str:
    """The Set-Cookie header that goes with a page; "" where the browser has its word, or gets none now."""
    # Deeper addresses are no pages of ours, and would give the cookie a path that the pages do not have.
    if scope["method"] != "GET" or path_below(scope, served().base).count("/") > 1:
        return ""
    request = HTTPConnection(scope)
    if person_of(request.cookies) or not WORDS.take(network_of(request.client.host if request.client else None)):
        return ""
    try:
        identity = identity_for(request.cookies)
    except JobError:  # it will be known another time whether an old word is somebody's: a new one would hide that
        return ""
    return set_cookie(signed(identity) if identity else new_word(), secure=scope["scheme"] == "https")
