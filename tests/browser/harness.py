"""A server of our own on a free port, and a real browser, for tests and benchmarks alike."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[2]
READY = "[data-testid=latent-map][data-ready=true]"
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str | None:
    """Debian's chromium, or another by its usual names."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(*, leave_workers: bool = False, **environment: str) -> Iterator[str]:
    """The app as `python -m explorer` serves it; yields its address. Workers outlive a server, so they are ended."""
    port = free_port()
    own = None if "EXPLORER_DATA" in environment else tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    if own:  # nobody's own data folder has a part in what is tested
        environment["EXPLORER_DATA"] = own.name
    log = tempfile.TemporaryFile()  # noqa: SIM115 - not a pipe: nobody reads it, and a full one stops the server
    process = subprocess.Popen(
        [sys.executable, "-m", "explorer", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process, log)
        yield address
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        if process.poll() is None:
            process.kill()
            process.wait()
        if not leave_workers:
            end_workers(Path(environment["EXPLORER_DATA"]))
        if own:
            own.cleanup()
        log.seek(0)
        said = log.read().decode(errors="replace")
        log.close()
    assert "Traceback" not in said, said[-4_000:]


def worker_pid(data: Path) -> int | None:
    """The process that trains for a data folder, as its database says."""
    path = data / "jobs.sqlite"
    if not path.exists():
        return None
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as table, contextlib.suppress(sqlite3.Error):
        row = table.execute("SELECT pid FROM workers WHERE beat > 0 AND device != 'measuring'").fetchone()
        return row and row[0]
    return None


def end_workers(data: Path) -> None:
    """Ends the workers that a server has left behind: they outlive their server on purpose."""
    path, pids = data / "jobs.sqlite", []
    if path.exists():
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as table, contextlib.suppress(sqlite3.Error):
            pids = [row[0] for row in table.execute("SELECT pid FROM workers WHERE beat > 0")]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    if pids:
        time.sleep(0.1)


def _wait(address: str, process: subprocess.Popen, log: BinaryIO) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if process.poll() is not None:
            log.seek(0)
            raise RuntimeError(f"The server stopped: {log.read().decode(errors='replace')}")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).read()
            return
        time.sleep(0.1)
    raise RuntimeError("The server did not answer within two minutes.")


def term(page, name: str) -> float:
    """A term on screen, in full precision."""
    return float(page.get_by_test_id(f"term-{name}").get_attribute("data-value"))


def settle(page) -> dict[str, float]:
    """Waits for torch's answer for what is on screen, and gives torch's terms."""
    page.wait_for_selector("[data-testid=torch-check][data-kind=agrees], [data-testid=torch-check][data-kind=differs]")
    return json.loads(page.get_by_test_id("torch-check").get_attribute("data-value"))


def centre(page, name: str = "latent-handle") -> tuple[float, float]:
    """Where an element is on the screen."""
    box = page.get_by_test_id(name).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, dx: float, dy: float, name: str = "latent-handle", steps: int = 10) -> None:
    """A handle dragged with the real mouse, in pixels."""
    x, y = centre(page, name)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=steps)
    page.mouse.up()


def rest(page) -> None:
    """Waits until Streamlit has run the page's script: what is typed or uploaded before that may be lost."""
    page.wait_for_timeout(300)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=20_000)


def asked(page) -> dict[str, list[str]]:
    """What the page's address asks for."""
    return parse_qs(urlsplit(page.url).query)


def pixels(page, name: str) -> list[int]:
    """The red channel of a canvas."""
    return page.get_by_test_id(name).evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0)"
    )
