"""A training run as a Streamlit component: plain values and addresses in, nothing of `explorer` besides."""

from __future__ import annotations

from typing import Any

from . import component


def training_view(data: dict[str, Any], *, key: str) -> None:
    """Mounts the view of one run: live curves, the map taking shape, samples, controls, scrubber.

    Args:
        data: addresses (`entry` and `style` of `training`, `plotly`, `base` of the run,
            `explore` of the finished model), `compare` as a list of {id, name, base} of further
            runs, and sentences: `refused` for runs that cannot be compared, `notices`.
        key: keeps one instance while the data change.
    """
    # In a list, as the map's.
    component("training_view", "host/training_streamlit.mjs", "lt-root")(data=[data], key=key)
