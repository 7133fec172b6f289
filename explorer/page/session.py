"""The only home of Streamlit's session state, caches and query parameters.

The address is read once, when a visit begins. From then on the map itself writes what is
on screen into it, without a message to the server, so Streamlit's own copy of the query
is out of date and must never be written back.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ..checkpoint.catalogue import Summary, models, summarise
from ..checkpoint.weights import CheckpointError
from ..datasets import DatasetError, default_data_dir
from ..files import owners
from ..files.owners import mark_of
from ..jobs import JobError, Jobs, Presence
from ..serving.gate import is_local
from ..serving.gate.uploads import UPLOADS
from ..serving.space.manifest import describe
from ..serving.space.space import SPACES
from ..serving.train_page.routes import open_database
from ..serving.visitors.person import network_mark, person_of
from ..transfer import source_of
from .address import View, choose_model, read_view
from .train_runs import offered
from .train_settings import Images

FAULTS = (CheckpointError, DatasetError, JobError)


def first_model() -> tuple[str, dict[str, Summary], tuple[str, ...]]:
    """The model the address names, or else the one of the page before; summaries of all there are, and notices.

    Raises:
        CheckpointError: there is no model at all.
    """
    summaries = {name: summarise(name, folder) for name, folder in models().items()}
    if not summaries:
        raise CheckpointError("There is no model yet: train one with `python -m explorer train --out runs/mine`.")
    before = kept("model")
    wanted = st.query_params.get("model") or (before if before in summaries else None)
    name, notices = choose_model(wanted, list(summaries))
    return name, summaries, notices


def asked_for_all_points() -> bool:
    """Whether the address asks for the training images too, or else the page before showed them."""
    points = st.query_params.get("points")
    return points == "all" if points or st.query_params.get("model") else kept("points", False)


def open_view(name: str, *, all_points: bool, tabs: str = "") -> tuple[View, dict[str, Any]]:
    """The view of a model that the address describes, and the map's manifest.

    Args:
        tabs: those beside the map, one of `view.TABS`; "" for none.

    Raises:
        CheckpointError, DatasetError: the model cannot be opened; the message says why.
    """
    try:
        space = SPACES.get(name, "all" if all_points else "test")
    except CheckpointError as error:
        # Visitors need not know where on this machine a model lies.
        raise CheckpointError(str(error).replace(f"{models().get(name, name)}{os.sep}", "")) from None
    keep("model", name)
    keep("points", all_points)
    manifest = {**describe(space), "tabs": tabs, "zoom": tabs == "elbo"}
    view = read_view(
        {name: st.query_params[name] for name in st.query_params},
        count=len(space.latents),
        classes=len(space.latents.classes),
        map_range=manifest["plane"]["range"],
        latent=space.latent,
        tabs=tabs,
    )
    return view, manifest


def why_not_all(manifest: dict[str, Any]) -> str:
    """The reason for which a model is shown without its training images, where they were asked for."""
    if manifest["complete"]:
        return "The training images are not on this machine, so the test images alone are shown."
    why = "The data set of this name holds other images" if manifest["replaced"] else "The data set is not here"
    return f"{why}, so only the images kept with the model are shown."


def to_the_letter(text: str) -> str:
    """Text as Markdown that shows it as it is: a file's words are not to become links or images.

    Halves of letters, which no message to a browser can hold, become question marks.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text.encode("utf-8", "replace").decode())


# Training


def person() -> str:
    """The visitor, as a mark of `explorer.files.owners`: of its cookie, or of this visit where it keeps none."""
    return person_of(st.context.cookies) or st.session_state.setdefault("visitor", mark_of(secrets.token_hex(16)))


def network() -> str:
    """The mark of the visitor's network, for the shares of all who come from it."""
    return network_mark(st.context.ip_address)


def may_change(owner: str) -> bool:
    """Whether to offer the visitor to change what somebody keeps; whoever does it asks once more."""
    return owners.may_change(owner, person(), visitor_is_local())


def who_asks() -> dict[str, Any]:
    """The visitor, as those want it who change what is kept."""
    return {"person": person(), "local": visitor_is_local()}


def whose(owner: str, done: str = "started") -> str:
    """A few words on whose a thing is, see `owners.whose`."""
    return owners.whose(owner, person(), done)


def training_desk() -> tuple[Jobs, Presence]:
    """The table of runs, and who works on them.

    Raises:
        JobError: the data folder cannot be written.
    """
    database = open_database(default_data_dir())
    return Jobs(database), Presence(database)


@st.cache_resource(ttl=5, show_spinner=False)
def data_sets() -> dict[str, Images]:
    """The data sets that can be trained on here."""
    return offered()


def asked(name: str) -> str:
    """A word of the address of a page that writes it by way of Streamlit alone; "" where it has none."""
    return st.query_params.get(name, "")


def go(**query: str) -> None:
    """Another address of the same page."""
    st.query_params.from_dict(query)
    st.rerun()


def kept(name: str, otherwise: Any = None) -> Any:
    """What a page put by with `keep` in this visit."""
    return st.session_state.get(f"kept {name}", otherwise)


def keep(name: str, value: Any) -> None:
    """Puts something by for the rest of the visit; None forgets it."""
    st.session_state[f"kept {name}"] = value


def visitor_is_local() -> bool:
    """Whether the visitor sits at the machine that serves, or has brought its token, and so may name folders of it."""
    return is_local(st.context.headers)


# Files that visitors bring


def begin_run() -> None:
    """A run of a page's script begins, and says anew which forms for files it has."""
    UPLOADS.begin(_visit())


def end_run() -> None:
    """The run is over: a form that was not there any more takes no files."""
    UPLOADS.end(_visit())


def uploader(label: str, *, key: str, **options: Any) -> Any:
    """Streamlit's form for files; the gate takes none that no form asks for, and keeps none that no form holds."""
    UPLOADS.form(_visit(), key)
    found = st.file_uploader(label, key=key, **options)
    files = found if isinstance(found, list) else [found] if found else []
    UPLOADS.form(_visit(), key, [file.file_id for file in files])
    return found


def _visit() -> str:
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


# Models


def origin(folder: Path) -> str:
    """A sentence on the commit a model was brought at, to stand after another; "" where there is none."""
    source = source_of(folder)
    return f" It is {source['repository']} at commit {source['revision']}." if source.get("kind") == "hub" else ""
