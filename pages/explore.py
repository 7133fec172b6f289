"""Explore: drag through a latent space, watch it decode, see the terms."""

import streamlit as st

from explorer import session
from explorer.latent_map import latent_map
from explorer.registry import Summary


def describe(model: Summary) -> str:
    """A model in one line of the chooser."""
    if model.latent is None:
        return model.name
    elbo = "not measured" if model.elbo is None else f"{model.elbo:.1f} nats".replace("-", "−")
    return f"{model.name}  ·  {model.dataset}, {model.latent} latent dimensions, test ELBO {elbo}"


st.html("<style>.stMainBlockContainer { padding: 4rem 1.6rem 0.4rem; }</style>")
try:
    name, models, notices = session.current_model()
except session.FAULTS as error:
    st.info(str(error))
    st.stop()

chooser, more = st.columns([3, 1], vertical_alignment="center")
chooser.selectbox(
    "Model",
    list(models),
    index=list(models).index(name),
    format_func=lambda key: describe(models[key]),
    key="model",
    on_change=session.switch_model,
    args=("model",),
    label_visibility="collapsed",
)
try:
    view, manifest = session.open_view(name)
except session.FAULTS as error:
    st.error(f"{name} cannot be opened. {error}", icon=":material/error:")
    st.stop()
if manifest["complete"]:
    more.toggle(
        "training images too",
        value=session.shows_all_points(),
        key="points",
        on_change=session.switch_points,
        args=("points",),
        help="Shows the training set's images after the test set's: 70,000 points for MNIST.",
    )
latent_map(manifest, view.state(), notices=(*notices, *view.notices), key="explore")
