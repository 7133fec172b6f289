"""Where pictures are chosen, and how they are to be read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import streamlit as st

from explorer.datasets import DatasetError, names, own_names, pictures
from explorer.files.archives import Entry
from explorer.files.names import free_name, name_from
from explorer.page import session

FILES, FOLDER, HERE = "Files or a zip", "A folder", "A folder of the server"
AS_IS, GREY, COLOUR = "As is", "Grey", "Colour"
HELP = {
    "size": "The middle square of each picture is scaled to this. Larger ones take longer to learn.",
    "colours": "As is: in colour where there is any, else as grey, which is learnt sooner.",
}
CHANNELS = {AS_IS: None, GREY: 1, COLOUR: 3}


def picture_form() -> None:
    """What was read before stays until something else was read."""
    start = st.segmented_control("Take pictures from", [FILES, FOLDER, HERE], default=FILES, required=True, key="from")
    entries, origin = _folder() if start == HERE else _uploads(whole_folder=start == FOLDER)
    one, two = st.columns([2, 3])
    size = one.segmented_control(
        "Pixels a side", pictures.SIZES, default=pictures.SIZES[0], required=True, key="size", help=HELP["size"]
    )
    colours = two.segmented_control(
        "Colours", CHANNELS, default=AS_IS, required=True, key="colours", help=HELP["colours"]
    )
    pressed = st.button("Read the pictures", type="primary", disabled=entries is None, key="read")
    if session.kept("reading") and not pressed:
        st.info("Reading was stopped before its end, so nothing of it was kept. Read again when you are ready.")
    session.keep("reading", None)
    if pressed and entries is not None:
        session.keep("reading", True)
        try:
            read = _read(entries, size, CHANNELS[colours or AS_IS])
        except DatasetError as error:
            session.keep("reading", None)
            st.error(session.to_the_letter(str(error)), icon=":material/error:")
        else:
            session.keep("reading", None)
            suggestion = free_name(name_from(origin, "pictures"), (*names(), *own_names()))
            session.keep("pictures", (read, suggestion, origin))
            st.rerun()


def _uploads(*, whole_folder: bool) -> tuple[Iterator[Entry] | None, str]:
    files = session.uploader(
        "PNG, JPEG or WebP, at least 20" + (", in folders named after what they show" if whole_folder else ""),
        accept_multiple_files="directory" if whole_folder else True,
        key=f"files {whole_folder} {session.kept('saved', 0)}",  # a new one after saving frees their memory
        help="A CSV file with labels may come along: a column with the names of the files, and any others.",
    )
    if not files:
        return None, ""
    return pictures.read_files([(file.name, file) for file in files]), pictures.origin_of([file.name for file in files])


def _folder() -> tuple[Iterator[Entry] | None, str]:
    if not session.visitor_is_local():
        st.info("Only somebody who sits at the server can name a folder of it. Upload the pictures instead.")
        return None, ""
    text = st.text_input("Full path of the folder", placeholder="/home/me/pictures", key="place").strip()
    if not text:
        return None, ""
    if not Path(text).is_absolute():
        st.info("A full path begins at the root of the machine, as /home/me/pictures does.")
        return None, ""
    return pictures.read_folder(Path(text)), Path(text).name


def _read(entries: Iterator[Entry], size: int, channels: int | None) -> pictures.Reading:
    bar, last = st.progress(0.0, "Reading …"), 0.0
    # A click on anything runs the page anew, which ends this run at its next word to the browser.
    st.button("Stop", key="stop", help="Stops reading; nothing is kept of what was read so far.")

    def progress(fraction: float, used: int, skipped: int) -> None:
        nonlocal last
        if time.monotonic() > last + 0.2:
            last = time.monotonic()
            bar.progress(min(fraction, 1.0), f"{used:,} read, {skipped:,} skipped")

    return pictures.read_pictures(entries, size, channels, progress=progress)
