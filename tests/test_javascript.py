"""What the front end's modules import from one another is there: a browser finds out only when a page is opened."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "explorer" / "latent_map" / "static"
MODULES = sorted(path for path in STATIC.rglob("*.mjs") if "vendor" not in path.parts)
_COMMENT = re.compile(r"/\*.*?\*/|^\s*//[^\n]*", re.S | re.M)
_IMPORT = re.compile(
    r"^(?:import|export)\s+(?:(\w+)\s*,?\s*)?(?:\{([^}]*)\})?(?:\*\s+as\s+\w+)?\s*from\s+'([^']+)'", re.M
)
_NAMED = re.compile(r"^export\s+(?:async\s+)?(?:const|let|function\*?|class)\s+(\w+)", re.M)
_LISTED = re.compile(r"^export\s*\{([^}]*)\}", re.M)


@cache
def source(path: Path) -> str:
    return _COMMENT.sub("", path.read_text("utf-8"))


def names_in(listed: str) -> list[tuple[str, str]]:
    """(name there, name here) of each entry of a list in braces."""
    parts = [entry.split() for entry in listed.replace("\n", " ").split(",") if entry.strip()]
    return [(words[0], words[-1]) for words in parts]


@cache
def exported(path: Path) -> frozenset[str]:
    found = set(_NAMED.findall(source(path))) | (
        {"default"} if re.search(r"^export default", source(path), re.M) else set()
    )
    for listed in _LISTED.findall(source(path)):
        found |= {here for _, here in names_in(listed)}
    return frozenset(found)


def test_every_name_that_a_module_imports_is_exported_where_it_says():
    wrong = []
    for path in MODULES:
        for default, listed, address in _IMPORT.findall(source(path)):
            target = (path.parent / address).resolve()
            if not address.startswith("."):
                continue
            if not target.is_file():
                wrong.append(f"{path.name}: {address} is not there")
                continue
            wanted = {there for there, _ in names_in(listed)} | ({"default"} if default else set())
            wrong += [f"{path.name}: {target.name} exports no {name}" for name in sorted(wanted - exported(target))]
    assert not wrong


def test_the_reader_of_modules_sees_what_it_should():
    counted = sum(len(_IMPORT.findall(source(path))) for path in MODULES)
    assert counted > 2 * len(MODULES)
    assert "paint" in exported(next(path for path in MODULES if path.name == "layers.mjs"))
