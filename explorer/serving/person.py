"""Who is asking: an opaque word in a cookie, so that a reload is the same person. Nobody signs in."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

COOKIE = "explorer_person"
_WORD = re.compile(r"[0-9a-f]{32}")
YEAR = 365 * 86_400


def person_of(cookies: Mapping[str, str]) -> str:
    """The person's word, or "" where the browser keeps no cookies."""
    word = cookies.get(COOKIE)
    return word if isinstance(word, str) and _WORD.fullmatch(word) else ""


def new_cookie() -> str:
    """A Set-Cookie header for somebody new; scripts of a page cannot read it."""
    return f"{COOKIE}={secrets.token_hex(16)}; Path=/; Max-Age={YEAR}; HttpOnly; SameSite=Lax"
