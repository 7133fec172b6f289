"""Training: repeatable, resumable, honest about what it reports."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from explorer.checkpoint.weights import WEIGHTS_FILE, CheckpointError, load_checkpoint
from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.datasets import Dataset, load_dataset
from explorer.datasets.binarise import fixed, threshold
from explorer.inference import elbo
from explorer.models import VAE, build
from explorer.training import METRICS_FILE, Progress, Run, RunState, Speed, TrainingDiverged, start, train
from explorer.training.clock import Clock
from explorer.training.reporting import Cadence
from explorer.training.schedule import one_cycle
from explorer.training.state import STATE_FILE

CPU = torch.device("cpu")
PLAIN = Speed(1, False, "one thread in float32")
MODEL = ModelConfig((1, 8, 8), 2, hidden=(16,))


@pytest.fixture
def digits() -> Dataset:
    return load_dataset("digits", "train")


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report after each step, so that a run can be left after any."""
    monkeypatch.setattr("explorer.training.reporting.REPORT_SECONDS", 0.0)


def config_of(**values: object) -> Config:
    return Config(MODEL, TrainingConfig(**{"dataset": "digits", "epochs": 3, "seconds": 0.0, **values}))  # type: ignore[arg-type]


def run_of(config: Config, digits: Dataset, folder: Path, **options: bool) -> Run:
    return Run(config, digits, folder, CPU, threads=1, bfloat16=False, **options)


def same(one: VAE, other: VAE) -> bool:
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def bare(config: Config, images: Tensor) -> tuple[VAE, RunState, Iterator[Progress]]:
    model = build(config.model, seed=config.training.seed)
    state = start(model, config.training, CPU)
    return model, state, train(model, config.training, images, state, PLAIN)


@pytest.mark.parametrize("binarisation", ["dynamic", "fixed", "threshold"])
def test_the_same_seed_gives_the_same_weights(digits: Dataset, tmp_path: Path, binarisation: str) -> None:
    runs = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.rand(7)  # whatever the global generator's state is
        runs.append(run_of(config_of(binarisation=binarisation, seed=seed), digits, tmp_path / folder))
        list(runs[-1])
    assert same(runs[0].model, runs[1].model)
    assert not same(runs[0].model, runs[2].model)


@pytest.mark.parametrize("stop_at", [1, 10, 11, 12, 25])  # 11 steps an epoch
def test_a_stopped_and_resumed_run_is_the_run_that_was_not(
    digits: Dataset, tmp_path: Path, every_step: None, stop_at: int
) -> None:
    whole = run_of(config_of(), digits, tmp_path / "whole")
    assert len(list(whole)) == 33
    stopped = run_of(config_of(), digits, tmp_path / "parts")
    for progress in stopped:
        if progress.step == stop_at:
            break
    written = stopped.finish(whole=False)
    assert written.provenance["finished"] is False and written.provenance["steps"] == stop_at
    assert load_checkpoint(tmp_path / "parts").config == written
    resumed = run_of(config_of(), digits, tmp_path / "parts", resume=True)
    steps = [progress.step for progress in resumed]
    assert steps == list(range(stop_at + 1, 34))
    assert same(whole.model, resumed.model)
    resumed.finish(whole=True)
    resumed.discard_state()
    assert not (tmp_path / "parts" / STATE_FILE).exists()
    lines = (tmp_path / "parts" / METRICS_FILE).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 34))


def test_a_run_that_was_killed_after_its_last_save_resumes_from_there(
    digits: Dataset, tmp_path: Path, every_step: None
) -> None:
    killed = run_of(config_of(), digits, tmp_path)
    for progress in itertools.islice(killed, 20):
        if progress.step == 12:
            killed.save()
    with (tmp_path / METRICS_FILE).open("a") as metrics:
        metrics.write('{"step": 2')  # half a line
    resumed = run_of(config_of(), digits, tmp_path, resume=True)
    assert next(iter(resumed)).step == 13
    lines = (tmp_path / METRICS_FILE).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 14))


def test_a_run_keeps_its_arithmetic_whatever_a_later_timing_would_say(
    digits: Dataset, tmp_path: Path, every_step: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [Speed(1, True, "1 thread in bfloat16"), Speed(1, False, "1 thread in float32")]
    monkeypatch.setattr("explorer.training.run.choose_speed", lambda *_, **__: chosen.pop(0))
    run = Run(config_of(), digits, tmp_path, CPU)
    next(iter(run))
    run.save()
    resumed = Run(config_of(), digits, tmp_path, CPU, resume=True)
    assert resumed.speed == run.speed and resumed.speed.bfloat16
    monkeypatch.undo()
    asked = run_of(config_of(), digits, tmp_path, resume=True)  # what is asked for by name is done
    assert (asked.speed.threads, asked.speed.bfloat16) == (1, False)


@pytest.mark.parametrize("spoilt", ["", "{}", '{"threads": 0, "bfloat16": true, "reason": "", "device": "cpu"}', "[1]"])
def test_a_state_that_does_not_say_its_arithmetic_is_timed_anew(
    digits: Dataset, tmp_path: Path, every_step: None, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    run = run_of(config_of(), digits, tmp_path)
    next(iter(run))
    run.save()
    path = tmp_path / STATE_FILE
    with safe_open(path, framework="pt") as file:
        facts = dict(file.metadata())
    save_file(load_file(path), path, metadata=facts | {"speed": spoilt})  # "" as those kept before it was known
    monkeypatch.setattr("explorer.training.run.choose_speed", lambda *_, **__: PLAIN)
    assert Run(config_of(), digits, tmp_path, CPU, resume=True).speed == PLAIN


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_cut_ten_times_ends_with_the_same_bytes(
    digits: Dataset, tmp_path: Path, every_step: None, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Cut off at random steps, of which some were kept and some were not, and begun again by a fresh run."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    config = config_of(epochs=6, batch_size=256, seed=3)
    run = run_of(config, digits, whole)
    list(run)
    run.finish(whole=True)
    dice, cuts = random.Random(seed), 0
    while cuts < 10:
        run = run_of(config, digits, parts, resume=(parts / STATE_FILE).is_file())
        left = 6 * run.steps_per_epoch - run.state.step
        for done, _ in enumerate(itertools.islice(run, min(dice.randint(1, 4), left - 1)), 1):
            if done == 1 and dice.random() < 0.7:
                run.save()
        (parts / f".{STATE_FILE}-abcdefgh").write_bytes(b"half of one")
        cuts += 1
    run = run_of(config, digits, parts, resume=True)
    list(run)
    run.finish(whole=True)
    assert (whole / WEIGHTS_FILE).read_bytes() == (parts / WEIGHTS_FILE).read_bytes()
    assert not list(parts.glob(".*"))  # what a kill leaves is swept


def test_the_clock_of_a_budget_does_not_run_while_the_process_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("explorer.training.clock.time.perf_counter", lambda: now)
    cadence = Cadence()
    clock = Clock(cadence)

    def after(seconds: float) -> float:
        nonlocal now
        now += seconds
        return clock.lap()

    assert after(0.5) == pytest.approx(0.5)  # the first step sets much up
    assert sum(after(0.1) for _ in range(50)) == pytest.approx(5.0)
    assert after(3_600.0) <= 4.0  # stopped by a signal, or a closed lid
    assert after(0.1) == pytest.approx(0.1)
    assert after(1.5) == pytest.approx(1.5)  # a file kept between two steps
    cadence.held += 30.0
    assert after(30.1) == pytest.approx(0.1)
    slow = Clock(Cadence())
    now += 12.0
    assert slow.lap() == pytest.approx(12.0)  # a large network
    now += 40.0
    assert slow.lap() == pytest.approx(40.0)


def test_a_closed_generator_leaves_a_state_that_goes_on(digits: Dataset, every_step: None) -> None:
    whole, _, steps = bare(config_of(), digits.images)
    list(steps)
    model, state, steps = bare(config_of(), digits.images)
    for stop in (5, 17):
        for progress in steps:
            if progress.step == stop:
                steps.close()
        assert state.step == stop
        steps = train(model, config_of().training, digits.images, state, PLAIN)
    list(steps)
    assert same(whole, model) and not model.training


def test_other_settings_and_damaged_states_are_not_resumed(digits: Dataset, tmp_path: Path, every_step: None) -> None:
    with pytest.raises(CheckpointError, match="no run to resume"):
        run_of(config_of(), digits, tmp_path, resume=True)
    run = run_of(config_of(), digits, tmp_path)
    list(itertools.islice(run, 3))
    run.save()
    with pytest.raises(CheckpointError, match="other settings"):
        run_of(config_of(seed=1), digits, tmp_path, resume=True)
    state = tmp_path / STATE_FILE
    whole = state.read_bytes()
    for length in range(0, len(whole), 509):
        state.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=STATE_FILE):
            run_of(config_of(), digits, tmp_path, resume=True)


def test_the_elbo_rises_on_digits(digits: Dataset) -> None:
    config = Config(dataclasses.replace(MODEL, hidden=(64,)), config_of(epochs=60, learning_rate=1e-2).training)
    test = fixed(load_dataset("digits", "test").images)
    model, _, steps = bare(config, digits.images)

    @torch.no_grad()
    def held_out() -> float:
        return elbo(model, test, samples=4, generator=torch.Generator().manual_seed(0)).value.mean().item()

    before = held_out()
    last = list(steps)[-1]
    after = held_out()
    assert before < -40 and after > before + 10
    # A model that only learnt each pixel's mean is at the entropy of the mean image; this one knows more.
    p = (digits.images.double() / 255).mean(0)
    independent = -(p * p.clamp_min(1e-12).log() + (1 - p) * (1 - p).clamp_min(1e-12).log()).sum().item()
    assert after > -independent + 2
    assert last.elbo == pytest.approx(after, abs=3)


def test_what_is_reported_is_the_elbo_of_the_images_seen(digits: Dataset, every_step: None) -> None:
    """A learning rate of nearly 0 and all images in one batch: each report is an ELBO of one model."""
    config = config_of(epochs=4, batch_size=2_000, learning_rate=1e-8, binarisation="threshold", beta=3.0)
    model, _, steps = bare(config, digits.images)
    x = threshold(digits.images)
    terms = elbo(model, x, samples=50, generator=torch.Generator().manual_seed(0))
    reports = list(steps)
    assert [p.epoch for p in reports] == [1, 2, 3, 4]
    for p in reports:
        assert p.kl == pytest.approx(terms.kl.mean().item(), rel=1e-4)
        assert sum(p.kl_per_dimension) == pytest.approx(p.kl)
        assert p.log_likelihood == pytest.approx(terms.log_likelihood.mean().item(), abs=0.05)  # sd 0.3 / sqrt(1437)
        assert p.elbo == pytest.approx(p.log_likelihood - p.kl)  # the true one, though beta = 3


def test_beta_weighs_the_kl_in_the_loss(digits: Dataset) -> None:
    kl = []
    for beta in (0.0, 1.0, 30.0):
        _, _, steps = bare(config_of(epochs=20, beta=beta, learning_rate=5e-3), digits.images)
        kl.append(list(steps)[-1].kl)
    assert kl[0] > kl[1] + 1 and kl[2] < 0.1 < kl[1]


def test_one_step_is_adamw_on_minus_the_elbo(digits: Dataset, every_step: None) -> None:
    """The first step against torch's own optimiser, with the loop's noise drawn by hand."""
    config = config_of(epochs=1, batch_size=2_000, binarisation="threshold", weight_decay=0.1, beta=2.0)
    model, _, steps = bare(config, digits.images)
    twin = build(config.model, seed=0)
    optimiser = torch.optim.AdamW(twin.parameters(), lr=2e-3 * one_cycle(0), weight_decay=0.1)
    x = threshold(digits.images)
    x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))]
    q = twin.posterior(x)
    z = q.mean + q.stddev * torch.randn(q.mean.shape, generator=torch.Generator().manual_seed(1))
    kl = 0.5 * (q.mean.square() + q.variance - 1 - q.variance.log()).sum(1)
    loss = -(twin.likelihood(z).log_prob(x) - 2.0 * kl).mean()
    loss.backward()
    optimiser.step()
    next(steps)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_an_epoch_sees_every_image_once_in_an_order_of_its_own(
    every_step: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images that are told apart by their pixels, in batches of 4 of 13: one is left out each epoch."""
    images = (torch.arange(13)[:, None] >> torch.arange(64)[None, :].clamp_max(7) & 1).view(-1, 1, 8, 8) * 255
    seen: list[Tensor] = []

    def spy(model: VAE, x: Tensor, **options: object):
        seen.append((x[:, 0, 0, :4].long() * torch.tensor([1, 2, 4, 8])).sum(-1))
        return elbo(model, x, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("explorer.training.loop.elbo", spy)
    _, _, steps = bare(config_of(epochs=30, batch_size=4), images.to(torch.uint8))
    list(steps)
    epochs = torch.cat(seen).view(30, 12)
    assert all(len(set(epoch.tolist())) == 12 for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 30
    assert set(epochs.flatten().tolist()) == set(range(13))  # none is left out for good


def test_reports_and_their_file(digits: Dataset, tmp_path: Path, every_step: None) -> None:
    run = run_of(config_of(), digits, tmp_path)
    reports = list(run)
    lines = (tmp_path / METRICS_FILE).read_text().splitlines()
    assert len(lines) == len(reports)
    for line, report in zip(lines, reports, strict=True):
        read = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} in {METRICS_FILE}"))
        assert read == {**dataclasses.asdict(report), "kl_per_dimension": list(report.kl_per_dimension)}
    fractions = [p.fraction for p in reports]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and fractions[0] == pytest.approx(1 / 33)
    assert reports[-1].remaining == 0.0 and all(p.remaining >= 0 for p in reports)
    assert all(a.elapsed <= b.elapsed for a, b in itertools.pairwise(reports))
    assert reports[-1].epoch == 3.0
    written = run.finish(whole=True)
    assert written.provenance["epochs"] == 3.0 and written.provenance["data_sha256"] == digits.sha256


def test_a_budget_in_seconds_is_kept_and_ends_at_one(digits: Dataset) -> None:
    _, state, steps = bare(config_of(epochs=0, seconds=0.7), digits.images)
    reports = list(steps)
    assert reports[-1].fraction == 1.0
    assert 0.7 <= state.elapsed < 1.7
    assert reports[-1].learning_rate < 0.01 * 2e-3  # annealed, as a run of epochs is


def test_a_pause_does_not_give_the_time_back(digits: Dataset, tmp_path: Path, every_step: None) -> None:
    config = config_of(epochs=0, seconds=0.8)
    stopped = run_of(config, digits, tmp_path)
    before = next(p for p in stopped if p.elapsed > 0.4)
    stopped.finish(whole=False)
    time.sleep(0.3)  # nor does it take any
    after = next(iter(run_of(config, digits, tmp_path, resume=True)))
    assert before.elapsed < after.elapsed < before.elapsed + 0.25
    assert after.fraction == pytest.approx(after.elapsed / 0.8)


def test_a_batch_larger_than_the_data_set_is_the_data_set(digits: Dataset, tmp_path: Path) -> None:
    small = dataclasses.replace(digits, images=digits.images[:10], labels=digits.labels[:10])
    run = run_of(config_of(batch_size=512, epochs=5), small, tmp_path)
    last = list(run)[-1]
    assert (last.step, last.epoch) == (5, 5.0)
    assert run.finish(whole=True).provenance["epochs"] == 5.0


def test_a_run_that_diverges_says_so(digits: Dataset, tmp_path: Path, every_step: None) -> None:
    config = config_of(epochs=200, learning_rate=1.0, weight_decay=10.0)  # decay by 1 - lr * wd = -9 a step
    run = run_of(config, digits, tmp_path)
    with pytest.raises(TrainingDiverged, match="learning rate"):
        list(run)
    for line in (tmp_path / METRICS_FILE).read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} in {METRICS_FILE}"))
