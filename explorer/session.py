"""The only home of Streamlit's session state, caches and query parameters."""

from __future__ import annotations

import streamlit as st

from .checkpoint import CheckpointError
from .datasets import DatasetError
from .registry import models
from .serving.manifest import describe
from .serving.space import SPACES, Space
from .view import View, choose_model, read_view

POSITION = ("at", "scale", "hide", "points")


def query() -> dict[str, str]:
    """The address's query, as text."""
    return {name: st.query_params[name] for name in st.query_params}


def current_model() -> tuple[str, list[str], tuple[str, ...]]:
    """The model the address names, all there are, and notices."""
    names = list(models())
    name, notices = choose_model(st.query_params.get("model"), names)
    return name, names, notices


def switch_model(widget: str) -> None:
    """Another model was chosen: a place in the old one's space means nothing in the new one's."""
    for name in POSITION:
        st.query_params.pop(name, None)
    st.query_params["model"] = st.session_state[widget]


def open_view(name: str) -> tuple[Space, View, dict[str, object]]:
    """A model's space, the view of it that the address describes, and the map's manifest.

    Raises:
        CheckpointError, DatasetError: the model cannot be opened; the message says why.
    """
    points = "all" if st.query_params.get("points") == "all" else "test"
    space = SPACES.get(name, points)
    manifest = describe(space)
    view = read_view(
        query(),
        count=len(space.latents),
        classes=len(space.latents.classes),
        map_range=manifest["plane"]["range"],
    )
    return space, view, manifest


FAULTS = (CheckpointError, DatasetError)
