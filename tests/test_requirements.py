"""What is installed and what requirements.txt allows: no version with a fault that is known."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.helpers.places import ROOT

# The first versions without the faults that are known of those before: raised whenever another one becomes known.
FIRST_SOUND = {"pillow": "12.3", "onnx": "1.21", "starlette": "1.3.1"}


def requirements() -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def floor(requirement: Requirement) -> Version:
    """The lowest version that is allowed."""
    floors = [Version(each.version) for each in requirement.specifier if each.operator in (">=", "==", "~=")]
    assert floors, f"{requirement.name} has no floor"
    return max(floors)


def test_every_requirement_has_a_floor_and_a_ceiling() -> None:
    for requirement in requirements():
        assert floor(requirement) and any(each.operator in ("<", "==", "~=") for each in requirement.specifier)


@pytest.mark.parametrize("name", FIRST_SOUND)
def test_no_version_with_a_known_fault_is_allowed_or_installed(name: str) -> None:
    (requirement,) = [each for each in requirements() if canonicalize_name(each.name) == name]
    assert floor(requirement) >= Version(FIRST_SOUND[name])
    assert Version(version(name)) >= Version(FIRST_SOUND[name])


def test_what_is_installed_is_what_is_asked_for() -> None:
    for requirement in requirements():
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:  # an optional one
            continue
        assert requirement.specifier.contains(installed), f"{requirement.name} {installed}"


def test_an_editable_installation_has_the_package_alone(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="71")
    for name in ("pyproject.toml", "requirements.txt", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("explorer", "explorer/models", "pages", "tests", "pretrained"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    code = "from setuptools import build_meta; print(build_meta.prepare_metadata_for_build_editable('out'))"
    (tmp_path / "out").mkdir()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "out" / done.stdout.splitlines()[-1]
    assert (made / "top_level.txt").read_text().split() == ["explorer"]
    asked = re.findall(r"^Requires-Dist: (.*)$", (made / "METADATA").read_text(), re.MULTILINE)
    assert sorted(map(str, map(Requirement, asked))) == sorted(map(str, requirements()))


def test_the_package_is_found_from_any_folder(tmp_path: Path) -> None:
    """As an editable installation has it: the folder of the clone on the path, and some other one to work in."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["tool"]["setuptools"]["packages"]["find"]["include"] == ["explorer", "explorer.*"]
    code = f"import sys; sys.path.append({str(ROOT)!r}); import explorer; print(*explorer.pretrained())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.split()[0] == "mnist-2d" and len(done.stdout.split()) == 4, done.stderr
