"""A model's decoder, and its encoder, as ONNX for the browser.

One graph gives what the live map needs: the expected image of each latent, and how
probable an image x is under it. Weights stay float16 in the file, exactly as in the
checkpoint, and are widened to float32 when the file is opened.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from ..config import ModelConfig
from ..models import VAE, build
from .signature import fingerprint
from .weights import write_file

DECODER_FILE = "decoder.onnx"
OPSET = 20
MAX_LATENTS = 4_096


class LiveDecoder(nn.Module):
    """What is drawn and measured while a person drags.

    Inputs: z (k, d), latents; x (1, D), the anchor's pixels.
    Outputs: mean (k, D), E[x|z]; log_likelihood (k,), log p(x|z) in nats.
    """

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.network = model.decoder.network
        self.likelihood = model.decoder.likelihood

    def forward(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.likelihood.traced(self.network(z), x)


class LiveEncoder(nn.Module):
    """q(z|x) of an image that somebody draws.

    Input: x (1, D), pixels as the likelihood sees them. Outputs: loc (1, d) and scale (1, d).
    """

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.shape = model.config.image_shape

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder.parameters_of(x.view(-1, *self.shape))


def export_decoder(model: VAE, folder: Path) -> Path:
    """Writes decoder.onnx into `folder` and gives its path. Needs the package onnxscript.

    Args:
        model: on the CPU, in evaluation mode.
    """
    latents = torch.export.Dim("k", min=1, max=MAX_LATENTS)
    arguments = (torch.zeros(5, model.config.latent), torch.zeros(1, model.config.pixels))
    names = {"input_names": ["z", "x"], "output_names": ["mean", "log_likelihood"]}
    proto = _exported(LiveDecoder(model), arguments, {"z": {0: latents}, "x": None}, names)
    proto.metadata_props.add(key="decoder_sha256", value=fingerprint(model, "decoder"))
    path = folder / DECODER_FILE
    write_file(path, proto.SerializeToString())
    return path


@lru_cache(maxsize=1)
def warm_up_exporter() -> None:
    """Does once what the first export of a process takes seconds for: imports, most of all."""
    tiny = build(ModelConfig((1, 2, 2), 1, hidden=(2,)), seed=0).eval()
    with contextlib.suppress(Exception):  # where it fails it fails again, when it is wanted
        _exported(LiveEncoder(tiny), (torch.zeros(1, 4),), None, {})


def encoder_onnx(model: VAE) -> bytes:
    """The encoder as ONNX, for images drawn in the browser. Needs the package onnxscript.

    Args:
        model: on the CPU, in evaluation mode.
    """
    names = {"input_names": ["x"], "output_names": ["loc", "scale"]}
    return _exported(LiveEncoder(model), (torch.zeros(1, model.config.pixels),), None, names).SerializeToString()


def _exported(module, arguments, dynamic, names):  # type: (nn.Module, tuple, dict | None, dict) -> onnx.ModelProto
    with _quiet():
        program = torch.onnx.export(
            module.eval(),
            arguments,
            dynamo=True,
            dynamic_shapes=dynamic,
            **names,
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
        return _halve(program.model_proto)


def _halve(proto):  # type: (onnx.ModelProto) -> onnx.ModelProto
    """Stores each weight that float16 holds exactly as float16, with a Cast back to float32."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in proto.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if values.size < 64 or not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    # Nodes must stand in topological order: the casts depend on nothing.
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    del proto.graph.value_info[:]
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]  # the exporter's stack traces carry this machine's paths
    del proto.metadata_props[:], proto.graph.metadata_props[:]
    return proto


@contextlib.contextmanager
def _quiet():  # type: () -> Iterator[None]
    """The exporter narrates its steps; only its errors matter here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
