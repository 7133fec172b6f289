"""What the pages with a live map share: the chooser of a model, and the map below it."""

import streamlit as st

from explorer.checkpoint.catalogue import Summary
from explorer.frontend import live_map
from explorer.page import session


def describe(model: Summary) -> str:
    """A model in one line of the chooser."""
    if model.latent is None:
        return model.name
    elbo = "not measured" if model.elbo is None else f"{model.elbo:,.1f} nats".replace("-", "−")
    return f"{model.name}  ·  {model.dataset}, {model.latent} latent dimensions, test ELBO {elbo}"


def model_map(tabs: str = "") -> None:
    """The page: with tabs beside the map, or without."""
    try:
        first, models, notices = session.first_model()
    except session.FAULTS as error:
        st.info(str(error))
        st.stop()

    chooser, more = st.columns([3, 1], vertical_alignment="center")
    name = chooser.selectbox(
        "Model",
        list(models),
        index=list(models).index(first),
        format_func=lambda key: describe(models[key]),
        label_visibility="collapsed",
        key="model",
    )
    all_points = more.toggle(
        "training images too",
        value=session.asked_for_all_points(),
        key="all points",
        help="Shows the training set after the test set, where the data set is here: 70,000 points for MNIST.",
    )
    try:
        with st.spinner("Encoding the images …", width="content"):
            view, manifest = session.open_view(name, all_points=all_points, tabs=tabs)
    except session.FAULTS as error:
        st.error(session.to_the_letter(f"{name} cannot be opened. {error}"), icon=":material/error:")
        st.stop()
    if all_points and manifest["points"] != "all":
        st.toast(session.why_not_all(manifest))
    live_map(manifest, view.state(), notices=(*notices, *view.notices), key=tabs or "explore")
