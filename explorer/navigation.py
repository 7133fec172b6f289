"""The script Streamlit runs for every visitor: which pages there are."""

from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
ICON = str(HERE / "latent_map/static/icon.svg")  # a file of ours: named icons come from another host

st.set_page_config(page_title="Latent Explorer", page_icon=ICON, layout="wide")
st.logo(ICON)
st.navigation([st.Page(HERE.parent / "pages/explore.py", title="Explore", default=True)], position="top").run()
