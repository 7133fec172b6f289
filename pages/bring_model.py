"""The part of Models that brings one: from a zip, from the Hugging Face Hub, or from a folder of this machine."""

from collections.abc import Callable

import streamlit as st

from explorer.page import session
from explorer.serving.models_page.downloads import explore_address
from explorer.transfer import Brought, TransferError, from_folder, from_zip, suggest_name
from explorer.transfer.bring import UPLOAD_BYTES
from explorer.transfer.hub import from_hub
from pages.link import link

letter = session.to_the_letter


def bring_model() -> None:
    """Three ways to bring a model, and what became of the last one."""
    st.subheader("Bring a model", anchor=False)
    if last := session.kept("brought"):
        brought, said = last
        st.success(letter(f"{brought.name} is here.{said}"), icon=":material/check:")
        for notice in brought.notices:
            st.markdown(f":small[{letter(notice)}]")
        link(f"Explore {brought.name}", explore_address(brought.name), primary=True)
    ways = {"Zip": _zip, "Hugging Face Hub": _hub, "Folder": _folder}
    for tab, way in zip(st.tabs(list(ways)), ways.values(), strict=True):
        with tab:
            way()


def _zip() -> None:
    file = session.uploader(
        "A zip of a model: one from here, or a snapshot from the Hub",
        type="zip",
        key=f"zip {session.kept('round', 0)}",
        max_upload_size=UPLOAD_BYTES >> 20,
    )
    if file is None:
        st.markdown(
            ":small[It needs config.json and model.safetensors. Pickles (.bin, .pt, .ckpt) are refused, unopened.]"
        )
        return
    name = st.text_input("Name", suggest_name(file.name), key=f"zip name {file.file_id}")
    if st.button("Bring it", key="bring zip", type="primary"):
        _take(lambda: from_zip(file, name.strip(), file_name=file.name, by=session.person()))


def _hub() -> None:
    repository = st.text_input("Repository", placeholder="owner/name", key="repository").strip()
    revision = st.text_input(
        "Commit, branch or tag",
        "main",
        key="revision",
        help="A branch or tag is looked up once: the commit it names now is fetched, shown and written down.",
    )
    name = st.text_input("Name (empty: the repository’s)", key="hub name")
    local = session.visitor_is_local()
    token = "a token in this machine’s environment is sent, if there is one" if local else "no token is sent"
    st.markdown(f":small[Nothing is asked of the Hub before you press; {token}.]")
    if st.button("Fetch it", key="bring hub", type="primary", disabled=not repository):
        bar = st.empty()
        asked = {"with_token": local, "by": session.person(), "progress": lambda share: bar.progress(share, "weights")}
        _take(lambda: from_hub(repository, revision.strip(), name.strip(), **asked))


def _folder() -> None:
    if not session.visitor_is_local():
        who = "only somebody who sits at the machine that serves this page can name a folder of it"
        st.info(f"Folders are those of the server: {who}. Pack the folder into a zip and bring that.")
        return
    folder = st.text_input("Folder on this machine", placeholder="runs/mine", key="folder").strip()
    name = st.text_input("Name (empty: the folder’s)", key="folder name")
    if st.button("Copy it here", key="bring folder", type="primary", disabled=not folder):
        _take(lambda: from_folder(folder, name.strip(), by=session.person()))


def _take(bring: Callable[[], Brought]) -> None:
    """Brings a model and shows it in the list, or says why not; what was typed stays."""
    try:
        with st.spinner("Checking the model …"):
            brought = bring()
    except TransferError as error:
        st.error(letter(str(error)), icon=":material/error:")
    else:
        session.keep("brought", (brought, session.origin(brought.folder)))
        session.keep("round", session.kept("round", 0) + 1)
        st.rerun()
