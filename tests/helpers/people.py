"""People as tests want them: words that this data folder has signed."""

from __future__ import annotations

from starlette.testclient import TestClient

from explorer.files.owners import mark_of
from explorer.serving.visitors.person import cookie_name, signed


def identity_of(name: str) -> str:
    """128 bits that stand for a person of this name."""
    return name.encode().hex()[:32].ljust(32, "0")


def mark(name: str) -> str:
    """The mark under which a person's things are kept."""
    return mark_of(identity_of(name))


def come_as(client: TestClient, name: str) -> None:
    """Gives a client the word of a person; "" takes it away."""
    client.cookies.clear()
    if name:
        client.cookies.set(cookie_name(), signed(identity_of(name)))
