"""Choices of how pictures that were read are shown and parted, where there is more than one way."""

from __future__ import annotations

import streamlit as st

from explorer.datasets import DatasetError, pictures
from explorer.page import session

BEST, WHITE, BLACK = "What shows each best", "White", "Black"
PAPERS = {BEST: None, WHITE: pictures.WHITE, BLACK: pictures.BLACK}


def rendition_choices(read: pictures.Reading) -> None:
    """Choices for pictures of 16 bits and for those with transparent parts; nothing where there are none."""
    found = read.renditions
    if found is None or not (found.deep or found.clear):
        return
    stretched, paper = found.stretched, found.paper
    ranges = {True: "Full range found", False: "As stored"}
    if found.deep and found.low < found.high:
        stretched = st.segmented_control(
            "Brightness of 16-bit pictures",
            [True, False],
            format_func=ranges.get,
            default=stretched,
            required=True,
            key=f"range {id(read)}",
            help=f"All pictures together use {found.low:,} to {found.high:,} of 0 to 65,535.",
        )
    if found.clear:
        chosen = st.segmented_control(
            "Under transparent parts", list(PAPERS), default=BEST, required=True, key=f"paper {id(read)}"
        )
        paper = PAPERS[chosen or BEST]
    if (stretched, paper) != (found.stretched, found.paper):
        try:
            read.render(stretched=stretched, paper=paper)
        except DatasetError as error:
            st.error(session.to_the_letter(str(error)), icon=":material/error:")


def split_choice(read: pictures.Reading) -> pictures.SplitSource:
    """The split that the pictures come with, or ours; asked only where they come with one."""
    splits = pictures.split_sources(read)
    if len(splits) == 1:
        return splits[0]
    return splits[st.selectbox("Training and test", range(len(splits)), format_func=lambda i: splits[i].words)]
