"""decoder.onnx and encoder.onnx against torch, run by ONNX's own reference implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor

from explorer.checkpoint.programs import DECODER_FILE, LiveDecoder, encoder_onnx, export_decoder
from explorer.checkpoint.signature import fingerprint
from explorer.config import ACTIVATIONS, ModelConfig
from explorer.models import VAE, build
from explorer.models.likelihoods import LIKELIHOODS
from tests.helpers.oracle import binary_images

CONFIGS = [
    ModelConfig((1, 8, 8), 2, hidden=(16, 12)),
    ModelConfig((1, 8, 8), 2, "conv", (4, 6, 16)),
    ModelConfig((3, 8, 4), 16, "conv", (4, 6, 16), "gelu"),
]
GREY = [name for name in LIKELIHOODS if name != "bernoulli"]


def as_checkpoint(config: ModelConfig, gain: float = 1.0) -> VAE:
    """A model whose weights float16 holds exactly, as those of an opened checkpoint are."""
    model = build(config, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(gain)
    return model.half().float().eval().requires_grad_(False)


def both(model: VAE, folder: Path, z: Tensor, x: Tensor) -> tuple[dict, dict]:
    """Mean and log-likelihood by the file and by the torch distribution."""
    session = ReferenceEvaluator(str(export_decoder(model, folder)))
    mean, log_likelihood = session.run(["mean", "log_likelihood"], {"z": z.numpy(), "x": x.flatten(1).numpy()})
    likelihood = model.likelihood(z)
    expected = {"mean": likelihood.mean.flatten(1).numpy(), "log_likelihood": likelihood.log_prob(x).numpy()}
    return {"mean": mean, "log_likelihood": log_likelihood}, expected


@pytest.mark.parametrize("config", CONFIGS, ids=["mlp", "conv", "conv-colour"])
@pytest.mark.parametrize("count", [1, 7])
def test_the_file_agrees_with_the_distribution(tmp_path: Path, config: ModelConfig, count: int) -> None:
    z = torch.randn(count, config.latent, generator=torch.Generator().manual_seed(0)) * 2
    file, expected = both(as_checkpoint(config, 1.5), tmp_path, z, binary_images(1, config.image_shape))
    assert file["mean"].shape == (count, config.pixels) and file["log_likelihood"].shape == (count,)
    np.testing.assert_allclose(file["mean"], expected["mean"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(file["log_likelihood"], expected["log_likelihood"], rtol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_survives(tmp_path: Path, activation: str) -> None:
    config = ModelConfig((1, 4, 4), 2, hidden=(8,), activation=activation)
    file, expected = both(as_checkpoint(config, 3.0), tmp_path, torch.tensor([[1.5, -2.0]]), binary_images(1))
    np.testing.assert_allclose(file["mean"], expected["mean"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(file["log_likelihood"], expected["log_likelihood"], rtol=1e-5)


@pytest.mark.filterwarnings("ignore:overflow|invalid:RuntimeWarning")  # of onnx's own sigmoid in numpy
def test_extreme_logits_stay_finite(tmp_path: Path) -> None:
    """Far outside the prior every pixel saturates: log p is large and negative, never infinite."""
    config = CONFIGS[0]
    z = torch.tensor([[0.0, 0.0], [1e2, -1e2], [1e4, 1e4], [-1e6, 1e6]])
    file, expected = both(as_checkpoint(config, 3.0), tmp_path, z, binary_images(1, config.image_shape))
    assert np.isfinite(file["log_likelihood"]).all()
    assert expected["log_likelihood"].min() < -1e6
    np.testing.assert_allclose(file["mean"], expected["mean"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(file["log_likelihood"], expected["log_likelihood"], rtol=1e-5)


@pytest.mark.parametrize("name", GREY)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 8, 8)], ids=["grey", "colour"])
def test_the_file_agrees_with_every_likelihood(tmp_path: Path, name: str, shape: tuple[int, int, int]) -> None:
    """To 1e-3 nats, also where the decoder is sure of itself and x is not what it expects."""
    network = ("mlp", (32, 24)) if shape[0] == 1 else ("conv", (6, 16))
    model = as_checkpoint(ModelConfig(shape, 2, *network, "silu", name), 2.0)
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(9, 2, generator=generator)
    near = model.likelihood(z[:1]).mean + 0.1 * torch.randn(1, *shape, generator=generator)
    x = (near.clamp(0, 1) * 255).round() / 255
    file, expected = both(model, tmp_path, z, x)
    assert expected["log_likelihood"].std() > 0.5  # or the agreement would say little
    error = np.abs(file["log_likelihood"] - expected["log_likelihood"])
    # Thousands of nats, which no trained model has on 28×28, use up float32's digits.
    assert (error < np.maximum(1e-3, 5e-7 * np.abs(expected["log_likelihood"]))).all()
    # The logistic's mean is drawn from an integral, see `traced`: within a tenth of a grey level.
    np.testing.assert_allclose(file["mean"], expected["mean"], atol=0.1 / 255 if "logistic" in name else 2e-6)


@pytest.mark.filterwarnings("ignore:overflow|invalid|divide:RuntimeWarning")  # of onnx's own operators in numpy
@pytest.mark.parametrize("name", GREY)
def test_extreme_outputs_of_every_likelihood_stay_finite(tmp_path: Path, name: str) -> None:
    model = as_checkpoint(ModelConfig((1, 8, 8), 2, hidden=(16,), activation="relu", likelihood=name), 3.0)
    z = torch.tensor([[0.0, 0.0], [1e2, -1e2], [1e4, 1e4], [-1e6, 1e6]])
    file, expected = both(model, tmp_path, z, torch.linspace(0, 1, 256)[::4].mul(255).round().div(255).view(1, 1, 8, 8))
    assert np.isfinite(file["log_likelihood"]).all() and np.isfinite(file["mean"]).all()
    np.testing.assert_allclose(file["log_likelihood"], expected["log_likelihood"], rtol=2e-6, atol=1e-3)


def test_each_pixel_s_normaliser_is_softplus() -> None:
    logits = torch.tensor([-1e4, -103.0, -88.0, -17.0, -1e-3, 0.0, 1e-3, 17.0, 88.0, 103.0, 1e4])
    _, log_likelihood = LIKELIHOODS["bernoulli"]().traced(logits.view(-1, 1, 1, 1), torch.zeros(1, 1))
    expected = -torch.nn.functional.softplus(logits.double())
    torch.testing.assert_close(log_likelihood.double(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("config", CONFIGS[:2], ids=["mlp", "conv"])
def test_the_file_is_small_sound_and_says_nothing_of_this_machine(tmp_path: Path, config: ModelConfig) -> None:
    model = as_checkpoint(config)
    path = export_decoder(model, tmp_path)
    assert path == tmp_path / DECODER_FILE and [file.name for file in tmp_path.iterdir()] == [DECODER_FILE]
    content = path.read_bytes()
    for trace in (b"/work", b"/tmp", b"/home", b"/root", b"site-packages", b"Traceback", b".py", b"File ", b"torch.nn"):
        assert trace not in content
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert [entry.name for entry in proto.graph.input] == ["z", "x"]
    assert [entry.name for entry in proto.graph.output] == ["mean", "log_likelihood"]
    large = [t for t in proto.graph.initializer if np.prod(t.dims) >= 64]
    assert large and all(t.data_type == onnx.TensorProto.FLOAT16 for t in large)
    weights = sum(p.numel() for p in model.decoder.parameters())
    assert len(content) < 2.2 * weights + 8_000


def test_weights_float16_cannot_hold_are_kept_in_float32(tmp_path: Path) -> None:
    config = CONFIGS[0]
    model = build(config, seed=0).eval().requires_grad_(False)
    z = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    file, expected = both(model, tmp_path, z, binary_images(1, config.image_shape))
    np.testing.assert_allclose(file["log_likelihood"], expected["log_likelihood"], rtol=1e-6)


def test_the_fingerprint_names_the_decoder(tmp_path: Path) -> None:
    model, other = as_checkpoint(CONFIGS[0]), as_checkpoint(CONFIGS[0])
    assert fingerprint(model, "decoder") == fingerprint(other, "decoder")
    with torch.no_grad():
        next(other.encoder.parameters())[0, 0] += 1
        assert fingerprint(model, "decoder") == fingerprint(other, "decoder")
        next(other.decoder.parameters())[0, 0] += 1
    assert fingerprint(model, "decoder") != fingerprint(other, "decoder")
    props = {entry.key: entry.value for entry in onnx.load(export_decoder(model, tmp_path)).metadata_props}
    assert props == {"decoder_sha256": fingerprint(model, "decoder")}


def test_the_fingerprint_names_the_likelihoods_own_scale() -> None:
    model = as_checkpoint(ModelConfig((1, 4, 4), 2, hidden=(8,), likelihood="gaussian"))
    before = fingerprint(model, "decoder")
    model.decoder.likelihood.free_log_scale.sub_(0.1)
    assert fingerprint(model, "decoder") != before


@pytest.mark.parametrize("config", CONFIGS, ids=["mlp", "conv", "conv-colour"])
def test_the_encoder_agrees_with_the_posterior(config: ModelConfig) -> None:
    """For drawn images: also an empty one, a full one, and greys between."""
    model = as_checkpoint(config, 1.5)
    content = encoder_onnx(model)
    session = ReferenceEvaluator(onnx.load_from_string(content))
    shape = config.image_shape
    images = [torch.zeros(1, *shape), torch.ones(1, *shape), binary_images(1, shape), 0.3 * binary_images(1, shape)]
    for x in images:
        loc, scale = session.run(["loc", "scale"], {"x": x.flatten(1).numpy()})
        q = model.posterior(x).base_dist
        assert loc.shape == scale.shape == (1, config.latent) and (scale > 0).all()
        np.testing.assert_allclose(loc, q.loc.numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(scale, q.scale.numpy(), rtol=1e-5)
    for trace in (b"/work", b"/tmp", b"/home", b"/root", b"site-packages", b".py", b"File ", b"torch.nn"):
        assert trace not in content
    assert len(content) < 2.2 * sum(p.numel() for p in model.encoder.parameters()) + 8_000


def test_exporting_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = as_checkpoint(CONFIGS[1])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export_decoder(model, tmp_path)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    z, x = torch.zeros(2, 2), binary_images(1, CONFIGS[1].image_shape)
    torch.testing.assert_close(LiveDecoder(model)(z, x.flatten(1))[1], model.likelihood(z).log_prob(x))
