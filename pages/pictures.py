"""Pictures: make a data set of one's own pictures, look at it before it is saved, and delete it."""

from urllib.parse import quote

import streamlit as st

from explorer.datasets import DatasetError, own_names, pictures
from explorer.page import session
from pages.link import link
from pages.picture_form import picture_form
from pages.picture_preview import picture_preview

SHOWN = 24
# Streamlit's captions, and white on the blue of the dark theme or that blue on dark, are too faint to read.
letter = session.to_the_letter


def saved_set(name: str) -> None:
    """A set in a few lines, with what can be done with it."""
    owner = pictures.pictures_owner(name)
    try:
        images, about = pictures.some_pictures(name, SHOWN)
    except DatasetError as error:
        st.error(letter(str(error)), icon=":material/error:")
    else:
        channels, height, width = about.shape
        classes = ", ".join(about.classes[:8]) + (" …" if len(about.classes) > 8 else "")
        number = "1 class" if len(about.classes) == 1 else f"{len(about.classes)} classes"
        st.markdown(
            f"**{name}**  \n{about.count:,} pictures ({about.train:,} for training, {about.test:,} for testing), "
            f"{height}×{width}, {'grey' if channels == 1 else 'colour'}  \n{number}: {letter(classes)}  \n"
            f":small[{session.whose(owner, 'saved') or 'saved by an earlier version, which kept no owner'}]"
        )
        st.image(
            pictures.contact_sheet(images, SHOWN // 2, 1 if height == 64 else 2),
            output_format="PNG",
            alt=f"Pictures of {name}",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        link("Train on it", f"./train?dataset={quote(name, safe='')}")
        if session.may_change(owner):
            with st.popover("Delete", key=f"ask {name}"):  # else the next set has the open question of one that went
                delete(name)


def delete(name: str) -> None:
    """The question, and what is said afterwards."""
    st.markdown(f"Delete **{name}**? Models trained on it stay, with the pictures in their gallery.")
    if st.button("Delete it for good", key=f"delete {name}"):
        try:
            pictures.delete_pictures(name, **session.who_asks())
        except DatasetError as error:
            session.keep("notice", str(error))
        else:
            session.keep("notice", f"{name} is deleted.")
        st.rerun()


notice = session.kept("notice")
if notice:
    session.keep("notice", None)
    st.toast(letter(notice))

left, right = st.columns([2, 3], gap="large")
with left:
    st.subheader("Your own pictures")
    picture_form()
with right:
    read = session.kept("pictures")
    if read:
        picture_preview(*read)
    else:
        st.subheader("What will be used")
        st.info(
            "Choose at least 20 pictures and read them: here you see them as a model will, before anything is saved. "
            "Folders, or a CSV file beside the pictures, give labels; none are needed."
        )
st.divider()
st.subheader("Saved sets")
names = own_names()
if not names:
    st.caption("None yet. A set that you save stays here, and can be trained on.")
for name in names:
    with st.container(border=True):
        saved_set(name)
