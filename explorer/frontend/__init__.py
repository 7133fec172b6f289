"""The live map as a Streamlit component: plain values and addresses in, nothing of `explorer` besides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from .files import STATIC


@lru_cache(maxsize=4)
def component(name: str, module: str, root: str) -> Any:
    """The component of a module of this folder that draws into an element of the class `root`."""
    import streamlit as st

    return st.components.v2.component(
        name,
        html=f'<div class="{root}"></div>',
        js=(STATIC / module).read_text("utf-8"),
        # plotly's own styles do not reach a shadow root; ours are scoped under .lx and .lt.
        isolate_styles=False,
    )


def live_map(manifest: dict[str, Any], state: dict[str, Any], *, notices: Sequence[str] = (), key: str) -> None:
    """Mounts the map.

    Args:
        manifest: addresses and small facts of the model that is shown.
        state: where to start, as `explorer.page.address.View.state` gives it.
        notices: sentences to show over the map at the start.
        key: keeps one instance while the manifest changes.
    """
    # In a list: the first level of a mapping is searched for tables, by packages of 120 MB.
    data = [{"manifest": manifest, "state": state, "notices": list(notices)}]
    component("live_map", "host/streamlit.mjs", "lx-root")(data=data, key=key)
