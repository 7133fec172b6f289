"""The script Streamlit runs for every visitor: which pages there are."""

from pathlib import Path

import streamlit as st

from explorer.page import session

HERE = Path(__file__).resolve().parents[1]
ICON = str(HERE / "frontend/style/icon.svg")  # a file of ours: named icons come from another host

# Streamlit's own captions, chosen segments and primary buttons are too faint to be read by everybody.
STYLE = """<style>
.stMainBlockContainer { padding: 4rem 1.6rem 0.4rem; }
.stMainBlockContainer [data-testid=stCaptionContainer] { color: light-dark(#4d5763, #b4bcc6); opacity: 1; }
.stMainBlockContainer button[aria-checked=true] p { color: light-dark(#0a5aa3, #8cc4f7); }
.stMainBlockContainer button[kind=primary]:enabled p { color: light-dark(#ffffff, #0b1016); }
.lx-link { display: inline-flex; align-items: center; min-height: 2.5rem; padding: 0.25rem 0.75rem;
  border-radius: 0.5rem; border: 1px solid light-dark(#c3cad3, #46505e); white-space: nowrap; }
a.lx-link { color: inherit; text-decoration: none; }
a.lx-link:is(:hover, :focus-visible) { border-color: currentColor; color: light-dark(#0a5aa3, #8cc4f7); }
a.lx-link-primary, a.lx-link-primary:is(:hover, :focus-visible) { background: light-dark(#0c66b8, #3b8ad8);
  border-color: transparent; color: light-dark(#ffffff, #0b1016); }
</style>"""

PAGES = HERE.parent / "pages"
page = st.navigation(
    [
        st.Page(PAGES / "explore.py", title="Explore", default=True),
        st.Page(PAGES / "elbo.py", title="ELBO"),
        st.Page(PAGES / "latents.py", title="Latents"),
        st.Page(PAGES / "train.py", title="Train"),
        st.Page(PAGES / "pictures.py", title="Pictures"),
        st.Page(PAGES / "models.py", title="Models"),
    ],
    position="top",
)
st.set_page_config(page_title=f"{page.title} - Latent Explorer", page_icon=ICON, layout="wide")
st.logo(ICON)
st.html(STYLE)
session.begin_run()
page.run()
session.end_run()
