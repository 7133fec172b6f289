"""The server as a person starts it: faults in one sentence, and quick once it is up."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from explorer.__main__ import main
from explorer.checkpoint.catalogue import pretrained
from explorer.serving.space.space import SPACES
from tests.browser.harness import ROOT, server
from tests.helpers.spaces import save_digits


def test_a_port_in_use_is_said_plainly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "explorer", "--port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"explorer: Port {port} is in use") and "--port" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("arguments", "word"), [
    (["--port", "0"], "0"), (["--port", "-1"], "-1"), (["--port", "65536"], "65536"),
    (["--address", "192.0.2.1", "--port", "8599"], "192.0.2.1"),  # reserved for documentation: nobody's
])  # fmt: skip
def test_where_nobody_can_listen_is_said_plainly(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert word in told and told.startswith("explorer: ") and told.count("\n") == 1


def test_a_port_that_is_no_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--port", "abc"])
    assert stopped.value.code == 2 and "abc" in capsys.readouterr().err


def test_the_server_answers_quickly_from_the_first_request_on(tmp_path: Path) -> None:
    save_digits(tmp_path / "digits")
    with server(EXPLORER_MODELS=str(tmp_path)) as address:
        for path, text in (("/_stcore/health", "ok"), ("/", "<html"), ("/?model=%00", "<html")):
            began = time.monotonic()
            with urllib.request.urlopen(address + path, timeout=20) as answer:
                assert answer.status == 200 and text in answer.read().decode()
            assert time.monotonic() - began < 2, path
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(f"{address}/explorer/model/unknown/points.bin", timeout=20)
        assert missing.value.code == 404 and "reload the page" in missing.value.read().decode()
        # Clients that go away in the middle of a body leave no trace: `server` fails on a traceback in the log.
        key = SPACES.get("mnist-2d").key if "mnist-2d" in pretrained() else None
        for _ in range(20 if key else 0):
            with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as half:
                head = f"POST /explorer/terms/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9"
                half.sendall(f"{head}\r\n\r\n{{".encode())
                time.sleep(0.02)
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as answer:
            assert answer.status == 200
