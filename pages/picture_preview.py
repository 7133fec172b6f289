"""Pictures as they will be used, before they are saved: labels, examples, counts, what was skipped."""

from __future__ import annotations

import streamlit as st

from explorer.datasets import DatasetError, pictures
from explorer.page import session
from pages.picture_choices import rendition_choices, split_choice

ROWS = 12
A_ROW = 8
SKIPPED = 100
letter = session.to_the_letter


def picture_preview(read: pictures.Reading, suggestion: str, origin: str) -> None:
    """Shows what was read, and saves it on demand."""
    channels, height, width = read.shape
    st.markdown(f"**{len(read):,} pictures**, {height}×{width} pixels, {'grey' if channels == 1 else 'colour'}")
    one, two = st.columns(2)
    sources = pictures.label_sources(read)
    source = sources[one.selectbox("Labels from", range(len(sources)), format_func=lambda i: sources[i].words)]
    column = (
        two.selectbox("Column with the labels", [*source.columns, None], format_func=lambda name: name or "no labels")
        if source.match
        else None
    )
    try:
        rendition_choices(read)
        labelling = pictures.labelled(read, source, column, split_choice(read))
        counts = pictures.class_counts(labelling)
    except DatasetError as error:
        st.error(letter(str(error)), icon=":material/error:")
        return
    _save(read, labelling, suggestion, origin)
    given = "as they came." if labelling.test is not None else "the same ones each time, a tenth of every class."
    st.caption(f"{sum(counts['training']):,} for training, {sum(counts['test']):,} kept for testing: {given}")
    _examples(read, labelling, counts)
    remarks = [*read.remarks(), *labelling.remarks]
    if labelling.columns:
        remarks.append(f"Columns kept: {', '.join(labelling.columns)}.")
    st.markdown("\n".join(f"- {letter(remark)}" for remark in remarks))
    _skipped(read)


def _save(read: pictures.Reading, labelling: pictures.Labelling, suggestion: str, origin: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name of the set", suggestion, max_chars=48, key=f"name {id(read)}")
        pressed = st.button("Save", type="primary", key="save")
    if pressed:
        try:
            with st.spinner("Saving …"):
                pictures.save_pictures(name.strip(), read, labelling, made_from=origin, owner=session.person())
        except DatasetError as error:
            st.error(letter(str(error)), icon=":material/error:")
        else:
            session.keep("pictures", None)
            session.keep("saved", session.kept("saved", 0) + 1)
            session.keep("notice", f"{name.strip()} is saved.")
            st.rerun()


def _examples(read: pictures.Reading, labelling: pictures.Labelling, counts: dict[str, list]) -> None:
    zoom = 2 if read.size <= 32 else 1
    alone = len(labelling.classes) == 1
    for label, name in enumerate(labelling.classes[:ROWS]):
        words, strip = st.columns([1, 3], vertical_alignment="center")
        train, test = counts["training"][label], counts["test"][label]
        words.markdown(f"**{letter(name)}**  \n{train + test:,}  ({test:,} for testing)")
        rows = pictures.examples(labelling, label, 5 * A_ROW if alone else A_ROW)
        strip.image(
            pictures.contact_sheet(read.pictures(rows), A_ROW, zoom),
            output_format="PNG",
            alt=f"Pictures labelled {name}",
        )
    if len(labelling.classes) > ROWS:
        with st.expander(f"All {len(labelling.classes)} classes"):
            st.table({**counts, "label": [letter(name) for name in counts["label"]]})


def _skipped(read: pictures.Reading) -> None:
    if not read.skipped_count:
        st.caption("Nothing was skipped.")
        return
    with st.expander(f"Skipped: {read.skipped_count:,}", expanded=True):
        names, reasons = zip(*read.skipped[:SKIPPED], strict=True)
        st.table({"file": [letter(name) for name in names], "why": [letter(reason) for reason in reasons]})
        if read.skipped_count > SKIPPED:
            st.caption(f"And {read.skipped_count - SKIPPED:,} more.")
