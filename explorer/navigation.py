"""The script Streamlit runs for every visitor: which pages there are."""

from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
ICON = str(HERE / "latent_map/static/icon.svg")  # a file of ours: named icons come from another host

st.set_page_config(page_title="Latent Explorer", page_icon=ICON, layout="wide")
st.logo(ICON)
PAGES = HERE.parent / "pages"
st.navigation(
    [
        st.Page(PAGES / "explore.py", title="Explore", default=True),
        st.Page(PAGES / "train.py", title="Train"),
        st.Page(PAGES / "pictures.py", title="Pictures"),
        st.Page(PAGES / "models.py", title="Models"),
    ],
    position="top",
).run()
