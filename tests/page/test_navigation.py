"""The script that Streamlit runs for every visitor: each page has a title of its own in the browser."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from explorer.frontend.files import STATIC
from tests.helpers.places import PAGES

SCRIPT = STATIC.parent / "page" / "navigation.py"


def visit(monkeypatch: pytest.MonkeyPatch, number: int) -> tuple[list[Any], str]:
    """All pages, and the title in the browser while the one of this number is shown."""
    offered: list[Any] = []
    titles: list[str] = []

    def choose(pages: list[Any], **_: Any) -> Any:
        offered.extend(pages)
        return pages[number]

    def page(path: Path, *, title: str, **_: Any) -> Any:
        assert path.is_file()
        return SimpleNamespace(title=title, run=lambda: None)

    monkeypatch.setattr(st, "Page", page)
    monkeypatch.setattr(st, "navigation", choose)
    monkeypatch.setattr(st, "set_page_config", lambda page_title, **_: titles.append(page_title))
    runpy.run_path(str(SCRIPT))
    return offered, titles[-1]


def test_links_open_where_the_page_is() -> None:
    folders = (PAGES, SCRIPT.parents[1])
    sources = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".mjs")]
    elsewhere = re.compile(r"link_button\(|target=[\"']?_blank|target: '_blank'|window\.open\(")
    own = [path for path in sources if "vendor" not in path.parts]
    assert len(own) > 100 and not [path.name for path in own if elsewhere.search(path.read_text("utf-8"))]


def test_each_page_has_its_own_title(monkeypatch: pytest.MonkeyPatch) -> None:
    pages, _ = visit(monkeypatch, 0)
    shown = [visit(monkeypatch, number)[1] for number in range(len(pages))]
    assert shown == [f"{page.title} - Latent Explorer" for page in pages] and len(set(shown)) == len(pages) >= 6
