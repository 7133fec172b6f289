"""Firefox over WebDriver BiDi, by plain websockets: what the tests need of it, and no driver besides."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

LISTENING = "WebDriver BiDi listening on "
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "extensions.update.enabled": False,
    "toolkit.telemetry.enabled": False,
}


def firefox_path() -> str | None:
    """Debian's firefox-esr, or Firefox by its usual name."""
    return next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)


class Firefox:
    """One tab of a Firefox."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.numbers = itertools.count(1)
        self.send("session.new", capabilities={})
        self.context = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """A command's result.

        Raises:
            RuntimeError: Firefox refused it.
        """
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv(timeout=60))
            if answer.get("id") != number:
                continue  # an event
            if answer["type"] == "error":
                raise RuntimeError(f"{method}: {answer['message']}")
            return answer["result"]

    def open(self, url: str, width: int = 1280, height: int = 800) -> None:
        viewport = {"width": width, "height": height}
        self.send("browsingContext.setViewport", context=self.context, viewport=viewport)
        self.send("browsingContext.navigate", context=self.context, url=url, wait="interactive")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, or of the promise that it is."""
        wrapped = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        found = self.send("script.evaluate", expression=wrapped, target={"context": self.context}, awaitPromise=True)
        if found["type"] == "exception":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"])

    def wait(self, condition: str, seconds: float = 40) -> None:
        """Waits until an expression is true.

        Raises:
            TimeoutError: it is not within so many seconds.
        """
        until = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > until:
                raise TimeoutError(condition)
            time.sleep(0.05)

    def mouse(self, *actions: dict[str, Any]) -> None:
        """Real pointer actions, one a tick."""
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}
        self.send("input.performActions", context=self.context, actions=[mouse])

    def screenshot(self) -> str:
        """A PNG in base64."""
        return self.send("browsingContext.captureScreenshot", context=self.context)["data"]


@contextlib.contextmanager
def virtual_screen() -> Iterator[str | None]:
    """The name of an X display that nobody sees, by Debian's package xvfb; None where it is not installed."""
    path = shutil.which("Xvfb")
    if path is None:
        yield None
        return
    reading, writing = os.pipe()
    command = [path, "-displayfd", str(writing), "-screen", "0", "1920x1200x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as said:
            number = said.readline().strip()  # nothing, where it ended before it was ready
        if not number:
            raise RuntimeError("Xvfb did not start.")
        yield f":{number}"
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def firefox(*, webgl: bool = True) -> Iterator[Firefox]:
    """A Firefox in a profile of its own, which nobody sees.

    One that is headless has no WebGL on many machines: with `webgl` it is drawn on a virtual screen where there is one.
    """
    path = firefox_path()
    if path is None:
        raise RuntimeError("No Firefox was found: install Debian's package firefox-esr.")
    with contextlib.ExitStack() as screens, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        chosen = PREFERENCES | {"webgl.disabled": not webgl, "webgl.force-enabled": webgl}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in chosen.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines), "utf-8")
        log = Path(profile) / "said.txt"
        display = screens.enter_context(virtual_screen()) if webgl else None
        place = {**os.environ, "DISPLAY": display, "MOZ_ENABLE_WAYLAND": "0"} if display else None
        with log.open("wb") as said:
            command = [path, "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
            command += [] if display else ["--headless"]
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=place)
        try:
            with connect(f"{_address(process, log)}/session", max_size=None, open_timeout=20) as socket:
                yield Firefox(socket)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen, log: Path) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        for line in log.read_text("utf-8", errors="replace").splitlines():
            if line.startswith(LISTENING):
                return line.removeprefix(LISTENING).strip()
        time.sleep(0.05)
    raise RuntimeError(f"Firefox did not start: {log.read_text('utf-8', errors='replace')[-2_000:]}")
