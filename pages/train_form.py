"""The form that starts a run: sane defaults, so that one click works."""

import streamlit as st

from explorer.config import ConfigError
from explorer.jobs import Jobs, Presence
from explorer.jobs.supervisor import expect_work
from explorer.page import session
from explorer.page import train_runs as runs
from explorer.page.train_settings import HELP, config_from, starting_config
from pages.train_settings import main_settings, more_settings


def settings_form(jobs: Jobs, presence: Presence) -> None:
    """Settings, the time they will take, and the button that starts the run."""
    expect_work()  # a worker takes seconds to start: it is there when the button is pressed
    offered = session.data_sets()
    origin = jobs.get(session.asked("like")).config if session.asked("like") else None
    st.subheader("Train a model" if origin is None else "The same again, with changes", anchor=False)
    first = origin.training.dataset if origin else session.asked("dataset")
    names = list(offered)
    top = st.columns([2, 2, 1], vertical_alignment="bottom")
    said = st.container()  # under the button, though the answers that fill it come below
    dataset = top[0].selectbox(
        "Data set", names, index=names.index(first) if first in names else 0, help=HELP["dataset"], key="dataset"
    )
    if first and first not in names:
        st.info(
            session.to_the_letter(
                f"The training images of {first[:60]} are not on this machine: choose another data set."
            )
        )
    images = offered[dataset]
    start = origin if origin and origin.training.dataset == dataset else starting_config(dataset, images)
    # Another data set, or another run to start from, brings its own defaults.
    key = f"{dataset} {session.asked('like')}"
    name = top[1].text_input("Name", placeholder=f"{dataset}-…", help=HELP["name"], max_chars=48, key="name")
    answers = {"dataset": dataset, **main_settings(start, images, key)}
    with st.expander("More settings"):
        answers |= more_settings(start, answers, images, key)
        tensorboard = st.checkbox("TensorBoard’s event files too", help=HELP["tensorboard"], key="tensorboard")
    try:
        config = config_from(answers, images)
        said.caption(runs.length(config, images, jobs, presence))
        if short := runs.too_short(config, images, jobs, presence):
            said.warning(short, icon=":material/hourglass_empty:")
    except ConfigError as error:
        said.warning(session.to_the_letter(f"This cannot be trained: {error}"))
        config = None
    go = top[2].button(
        "Train", type="primary", icon=":material/play_arrow:", disabled=config is None, key="train", width="stretch"
    )
    if not go or config is None:
        return
    try:
        whose = {"person": session.person(), "network": session.network()}
        job = runs.submit(jobs, config, **whose, name=name, tensorboard=tensorboard)
    except session.FAULTS as error:  # the settings stay as they are
        said.error(session.to_the_letter(str(error)), icon=":material/error:")
        return
    session.go(job=job.id)
