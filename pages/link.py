"""Links that look like buttons and open where the page is; Streamlit's own always open another tab of the browser."""

from html import escape

import streamlit as st


def link(label: str, address: str, *, primary: bool = False, saves: bool = False) -> None:
    """A link to a page of this app, or to a file that is saved.

    Args:
        address: relative to the page, so that it holds under any prefix of a proxy.
        saves: a file comes, and the page stays.
    """
    style = "lx-link lx-link-primary" if primary else "lx-link"
    st.html(
        f'<a class="{style}" href="{escape(address)}"{" download" if saves else ""}>{escape(label)}</a>',
        width="content",
    )
