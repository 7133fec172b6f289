"""The settings of a run, one by one; what each does is said on hover."""

import streamlit as st

from explorer.config import ACTIVATIONS, BINARISATIONS, LIKELIHOODS, NETWORKS, Config
from explorer.page.train_settings import HELP, LIKELIHOOD_NAMES, NETWORK_NAMES, Images
from explorer.training.recipes import epochs_for, hidden_for


def main_settings(start: Config, images: Images, key: str) -> dict[str, object]:
    """The answers that everybody looks at, by the names of HELP."""
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
    usual = epochs_for(images.count, training.batch_size)
    default = (training.epochs or usual) if unit == "epochs" else (round(training.seconds) or 60)
    amount = row[1].number_input(unit.capitalize(), 1, 1_000_000, default, key=f"amount {unit} {key}")
    seed = row[2].number_input("Seed", 0, 2**31 - 1, training.seed, help=HELP["seed"], key=f"seed {key}")
    return {"latent": latent, "network": network, "likelihood": likelihood, "budget": (unit, amount), "seed": seed}


def more_settings(start: Config, answers: dict[str, object], images: Images, key: str) -> dict[str, object]:
    """The others, whose defaults follow from the first."""
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
