"""The JavaScript read by a linter: what is never used, never defined or surely meant otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

LINTER = Path(sys.executable).with_name("oxlint")


def lint(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [LINTER, "--deny-warnings", "--ignore-pattern", "**/vendor/**", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not LINTER.exists(), reason="oxlint is not installed")
def test_the_linter_has_nothing_to_say(tmp_path: Path) -> None:
    done = lint("explorer/frontend")
    assert done.returncode == 0, done.stdout
    assert "on 1" in done.stdout  # a hundred files and more
    (tmp_path / "x.mjs").write_text("export const one = () => { const two = 2; return 1; };\n")
    assert lint(tmp_path).returncode != 0
