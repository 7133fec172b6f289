"""Models: what there is, with numbers that may be compared side by side; take one along, bring one, delete one."""

import streamlit as st

from explorer.checkpoint.catalogue import models
from explorer.page import session
from explorer.serving.models_page.downloads import download_address, explore_address
from explorer.transfer import TransferError, delete_model
from explorer.transfer.listing import Listed, list_models
from pages.bring_model import bring_model
from pages.link import link

letter = session.to_the_letter


def figures(model: Listed) -> str:
    """A model's test ELBO with its standard error, as Markdown."""
    if model.elbo is None:
        return "not measured"
    error = "" if model.standard_error is None else f" ± {model.standard_error:.2f}"
    return f"**{model.elbo:,.2f}**{error} nats".replace("-", "−").replace(" ", "\u00a0")


def whose(model: Listed) -> str:
    """A few words on a model's owner."""
    if model.shipped:
        return "came with the project"
    if not model.kept:
        return "in a folder of the machine that serves"
    return session.whose(model.owner, "brought" if model.source else "started") or "its owner is not known"


def about(model: Listed) -> str:
    """A model in two lines: its name, then its size and where it is from."""
    latent, network = model.config.model.latent, model.config.model.network
    facts = [f"{latent} latent dimension{'s' if latent > 1 else ''}", network, whose(model)]
    if model.source:
        where = f"{model.source.get('repository') or model.source.get('file')}"
        commit = f" at {str(model.source['revision'])[:12]}" if "revision" in model.source else ""
        facts.append(f"brought from {where[:60]}{commit}; its number is as its files say")
    return f"**{letter(model.name)}**  \n:small[{letter(' · '.join(facts))}]"


def actions(model: Listed) -> None:
    """What can be done with a model."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if model.config is not None:
            link("Explore", explore_address(model.name))
            link("Download", download_address(model.name), saves=True)
        if model.kept and session.may_change(model.owner):
            with st.popover("Delete", key=f"ask {model.name}"):
                st.markdown(f"Delete **{letter(model.name)}**? It cannot be had back, unless you downloaded it.")
                if st.button("Delete it for good", key=f"delete {model.name}"):
                    try:
                        delete_model(model.name, **session.who_asks())
                        session.keep("notice", f"{model.name} is deleted.")
                        session.keep("brought", None)
                    except TransferError as error:
                        session.keep("notice", str(error))
                    st.rerun()


if notice := session.kept("notice"):
    session.keep("notice", None)
    st.toast(letter(notice))

listing, bringing = st.columns([2, 1], gap="large")
groups, broken = list_models(models())
with listing:
    st.subheader("Models" if groups else "No models yet", anchor=False)
    if len(groups) > 1:
        st.markdown(":small[A box for each data set and likelihood: nats of different boxes measure different things.]")
    if not groups:
        st.info("Train a model on the Train page, or bring one: a zip, a folder, or one of the Hugging Face Hub.")
    for group in groups:
        with st.container(border=True):
            st.markdown(f"**{letter(group.title)}**  \n:small[{letter(group.conditions)}]")
            for model in group.models:
                name, number, buttons = st.columns([5, 3, 5], vertical_alignment="center")
                name.markdown(about(model))
                number.markdown(figures(model))
                with buttons:
                    actions(model)
    for model in broken:
        with st.container(border=True):
            st.error(letter(f"{model.name} cannot be opened. {model.fault}"), icon=":material/error:")
            actions(model)
with bringing:
    bring_model()
