"""Bodies that are too large, too slow or too many, and files that no form asks for."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from explorer.serving.gate import Gate, Settings, takes
from explorer.serving.gate import bodies as bodies_
from explorer.serving.gate.bodies import Budget, Patience
from explorer.serving.gate.uploads import A_FILE, LEFT_SECONDS, UNHELD_SECONDS, Uploads, _Visit
from explorer.serving.http.sent import read_json
from tests.helpers.loops import complete
from tests.helpers.places import ROOT

QUICK = Patience(window=0.15, rate=20_000)  # 3,000 bytes a window
MOST = 4 << 20


@takes(MOST)
async def counted(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


async def quick(_: Request) -> JSONResponse:
    return JSONResponse({})


ROUTES = [Route("/large", counted, methods=["POST"]), Route("/quick", quick, methods=["GET", "POST"])]


def gate(app: Any = None, **options: Any) -> Gate:
    from starlette.applications import Starlette

    options = {"patience": QUICK, **options}
    return Gate(app or Starlette(routes=ROUTES), ROUTES, Settings, **options)


async def send(
    door: Gate, path: str, *pieces: bytes, pause: float = 0.0, method: str = "POST", length: int | None = None
) -> tuple[int, Any]:
    """Status and JSON of a request whose body comes in pieces, with a pause before each."""
    headers = [(b"host", b"localhost")]
    headers += [(b"transfer-encoding", b"chunked")] if length is None else [(b"content-length", b"%d" % length)]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8501), "scheme": "http",
             "root_path": ""}  # fmt: skip
    left, said = list(pieces), []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        if not left:
            await asyncio.sleep(60)  # a line that has gone quiet
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": piece != b""}

    async def answered(message: dict[str, Any]) -> None:
        said.append(message)

    await door(scope, receive, answered)
    return said[0]["status"], json.loads(b"".join(message.get("body", b"") for message in said[1:]) or b"null")


def test_a_body_as_long_as_said_or_not_is_taken_up_to_its_limit() -> None:
    async def run() -> None:
        door = gate()
        for length in (MOST, None):
            assert await send(door, "/large", b"x" * MOST, b"", length=length) == (200, {"bytes": MOST})
        for length in (MOST + 1, 10**18, None):
            status, said = await send(door, "/large", b"x" * (MOST + 1), b"", length=length)
            assert status == 413 and said["error"].endswith(".")
        assert (await send(door, "/quick", b"x" * 5_000, b""))[0] == 413  # it says nothing of a body
        assert (await send(door, "/nowhere", b"x" * 5_000, b"", method="PUT"))[0] == 413
        assert door.bodies.budget.held == 0

    complete(run())


def test_a_body_that_stalls_or_drips_is_refused_and_a_slow_one_is_not() -> None:
    async def run() -> None:
        door = gate()
        began = time.monotonic()
        stalled = send(door, "/large", b"x" * 2_000_000)
        drips = send(door, "/large", *[b"x"] * 100, pause=0.05)
        slow = send(door, "/large", *[b"x" * 2_000] * 10, b"", pause=0.04)
        found = await asyncio.gather(stalled, drips, slow)
        assert [status for status, _ in found] == [408, 408, 200] and time.monotonic() - began < 3
        assert door.bodies.budget.held == 0

    complete(run())


def test_all_bodies_together_are_bounded_and_small_ones_come_through() -> None:
    async def run() -> None:
        door = gate(budget=Budget(most=6 << 20, reserve=1 << 20), patience=Patience(1.0, 1))
        stalled = [asyncio.create_task(send(door, "/large", b"x" * (2 << 20))) for _ in range(4)]
        while sum(task.done() for task in stalled) < 2:
            await asyncio.sleep(0.002)
        assert door.bodies.budget.held == 4 << 20  # two of the four
        assert await send(door, "/large", b"{}", b"") == (200, {"bytes": 2})
        assert await send(door, "/quick", method="GET", length=0) == (200, {})
        assert door.bodies.budget.held == 4 << 20  # nobody waited for the large ones
        assert sorted([status for status, _ in await asyncio.gather(*stalled)]) == [408, 408, 503, 503]
        assert door.bodies.budget.held == 0

    complete(run())


def test_large_bodies_are_answered_one_at_a_time_and_others_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        inside, most, go = asyncio.Event(), [0, 0], asyncio.Event()

        async def app(scope: Any, receive: Any, answer: Any) -> None:
            if scope["path"] == "/large":
                most[0] += 1
                most[1] = max(most)
                inside.set()
                await go.wait()
                most[0] -= 1
            await JSONResponse({})(scope, receive, answer)

        async def large() -> int:
            return (await send(door, "/large", b"x" * (2 << 20), b""))[0]

        door = gate(app, patience=Patience())
        tasks = [asyncio.create_task(large()) for _ in range(3)]
        await inside.wait()
        assert (await send(door, "/quick", b"{}", b""))[0] == 200  # while a large one is inside
        go.set()
        assert await asyncio.gather(*tasks) == [200] * 3 and most[1] == 1
        monkeypatch.setattr(bodies_, "TURN_SECONDS", 0.05)
        inside.clear()
        go.clear()
        first = asyncio.create_task(large())
        await inside.wait()
        assert await large() == 503
        go.set()
        assert await first == 200

    complete(run())


@pytest.mark.parametrize("body", [b"[" + b"[]," * 2_000_000 + b"[]]", b"[" * 6_000_000, b'["",' * 1_500_000,
                                  b'{"":{' * 1_000_000, b"1," * 3_000_000, b'["\\\\",' * 1_000_000])  # fmt: skip
def test_millions_of_values_are_not_parsed(body: bytes) -> None:
    began = time.thread_time()  # whoever waits for the interpreter meanwhile waits no longer than this
    with pytest.raises(ValueError, match="too many"):
        read_json(body)
    assert time.thread_time() - began < 0.5


def test_json_is_read_as_ever() -> None:
    csv = 'a,"b",{[\\' * 50_000  # a table's text holds what it likes
    for value in ({"csv": csv}, [1, 2, {"a": "\\"}], '\\"', None, {"u": [0.1, -2e-3], "s": 'x","y'}):
        assert read_json(json.dumps(value).encode(), 8) == value
    with pytest.raises(ValueError, match="too many values"):
        read_json(b"[1,2,3,4,5,6,7,8,9]", 8)
    with pytest.raises(ValueError):
        read_json(b"[" * 50_000, 1 << 17)


def test_json_is_counted_in_the_encoding_in_which_it_is_read() -> None:
    """In UTF-16 the byte of a quote is half of other letters, and what follows was counted as a string."""
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        with pytest.raises(ValueError):
            read_json(f'["\u2220",{"[]," * 100}1]'.encode(encoding), 8)


def test_halves_of_letters_are_refused_and_whole_ones_are_read() -> None:
    for body in (b'{"id": "\\ud800"}', b'["\\uDC00\\ud83d"]', b'{"\\udfff": 1}', b'"\xed\xa0\x80"'):
        with pytest.raises(ValueError):
            read_json(body)
    assert read_json(b'["\\ud83d\\ude00", "\\\\ud800"]') == ["\U0001f600", "\\ud800"]


# Files


class Runtime:
    """Streamlit's runtime as the uploads see it."""

    def __init__(self) -> None:
        self.uploaded_file_mgr = MemoryUploadedFileManager("/")
        self.pages: set[str] = set()

    def is_active_session(self, session: str) -> bool:
        return session in self.pages

    def bring(self, session: str, name: str, size: int) -> None:
        self.uploaded_file_mgr.add_file(session, UploadedFileRec(name, name, "", bytes(size)))

    def held(self) -> dict[str, set[str]]:
        return {session: set(files) for session, files in self.uploaded_file_mgr.file_storage.items() if files}


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


def test_files_come_where_a_form_asks_and_as_many_as_a_visit_and_all_may(runtime: Runtime) -> None:
    uploads = Uploads(lambda: runtime, visit=100_000, most=150_000)

    async def app(scope: Any, receive: Any, answer: Any) -> None:
        _, _, _, session, name = scope["path"].split("/")
        size = len(await Request(scope, receive).body())
        runtime.bring(session, name, size)
        await JSONResponse({})(scope, receive, answer)

    async def put(session: str, name: str, size: int, length: int | None = None) -> int:
        path = f"/_stcore/upload_file/{session}/{name}"
        pieces = [b"x" * min(10_000, size - at) for at in range(0, size, 10_000)]
        return (await send(door, path, *pieces, b"", method="PUT", length=length))[0]

    async def run() -> None:
        assert await put("a", "1", 10) == 403  # its page has no form
        uploads.begin("a")
        uploads.form("a", "pictures")
        uploads.end("a")
        assert await put("a", "1", 60_000, 60_000) == 200 and await put("a", "2", 60_000, 60_000) == 413
        assert await put("a", "2", 60_000) == 413  # nor where it does not say how much will come
        assert await put("a", "3", 30_000, 30_000) == 200 and uploads.visits["a"].coming == 0
        uploads.form("b", "zip")
        assert await put("b", "1", 90_000, 90_000) == 503 and await put("b", "2", 40_000, 40_000) == 200
        assert await put("b", "3", 0, 0) == 200 and await put("b", "4", 25_000 - A_FILE, 25_000) == 503
        uploads.begin("a")
        uploads.end("a")  # another page, without a form
        assert await put("a", "4", 10, 10) == 403

    door = gate(app, uploads=uploads)
    complete(run())


def test_a_visit_may_begin_while_the_files_of_all_are_counted(runtime: Runtime) -> None:
    """Pages run in threads of their own, and one may be switched to between any two visits that are counted."""
    uploads = Uploads(lambda: runtime)

    class Counted(_Visit):
        @property
        def coming(self) -> int:
            uploads.begin(f"c{len(uploads.visits)}")
            return 0

        @coming.setter
        def coming(self, _: int) -> None: ...

    uploads.form("a", "pictures")
    uploads.visits["b"] = Counted()
    uploads.put_by("a", 10)
    assert len(uploads.visits) == 3


def test_what_no_form_holds_is_swept_and_so_is_what_a_visit_leaves(runtime: Runtime) -> None:
    uploads = Uploads(lambda: runtime)
    runtime.pages = {"a", "b"}
    now = time.monotonic()
    for session in runtime.pages:
        uploads.form(session, "pictures", ["held"])
        for name in ("held", "unheld"):
            runtime.bring(session, name, 10)
    uploads.visits["a"].last = uploads.visits["b"].last = now
    uploads.sweep(now + UNHELD_SECONDS / 2)
    assert runtime.held() == {"a": {"held", "unheld"}, "b": {"held", "unheld"}}
    uploads.visits["b"].requests = 1  # a folder of many files that is still on its way
    uploads.sweep(now + UNHELD_SECONDS + 1)
    assert runtime.held() == {"a": {"held"}, "b": {"held", "unheld"}}
    uploads.visits["b"].requests = 0
    uploads.begin("a")
    uploads.end("a")
    uploads.sweep(now + UNHELD_SECONDS + 2)
    assert runtime.held() == {"b": {"held"}}
    runtime.pages = set()
    uploads.sweep(now + 200)
    assert runtime.held() == {"b": {"held"}}  # its page may come back
    uploads.sweep(now + 201 + LEFT_SECONDS)
    assert runtime.held() == {} and uploads.visits == {}


def test_a_visit_may_begin_while_the_room_is_counted(runtime: Runtime) -> None:
    uploads = Uploads(lambda: runtime)

    class Visit:
        held, requests = {"form": frozenset()}, 0

        @property
        def coming(self) -> int:
            uploads.begin(f"another {len(uploads.visits)}")  # in the thread of another page
            return 0

        @coming.setter
        def coming(self, value: int) -> None:
            self.put_by = value

    uploads.visits["one"] = visit = Visit()  # type: ignore[assignment]
    uploads.put_by("one", 10)
    assert visit.put_by == 10


def test_every_form_for_files_is_known_to_the_gate() -> None:
    root = ROOT
    files = (*root.glob("pages/*.py"), *root.glob("explorer/**/*.py"))
    asking = [path for path in files if "file_uploader" in path.read_text("utf-8")]
    assert [path.name for path in asking] == ["session.py"]


def test_streamlit_still_is_what_the_uploads_take_it_for() -> None:
    from streamlit.runtime import Runtime as Streamlits
    from streamlit.runtime.memory_session_storage import MemorySessionStorage

    assert isinstance(Streamlits.uploaded_file_mgr, property) and callable(Streamlits.is_active_session)
    assert callable(MemorySessionStorage()._cache.expire)
    uploads = Uploads(lambda: SimpleNamespace(uploaded_file_mgr=MemoryUploadedFileManager("/")))
    uploads.form("a", "zip")
    uploads.put_by("a", 10)
