"""Explore: drag through a latent space, watch it decode, see the terms."""

import streamlit as st

from explorer import session
from explorer.latent_map import latent_map

st.html("<style>.stMainBlockContainer { padding: 3.6rem 1.6rem 0.6rem; } </style>")

name, names, notices = session.current_model()
choice, facts = st.columns([1, 2.4], vertical_alignment="center")
choice.selectbox(
    "Model",
    names,
    index=names.index(name),
    key="model",
    on_change=session.switch_model,
    args=("model",),
    label_visibility="collapsed",
)
try:
    space, view, manifest = session.open_view(name)
except session.FAULTS as error:
    st.error(f"{name} cannot be opened. {error}", icon=":material/error:")
    st.stop()

elbo = manifest["testElbo"]
facts.markdown(
    f"**{manifest['dataset']}** · {space.latent} latent dimensions · "
    + (f"test ELBO **{elbo:.1f}** nats".replace("-", "−") if elbo is not None else "test ELBO not measured")
    + f" · {manifest['count']:,} images"
)
for notice in (*notices, *view.notices):
    st.warning(notice, icon=":material/info:")
latent_map(manifest, view.state(), key="explore")
