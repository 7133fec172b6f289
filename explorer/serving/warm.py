"""What a first visitor would wait for, done before there is one."""

from __future__ import annotations

import gc
import logging

import torch

from ..checkpoint.catalogue import models
from ..frontend.files import static_key
from ..inference.quadrature.lattice import MOST_DIMENSIONS
from .memory import bound_arenas, forget_loading, give_back
from .routes import asset
from .space.manifest import describe
from .space.posteriors import posterior_of
from .space.space import SPACES
from .space.state import image_of
from .space.terms import evaluate_state

# The pretrained models and a few of one's own; a folder of a hundred would delay the start.
MOST = 10
LATTICES = 2  # a second's decoding and up to 64 MB each


def warm_up() -> None:
    """Opens the first models there are, packs what they serve, and takes it all out of the collector's sight."""
    bound_arenas()
    forget_loading()  # now: what a visitor needs of it is read again below, while nobody waits
    torch.distributions.Distribution.set_default_validate_args(False)
    torch.set_num_threads(1)  # many small requests at once do better with one thread each
    static_key()
    lattices = 0
    for name in list(models())[:MOST]:
        try:
            space = SPACES.get(name)
            describe(space)
            for file in ("decoder.onnx", "points.bin", "latents-0.bin", *(f"rule-{rule}.bin" for rule in space.rules)):
                asset(space.key, file)
            u = space.codes[0].tolist()
            evaluate_state(space, {"image": 0, "mode": "gaussian", "u": u, "sigma": [0.1, 0.1]})
            if space.latent <= MOST_DIMENSIONS and lattices < LATTICES:
                posterior_of(space, image_of(space, 0))
                lattices += 1
        except Exception as error:  # one model, whatever is wrong with it, must not keep the others from being served
            logging.getLogger("explorer").warning("%s is left out: %s", name, error)
    # Streamlit collects garbage after every run, and torch's objects made each of those
    # collections cost 110 ms; frozen objects are not looked at again.
    gc.collect()
    gc.freeze()
    give_back()
