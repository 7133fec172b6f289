"""Files that visits bring by Streamlit's own address: so many bytes a visit and in all, and only where a form asks.

Streamlit holds each in memory until its visit is over, and takes any from whoever has a visit. Here a page says that it
has a form, and which files that holds; what no form holds is swept by a timer, and so is what a visit leaves behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message, Receive, Scope

from .bodies import Patience, Refused, declared, pieces

VISIT = 600 << 20  # a zip as large as one may be, and something more
A_FILE = 4_096  # bytes that a file counts for at least: many empty ones are something, too
UNHELD_SECONDS = 60.0  # of a file that no form holds, since its visit last brought one
LEFT_SECONDS = 150.0  # of the files of a visit without a page; Streamlit lets it come back for 120
SWEEP_SECONDS = 15.0
TOO_MUCH = "This visit has brought as much as one may: {most} MB in all. Remove some of it first."
FULL = "Other people are bringing files, and there is no room at the moment: try again in a few minutes."
UNASKED = "No form on this visit's page asks for a file: reload the page."


def room() -> int:
    """Bytes for all visits together: a quarter of the machine's memory, 2 GB at most, and enough for one visit."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        memory = 8 << 30
    return max(VISIT, min(2 << 30, memory // 4))


@dataclass
class _Visit:
    """A visit's forms. `forms` of the run that goes on are `now`; a file is held where a form holds it."""

    held: dict[str, frozenset[str]] = field(default_factory=dict)
    now: set[str] = field(default_factory=set)
    coming: int = 0
    requests: int = 0
    last: float = 0.0  # when it last brought something
    left: float | None = None  # when it was first seen without a page


class Uploads:
    """Account of the files that every visit has brought and may bring.

    Args:
        runtime: gives Streamlit's runtime, or None where there is none.
    """

    def __init__(self, runtime: Callable[[], Any], *, visit: int = VISIT, most: int | None = None) -> None:
        self.runtime, self.visit, self.most = runtime, visit, most or room()
        self.visits: dict[str, _Visit] = {}

    # Said by pages

    def begin(self, session: str) -> None:
        """A run of a page's script begins: its forms are said anew."""
        self.visits.setdefault(session, _Visit()).now = set()

    def form(self, session: str, name: str, files: Iterable[str] | None = None) -> None:
        """A page has a form of this name, which holds files of these identities; None where they are not known yet."""
        visit = self.visits.setdefault(session, _Visit())
        visit.now.add(name)
        if files is not None:
            visit.held[name] = frozenset(files)
        else:
            visit.held.setdefault(name, frozenset())

    def end(self, session: str) -> None:
        """A run is over: forms it did not have are gone."""
        visit = self.visits.get(session)
        if visit is not None:
            visit.held = {name: files for name, files in visit.held.items() if name in visit.now}

    # Asked by the gate

    def put_by(self, session: str, more: int) -> None:
        """Room for so many bytes more of a visit.

        Raises:
            Refused: it may not bring them.
        """
        visit = self.visits.get(session)
        if visit is None or not visit.held:
            raise Refused(403, UNASKED)
        files = self._files()  # copies, as of the visits below: pages' threads add to both meanwhile
        if _size(files.get(session, {})) + visit.coming + more > self.visit:
            raise Refused(413, TOO_MUCH.format(most=self.visit >> 20))
        coming = sum(other.coming for other in list(self.visits.values()))
        if sum(map(_size, files.values())) + coming + more > self.most:
            raise Refused(503, FULL)
        visit.coming += more

    def begun(self, session: str) -> None:
        """A visit brings a file."""
        self.visits[session].requests += 1

    def over(self, session: str, put_by: int) -> None:
        """A file is there, or will not come: what was put by for it is free."""
        visit = self.visits[session]
        visit.coming -= put_by
        visit.requests -= 1
        visit.last = time.monotonic()

    def _files(self) -> dict[str, dict[str, Any]]:
        manager = getattr(self.runtime(), "uploaded_file_mgr", None)
        found = getattr(manager, "file_storage", None)
        return {session: dict(files) for session, files in dict(found).items()} if isinstance(found, dict) else {}

    # The timer's

    def sweep(self, now: float | None = None) -> None:
        """Takes away what no form holds, and what visits without a page have left."""
        runtime = self.runtime()
        if runtime is None:
            return
        now = time.monotonic() if now is None else now
        manager, files = runtime.uploaded_file_mgr, self._files()
        for session in {*files, *self.visits}:
            visit = self.visits.setdefault(session, _Visit(last=now))
            if runtime.is_active_session(session):
                visit.left = None
                if not visit.requests and now - visit.last > UNHELD_SECONDS:
                    held = frozenset().union(*visit.held.values())
                    for name in files.get(session, {}).keys() - held:
                        manager.remove_file(session_id=session, file_id=name)
                continue
            visit.left = now if visit.left is None else visit.left
            if now - visit.left > LEFT_SECONDS and not visit.requests:
                manager.remove_session_files(session)
                del self.visits[session]
        # A visit that is over is dropped by Streamlit when the next one ends, which may be tomorrow.
        with contextlib.suppress(AttributeError):
            runtime._session_mgr._session_storage._cache.expire()

    async def sweep_on(self) -> None:
        """Sweeps as long as the server is up."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                self.sweep()
            except Exception:  # another version of Streamlit, perhaps: the next sweep may do better
                logging.getLogger("explorer").warning("Files of visitors were not swept.", exc_info=True)


@contextlib.asynccontextmanager
async def streamed(
    uploads: Uploads, session: str, scope: Scope, receive: Receive, patience: Patience
) -> AsyncIterator[Receive]:
    """A `receive` for a file on its way to Streamlit, counted as it arrives.

    Raises:
        Refused: the visit may not bring it, or it is too slow.
    """
    length = declared(scope)
    put_by = length or A_FILE
    uploads.put_by(session, put_by)
    uploads.begun(session)
    arriving = pieces(receive, uploads.visit if length is None else length, patience)
    size = 0

    async def counted() -> Message:
        nonlocal put_by, size
        piece = await anext(arriving, None)
        if piece is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        size += len(piece)
        if size > put_by:  # of a length that was not said
            uploads.put_by(session, more := max(len(piece), 1 << 20))
            put_by += more
        return {"type": "http.request", "body": piece, "more_body": True}

    try:
        yield counted
    finally:
        uploads.over(session, put_by)
        await arriving.aclose()


def _size(files: dict[str, Any]) -> int:
    return sum(max(A_FILE, len(file.data)) for file in files.values())


def _streamlit() -> Any:
    from streamlit import runtime

    return runtime.get_instance() if runtime.exists() else None


UPLOADS = Uploads(_streamlit)
