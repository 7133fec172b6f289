"""Bodies of requests, read before a route sees them: how large, how slow, and how many bytes there are at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNASKED = 4_096  # bytes to a route that says nothing of a body
LARGE = 1 << 20  # bodies beyond this are answered one at a time
SMALL = 1 << 18  # every state fits; those beyond leave a part of the budget to them
BUDGET, RESERVE = 64 << 20, 16 << 20
TURN_SECONDS = 20.0

Endpoint = TypeVar("Endpoint", bound=Callable)

TOO_LARGE = "That is larger than anything this address takes."
TOO_SLOW = "It took too long to arrive: try again on a better connection."
BUSY = "Too much is being sent to this server at once: try again in a minute."


class Refused(Exception):
    """A request that goes no further: a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True)
class Patience:
    """The least speed of a body: so many bytes per second, looked at in windows of so many seconds."""

    window: float = 10.0
    rate: float = 16_384.0


class Budget:
    """Bytes of all visitors' bodies together."""

    def __init__(self, most: int = BUDGET, reserve: int = RESERVE) -> None:
        self.most, self.reserve, self.held = most, reserve, 0

    def take(self, more: int, size: int) -> None:
        """More bytes for a body that is `size` long with them.

        Raises:
            Refused: there is no room, or none beside what is kept for small bodies.
        """
        if self.held + more > self.most - (self.reserve if size > SMALL else 0):
            raise Refused(503, BUSY)
        self.held += more

    def give(self, back: int) -> None:
        self.held -= back


def takes(most_bytes: int) -> Callable[[Endpoint], Endpoint]:
    """Says of a route's endpoint how long a body an honest request to it has."""

    def said(endpoint: Endpoint) -> Endpoint:
        endpoint.most_bytes = most_bytes  # type: ignore[attr-defined]
        return endpoint

    return said


def limit_of(scope: Scope, routes: Sequence[BaseRoute]) -> int:
    """The longest body that the route of a request takes."""
    for route in routes:
        if route.matches(scope)[0] == Match.FULL:
            return getattr(getattr(route, "endpoint", None), "most_bytes", UNASKED)
    return UNASKED


def declared(scope: Scope) -> int | None:
    """The length a request says its body has; None where it does not say, 0 where it has none.

    Raises:
        Refused: it is no number.
    """
    headers = Headers(scope=scope)
    text = headers.get("content-length")
    if "transfer-encoding" in headers:
        return None
    if text is None:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise Refused(400, "The length of what was sent is no number.")
    return int(text)


async def pieces(receive: Receive, most: int, patience: Patience, too_large: str = TOO_LARGE) -> AsyncIterator[bytes]:
    """A body as it arrives.

    Raises:
        Refused: it is longer than `most`, or too slow.
        ClientDisconnect: whoever sends it went away.
    """
    size, ends, by_then = 0, time.monotonic() + patience.window, 0
    more = True
    while more:
        try:
            message = await asyncio.wait_for(receive(), max(0.0, ends - time.monotonic()))
        except TimeoutError:
            message = None
        if message is None or time.monotonic() > ends:
            if size - by_then < patience.rate * patience.window and (message is None or message.get("more_body")):
                raise Refused(408, TOO_SLOW)
            ends, by_then = time.monotonic() + patience.window, size
        if message is None:
            continue
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        if size > most:
            raise Refused(413, too_large)
        if piece:
            yield piece


class Bodies:
    """Reads bodies whole and hands them on, large ones one at a time."""

    def __init__(self, patience: Patience, budget: Budget) -> None:
        self.patience, self.budget = patience, budget
        self.turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        """The app's answer to a request of which the body is read.

        Raises:
            Refused: the body is too large or too slow, or there is too much of all bodies.
            ClientDisconnect: whoever sends it went away.
        """
        if (declared(scope) or 0) > most:
            raise Refused(413, TOO_LARGE)
        body = bytearray()
        try:
            async for piece in pieces(receive, most, self.patience):
                self.budget.take(len(piece), len(body) + len(piece))
                body += piece
            async with self._turn(len(body)):
                await app(scope, _replayed(body, receive), send)
        finally:
            self.budget.give(len(body))

    @contextlib.asynccontextmanager
    async def _turn(self, size: int) -> AsyncIterator[None]:
        if size <= LARGE:
            yield
            return
        turns = self.turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(1))
        try:
            await asyncio.wait_for(turns.acquire(), TURN_SECONDS)
        except TimeoutError:
            raise Refused(503, BUSY) from None
        try:
            yield
        finally:
            turns.release()


def _replayed(body: bytearray, receive: Receive) -> Receive:
    """A `receive` that gives the whole body first."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return replayed
