"""What the tests of the latents' page share."""

from __future__ import annotations

from typing import Any

import numpy as np
from playwright.sync_api import Page
from sklearn.neighbors import NearestNeighbors

from explorer.checkpoint.catalogue import model_folder
from explorer.projection import UmapSettings, read_settings
from explorer.serving.space.space import SPACES
from tests.browser.harness import settle, term


def umap_of(model: str, **settings: Any) -> str:
    """The UMAP of these settings that comes with a model, by its name in an address."""
    files = sorted((model_folder(model) / "projections").glob("*.safetensors"))
    return next(path.stem for path in files if read_settings(path) == UmapSettings(**settings))


UMAP = umap_of("mnist-16d")
LOOKS = umap_of("mnist-16d", metric="decoded")
TERMS = ("reconstruction", "kl", "elbo")


def is_far(z: np.ndarray) -> np.ndarray:
    """Whether latents (m, 16) of mnist-16d lie farther from all test codes than 99 of 100 of these lie from the nearest
    other one: in the dimensions that the encoder uses, by every tenth code."""
    space = SPACES.get("mnist-16d")
    used = np.array(space.active)
    codes = space.latents.loc.double().numpy()[:, used]
    search = NearestNeighbors().fit(codes)
    apart = np.sort(search.kneighbors(codes[::10], 2)[0][:, 1])
    return search.kneighbors(z[:, used], 1)[0][:, 0] > apart[int(0.99 * len(apart))]


def agreeing(page: Page) -> dict[str, float]:
    """Torch's terms, which are those on screen."""
    terms = settle(page)
    assert page.get_by_test_id("torch-check").get_attribute("data-kind") == "agrees"
    assert all(abs(term(page, name) - terms[name]) < 1e-3 for name in TERMS)
    return terms
