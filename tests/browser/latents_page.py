"""What the tests of the latents' page share."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from explorer.projection import UmapSettings, read_settings
from explorer.registry import model_folder
from tests.browser.harness import settle, term


def umap_of(model: str, **settings: Any) -> str:
    """The UMAP of these settings that comes with a model, by its name in an address."""
    files = sorted((model_folder(model) / "projections").glob("*.safetensors"))
    return next(path.stem for path in files if read_settings(path) == UmapSettings(**settings))


UMAP = umap_of("mnist-16d")
LOOKS = umap_of("mnist-16d", metric="decoded")
TERMS = ("reconstruction", "kl", "elbo")


def agreeing(page: Page) -> dict[str, float]:
    """Torch's terms, which are those on screen."""
    terms = settle(page)
    assert page.get_by_test_id("torch-check").get_attribute("data-kind") == "agrees"
    assert all(abs(term(page, name) - terms[name]) < 1e-3 for name in TERMS)
    return terms
