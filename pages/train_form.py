"""The settings of a run: sane defaults, so that one click works."""

import streamlit as st

from explorer import runs, session
from explorer.config import ACTIVATIONS, BINARISATIONS, LIKELIHOODS, NETWORKS, Config, ConfigError
from explorer.jobs import Jobs, Presence
from explorer.recipes import hidden_for
from explorer.settings import HELP, LIKELIHOOD_NAMES, NETWORK_NAMES, Images, config_from, starting_config


def settings_form(jobs: Jobs, presence: Presence) -> None:
    """Settings, the time they will take, and the button that starts the run."""
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
        st.info(session.to_the_letter(f"The data set {first[:60]} is not on this machine: choose another."))
    images = offered[dataset]
    start = origin if origin and origin.training.dataset == dataset else starting_config(dataset, images)
    # Another data set, or another run to start from, brings its own defaults.
    key = f"{dataset} {session.asked('like')}"
    name = top[1].text_input("Name", placeholder=f"{dataset}-…", help=HELP["name"], max_chars=48, key="name")
    answers = {"dataset": dataset, **_main(start, key)}
    with st.expander("More settings"):
        answers |= _more(start, answers, images, key)
        tensorboard = st.checkbox("TensorBoard’s event files too", help=HELP["tensorboard"], key="tensorboard")
    try:
        config = config_from(answers, images)
        said.caption(runs.length(config, images, jobs, presence))
    except ConfigError as error:
        said.warning(session.to_the_letter(f"This cannot be trained: {error}"))
        config = None
    go = top[2].button(
        "Train", type="primary", icon=":material/play_arrow:", disabled=config is None, key="train", width="stretch"
    )
    if go and config is not None:
        job = runs.submit(jobs, config, person=session.person(), name=name, tensorboard=tensorboard)
        session.go(job=job.id)


def _main(start: Config, key: str) -> dict[str, object]:
    model, training = start.model, start.training
    row = st.columns(3)
    latent = row[0].number_input("Latent dimensions", 1, 512, model.latent, help=HELP["latent"], key=f"latent {key}")
    network = row[1].selectbox(
        "Network", NETWORKS, NETWORKS.index(model.network), NETWORK_NAMES.get, help=HELP["network"], key=f"net {key}"
    )
    index = LIKELIHOODS.index(model.likelihood)
    likelihood = row[2].selectbox(
        "Likelihood", LIKELIHOODS, index, LIKELIHOOD_NAMES.get, help=HELP["likelihood"], key=f"likelihood {key}"
    )
    row = st.columns(3)
    units = ("seconds", "epochs")
    unit = row[0].selectbox("Budget in", units, 1 if training.epochs else 0, help=HELP["budget"], key=f"unit {key}")
    default = (training.epochs or 20) if unit == "epochs" else (round(training.seconds) or 60)
    amount = row[1].number_input(unit.capitalize(), 1, 1_000_000, default, key=f"amount {unit} {key}")
    seed = row[2].number_input("Seed", 0, 2**31 - 1, training.seed, help=HELP["seed"], key=f"seed {key}")
    return {"latent": latent, "network": network, "likelihood": likelihood, "budget": (unit, amount), "seed": seed}


def _more(start: Config, answers: dict[str, object], images: Images, key: str) -> dict[str, object]:
    model, training = start.model, start.training
    network = str(answers["network"])
    widths = model.hidden if network == model.network else hidden_for(network, images.shape)
    row = st.columns(3)
    text = ", ".join(map(str, widths))
    hidden = row[0].text_input("Widths", text, help=HELP["hidden"], key=f"hidden {network} {key}")
    index = ACTIVATIONS.index(model.activation)
    activation = row[1].selectbox("Activation", ACTIVATIONS, index, help=HELP["activation"], key=f"activation {key}")
    batch = row[2].number_input("Batch", 1, 65_536, training.batch_size, help=HELP["batch_size"], key=f"batch {key}")
    row = st.columns(4)
    rate = row[0].number_input(
        "Learning rate", 1e-6, 1.0, training.learning_rate, 1e-4, "%.5f", help=HELP["learning_rate"], key=f"rate {key}"
    )
    beta = row[1].number_input("β", 0.0, 1_000.0, training.beta, 0.1, help=HELP["beta"], key=f"beta {key}")
    up = row[2].number_input("β warm-up", 0.0, 1.0, training.kl_warm_up, 0.1, help=HELP["kl_warm_up"], key=f"up {key}")
    bits = row[3].number_input("Free bits", 0.0, 100.0, training.free_bits, 0.1, help=HELP["free_bits"], key=f"b {key}")
    more = {"hidden": hidden, "activation": activation, "batch_size": batch, "learning_rate": rate}
    more |= {"beta": beta, "kl_warm_up": up, "free_bits": bits, "binarisation": "dynamic"}
    if answers["likelihood"] == "bernoulli":
        ways = [way for way in BINARISATIONS if way != "none"]
        index = ways.index(training.binarisation) if training.binarisation in ways else 0
        more["binarisation"] = st.segmented_control(
            "Binarisation", ways, default=ways[index], required=True, help=HELP["binarisation"], key=f"bin {key}"
        )
    return more
