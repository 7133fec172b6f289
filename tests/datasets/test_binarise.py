"""Grey values to binary pixels: the right probability, and the same draw every time."""

from __future__ import annotations

import math

import pytest
import torch

from explorer.datasets.binarise import dynamic, fixed, observed, repeatable, threshold

LEVELS = torch.arange(256, dtype=torch.uint8)


def test_a_pixel_is_one_with_probability_grey_over_255() -> None:
    draws = 40_000
    x = dynamic(LEVELS.expand(draws, -1).contiguous(), torch.Generator().manual_seed(0))
    assert x.dtype == torch.float32 and set(x.unique().tolist()) == {0.0, 1.0}
    p = LEVELS.double() / 255
    share = x.double().mean(0)
    assert share[0] == 0 and share[255] == 1  # exactly
    error = (p * (1 - p) / draws).sqrt()
    scores = (share - p)[1:255] / error[1:255]
    assert scores.abs().max() < 4.5  # standard errors, of 254 levels
    # All levels together tell grey/255 from grey/256, or < from <=.
    assert abs(scores.mean()) < 4 / math.sqrt(254)
    assert abs(scores.square().mean() - 1) < 4 * math.sqrt(2 / 254)


def test_every_uniform_level_is_as_likely() -> None:
    """The exact law: over all values of u, 0 to 254, just `grey` of them are below grey."""
    counts = (torch.arange(255)[:, None] < LEVELS[None, :].long()).sum(0)
    assert torch.equal(counts, LEVELS.long())
    u = torch.empty(255_000, dtype=torch.uint8).random_(0, 255, generator=torch.Generator().manual_seed(0))
    seen = torch.bincount(u.long(), minlength=256)
    assert seen[255] == 0
    statistic = ((seen[:255] - 1_000.0) ** 2 / 1_000).sum().item()  # chi-squared, 254 degrees of freedom
    assert abs(statistic - 254) < 4 * math.sqrt(2 * 254)


def test_dynamic_draws_anew_each_time_but_repeats_from_a_seed() -> None:
    grey = torch.full((1_000,), 128, dtype=torch.uint8)
    generator = torch.Generator().manual_seed(0)
    first, second = dynamic(grey, generator), dynamic(grey, generator)
    assert not torch.equal(first, second)
    assert torch.equal(first, dynamic(grey, torch.Generator().manual_seed(0)))
    # Two draws are independent: they agree in half of the pixels, within 4 standard errors.
    assert abs((first == second).float().mean() - 0.5) < 4 * 0.5 / math.sqrt(1_000)


def test_fixed_gives_the_first_images_the_same_pixels_whatever_follows() -> None:
    images = torch.randint(256, (300, 1, 7, 5), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    whole = fixed(images)
    for n in (1, 2, 3, 17, 100, 299):
        assert torch.equal(fixed(images[:n]), whole[:n])


def test_fixed_leaves_the_global_generator_and_the_images_alone() -> None:
    images = torch.randint(256, (20, 1, 4, 4), dtype=torch.uint8)
    before, copy = torch.random.get_rng_state(), images.clone()
    first = fixed(images)
    torch.rand(1)
    assert torch.equal(first, fixed(images))
    assert torch.equal(images, copy)
    torch.random.set_rng_state(before)
    assert not torch.equal(first, fixed(images, seed=1))


def test_fixed_is_a_promise_across_versions() -> None:
    """Numbers on model cards rest on these very bits; a torch that draws others needs new cards."""
    expected = "01000010001011010100010000110000"
    assert fixed(torch.full((32,), 128, dtype=torch.uint8)).int().tolist() == [int(bit) for bit in expected]


def test_threshold_is_one_half() -> None:
    x = threshold(LEVELS)
    assert x.dtype == torch.float32
    assert torch.equal(x, (LEVELS.double() / 255 >= 0.5).float())


def test_grey_values_are_levels_of_255_exactly() -> None:
    x = repeatable(LEVELS, "none")
    assert x.dtype == torch.float32 and x[0] == 0 and x[255] == 1
    assert torch.equal(x, (LEVELS.double() / 255).float())
    assert torch.equal((x * 255).round(), LEVELS.float())


@pytest.mark.parametrize("how", ["dynamic", "fixed", "threshold", "none"])
def test_what_training_sees_is_what_is_reported_but_for_the_dynamic_draw(how: str) -> None:
    images = torch.randint(256, (30, 1, 5, 5), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    generator, copy = torch.Generator().manual_seed(1), images.clone()
    state = generator.get_state()
    x = observed(images, how, generator)
    assert torch.equal(images, copy)
    if how == "dynamic":
        assert torch.equal(x, dynamic(images, torch.Generator().manual_seed(1)))
        assert not torch.equal(observed(images, how, generator), x)
    else:
        assert torch.equal(x, repeatable(images, how)) and torch.equal(generator.get_state(), state)
