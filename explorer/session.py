"""The only home of Streamlit's session state, caches and query parameters."""

from __future__ import annotations

from typing import Any

import streamlit as st

from .checkpoint import CheckpointError
from .datasets import DatasetError
from .registry import Summary, models, summarise
from .serving.manifest import describe
from .serving.space import SPACES
from .view import View, choose_model, read_view

POSITION = ("at", "scale", "hide", "points")
FAULTS = (CheckpointError, DatasetError)


def current_model() -> tuple[str, dict[str, Summary], tuple[str, ...]]:
    """The model the address names, summaries of all there are, and notices.

    Raises:
        CheckpointError: there is no model at all.
    """
    summaries = {name: summarise(name, folder) for name, folder in models().items()}
    if not summaries:
        raise CheckpointError("There is no model yet: train one with `python -m explorer train --out runs/mine`.")
    name, notices = choose_model(st.query_params.get("model"), list(summaries))
    return name, summaries, notices


def switch_model(widget: str) -> None:
    """Another model was chosen: a place in the old one's space means nothing in the new one's."""
    _forget_position()
    st.query_params["model"] = st.session_state[widget]


def switch_points(widget: str) -> None:
    """The training images were asked for, or sent away."""
    if st.session_state[widget]:
        st.query_params["points"] = "all"
    else:
        st.query_params.pop("points", None)


def shows_all_points() -> bool:
    """Whether the address asks for the training images too."""
    return st.query_params.get("points") == "all"


def _forget_position() -> None:
    for name in POSITION:
        st.query_params.pop(name, None)


def open_view(name: str) -> tuple[View, dict[str, Any]]:
    """The view of a model that the address describes, and the map's manifest.

    Raises:
        CheckpointError, DatasetError: the model cannot be opened; the message says why.
    """
    space = SPACES.get(name, "all" if shows_all_points() else "test")
    manifest = describe(space)
    view = read_view(
        {name: st.query_params[name] for name in st.query_params},
        count=len(space.latents),
        classes=len(space.latents.classes),
        map_range=manifest["plane"]["range"],
    )
    return view, manifest
