"""The only home of Streamlit's session state, caches and query parameters.

The address is read once, when a visit begins. From then on the map itself writes what is
on screen into it, without a message to the server, so Streamlit's own copy of the query
is out of date and must never be written back.
"""

from __future__ import annotations

import os
import re
from typing import Any

import streamlit as st

from .checkpoint import CheckpointError
from .datasets import DatasetError
from .registry import Summary, models, summarise
from .serving.manifest import describe
from .serving.space import SPACES
from .view import View, choose_model, read_view

FAULTS = (CheckpointError, DatasetError)


def first_model() -> tuple[str, dict[str, Summary], tuple[str, ...]]:
    """The model the address names, summaries of all there are, and notices.

    Raises:
        CheckpointError: there is no model at all.
    """
    summaries = {name: summarise(name, folder) for name, folder in models().items()}
    if not summaries:
        raise CheckpointError("There is no model yet: train one with `python -m explorer train --out runs/mine`.")
    name, notices = choose_model(st.query_params.get("model"), list(summaries))
    return name, summaries, notices


def asked_for_all_points() -> bool:
    """Whether the address asks for the training images too."""
    return st.query_params.get("points") == "all"


def open_view(name: str, *, all_points: bool) -> tuple[View, dict[str, Any]]:
    """The view of a model that the address describes, and the map's manifest.

    Raises:
        CheckpointError, DatasetError: the model cannot be opened; the message says why.
    """
    try:
        space = SPACES.get(name, "all" if all_points else "test")
    except CheckpointError as error:
        # Visitors need not know where on this machine a model lies.
        raise CheckpointError(str(error).replace(f"{models().get(name, name)}{os.sep}", "")) from None
    manifest = describe(space)
    view = read_view(
        {name: st.query_params[name] for name in st.query_params},
        count=len(space.latents),
        classes=len(space.latents.classes),
        map_range=manifest["plane"]["range"],
    )
    return view, manifest


def to_the_letter(text: str) -> str:
    """Text as Markdown that shows it as it is: a file's words are not to become links or images."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
