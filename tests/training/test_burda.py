"""The benchmark of a published number: its parts, without its minutes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from explorer.inference import elbo
from explorer.models import build
from tests.benchmarks import burda
from tests.benchmarks.burda_training import (
    BATCH,
    MODEL,
    STATE_FILE,
    STEPS_A_GRAPH,
    Stage,
    Trainer,
    initialise,
    schedule,
    summed_elbo,
)


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Sixty grey images, black at the rim: three minibatches."""
    grey = torch.randint(256, (60, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    grey[:, :, :4] = 0
    return grey


def drawn(trainer: Trainer, epoch: int) -> Tensor:
    """The pixels of an epoch."""
    trainer.epoch = epoch
    trainer.draw()
    return trainer.pixels.clone()


def test_the_full_schedule_is_the_papers_and_a_short_one_falls_as_far() -> None:
    full = schedule(8)
    assert sum(stage.epochs for stage in full) == 3_280
    for i, stage in enumerate(full):
        assert stage == Stage(3**i, pytest.approx(1e-3 * 10 ** (-i / 7)))
    assert schedule(4)[0].learning_rate == 1e-3 and schedule(4)[-1].learning_rate == pytest.approx(1e-4)
    assert schedule(1) == (Stage(1, 1e-3),)


def test_epochs_are_of_the_stage_whose_turn_it_is(images: Tensor) -> None:
    trainer = Trainer(images, schedule(3), seed=0)
    stages, rates = [], []
    while trainer.epoch < trainer.epochs:
        stages.append(trainer.stage)
        trainer.run_epoch()
        rates.append(trainer.optimiser.param_groups[0]["lr"].item())
    assert stages == [0] + [1] * 3 + [2] * 9
    assert rates == pytest.approx([1e-3] + [1e-3 * 10**-0.5] * 3 + [1e-4] * 9)


def test_the_initial_weights_are_glorots_whatever_was_there(images: Tensor) -> None:
    model = build(MODEL, seed=0)
    initialise(model, images, seed=3)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    for layer in layers:
        variance = 2 / (layer.in_features + layer.out_features)
        assert layer.weight.var().item() == pytest.approx(variance, rel=0.05)
    assert all(not layer.bias.any() for layer in layers[:-1])
    mean = torch.sigmoid(layers[-1].bias).detach()
    assert torch.allclose(mean[:112], torch.tensor(0.001))
    assert torch.allclose(mean[112:], images.float().mean(0).flatten()[112:] / 255, atol=1e-6)
    other = build(MODEL, seed=1)
    initialise(other, images, seed=3)
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), other.parameters(), strict=True))


def test_a_steps_elbo_is_that_of_inference(images: Tensor) -> None:
    model = Trainer(images, schedule(1), seed=0).model
    x = (images[:7] >= 128).float()
    eps = torch.randn(7, MODEL.latent, generator=torch.Generator().manual_seed(5))
    ours = summed_elbo(model, x, eps)
    theirs = elbo(model, x, generator=torch.Generator().manual_seed(5)).value.sum()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)


def test_a_step_reads_nothing_from_the_device(images: Tensor) -> None:
    # What cannot be part of a CUDA graph cannot be done on meta, where nothing is to be read.
    model = Trainer(images, schedule(1), seed=0).model.to("meta")
    x, eps = torch.zeros(BATCH, *MODEL.image_shape, device="meta"), torch.zeros(BATCH, MODEL.latent, device="meta")
    gradients = torch.autograd.grad(summed_elbo(model, x, eps), list(model.parameters()))
    assert all(gradient.is_meta for gradient in gradients)
    with pytest.raises(RuntimeError, match="meta"):  # as the distributions' checks do
        elbo(model, x)


def test_the_first_step_is_adams_on_the_minibatchs_sum(images: Tensor) -> None:
    trainer = Trainer(images, schedule(1), seed=0)
    trainer.draw()
    before = [parameter.detach().clone() for parameter in trainer.parameters]
    value = summed_elbo(trainer.model, trainer.pixels[:BATCH], trainer.noise[:BATCH])
    gradients = torch.autograd.grad(value, trainer.parameters)
    trainer.step()
    for old, new, gradient in zip(before, trainer.parameters, gradients, strict=True):
        # Without a past, the bias-corrected moments are g and g^2.
        assert torch.allclose(new - old, 1e-3 * gradient / (gradient.abs() + 1e-4), atol=1e-6)
    assert trainer.total.item() == pytest.approx(value.item())
    assert torch.equal(trainer.rows, torch.arange(BATCH, 2 * BATCH))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants a CUDA GPU")
def test_a_graph_of_steps_is_those_steps() -> None:
    grey = torch.randint(256, (2 * STEPS_A_GRAPH * BATCH, 1, 28, 28), dtype=torch.uint8).cuda()
    graph, eager = Trainer(grey, schedule(2), seed=0), Trainer(grey, schedule(2), seed=0)
    eager.advance, eager.steps_an_advance = eager.step, 1
    for trainer in (graph, eager):
        burda.train(trainer, None)
    assert all(kept["step"].item() == 4 * 2 * STEPS_A_GRAPH for kept in graph.optimiser.state.values())
    for name, value in eager.tensors().items():
        assert torch.allclose(graph.tensors()[name], value, rtol=1e-3, atol=1e-4), name


def test_every_epoch_draws_the_pixels_anew_and_every_image_once(images: Tensor) -> None:
    few = torch.where(images >= 128, 255, 0).to(torch.uint8)  # of pure black and white, a draw changes nothing
    trainer = Trainer(few, schedule(2), seed=0)
    orders = []
    for epoch in (0, 1, 0):
        same = (drawn(trainer, epoch)[:, None] == few[None] / 255).flatten(2).all(2)  # (place, image)
        assert torch.equal(same.sum(0), torch.ones(60, dtype=torch.int64))
        orders.append(same.long().argmax(1))
    assert not torch.equal(orders[0], orders[1]) and torch.equal(orders[0], orders[2])
    grey = Trainer(torch.full((4_000, 1, 28, 28), 51, dtype=torch.uint8), schedule(2), seed=0)
    first, second = drawn(grey, 0), drawn(grey, 1)
    assert first.mean().item() == pytest.approx(0.2, abs=1e-3)
    assert (first * second).mean().item() == pytest.approx(0.04, abs=1e-3)  # independent


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(images: Tensor, tmp_path: Path) -> None:
    whole, first = Trainer(images, schedule(2), seed=1), Trainer(images, schedule(2), seed=1)
    first.run_epoch()
    first.run_epoch()
    first.save(tmp_path)
    second = Trainer(images, schedule(2), seed=1)
    second.restore(tmp_path)
    assert second.epoch == 2 and second.elapsed == first.elapsed
    for trainer in (whole, second):
        burda.train(trainer, None)
    ours, theirs = whole.tensors(), second.tensors()
    assert whole.epoch == second.epoch == 4 and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_that_cannot_be_resumed_is_refused_with_a_sentence(images: Tensor, tmp_path: Path) -> None:
    trainer = Trainer(images, schedule(1), seed=1)
    with pytest.raises(ValueError, match="no run to resume"):
        trainer.restore(tmp_path)
    burda.train(trainer, tmp_path)
    with pytest.raises(ValueError, match="same settings"):
        Trainer(images, schedule(2), seed=1).restore(tmp_path)
    (tmp_path / STATE_FILE).write_bytes((tmp_path / STATE_FILE).read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged"):
        Trainer(images, schedule(1), seed=1).restore(tmp_path)


def test_what_is_estimated_of_the_test_images_is_a_bound_and_a_tighter_one(images: Tensor) -> None:
    model = Trainer(images, schedule(1), seed=0).model
    bound, nll = burda.evaluate(model, (images >= 128).float(), 200, seed=0)
    assert nll.shape == (60,) and nll.dtype == torch.float64
    assert nll.mean().item() < -bound


@pytest.mark.parametrize(("nll", "status"), [(86.76, 0), (87.45, 0), (87.47, 1), (86.05, 1), (math.nan, 1)])
def test_the_exit_status_says_whether_the_number_is_right(nll: float, status: int) -> None:
    line, found = burda.verdict(nll, burda.EXPECTED[8, 10_000])
    assert found == status and "expected 86.76 ± 0.7" in line


def test_settings_that_cannot_be_are_refused_before_anything_is_computed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / STATE_FILE).touch()
    wrong = [["--resume"], ["--out", str(tmp_path)], ["--stages", "9"]]
    if not torch.cuda.is_available():
        wrong.append(["--device", "cuda"])
    for argv in wrong:
        with pytest.raises(SystemExit, match="2"):
            burda.main(argv)
    said = capsys.readouterr().err
    assert "--resume needs --out" in said and "holds a run already" in said
