"""A data set encoded: every row belongs to its image."""

from __future__ import annotations

import pytest
import torch

from explorer.config import ModelConfig
from explorer.datasets.binarise import fixed
from explorer.latents import encode
from explorer.models import VAE, build


def grey(n: int, seed: int) -> torch.Tensor:
    return torch.randint(256, (n, 1, 4, 4), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_rows_are_the_encoder_s_q_of_each_image(model: VAE, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.latents.CHUNK", 7)
    test, train = grey(20, 0), grey(15, 1)
    latents = encode(model, [(test, torch.arange(20) % 3), (train, torch.arange(15) % 3)], ("a", "b", "c"))
    assert len(latents) == 35 and latents.x[:].dtype == torch.uint8 and latents.loc.dtype == torch.float32
    assert torch.equal(latents.images, torch.cat([test, train]))
    assert torch.equal(latents.labels, torch.cat([torch.arange(20) % 3, torch.arange(15) % 3]))
    for row in (0, 6, 7, 19, 20, 34):
        q = model.posterior(latents.x[row : row + 1].float())
        torch.testing.assert_close(latents.loc[row], q.mean[0])
        torch.testing.assert_close(latents.scale[row], q.stddev[0])


def test_an_image_has_the_same_pixels_whether_or_not_others_come_along(model: VAE) -> None:
    test, train = grey(20, 0), grey(15, 1)
    both = encode(model, [(test, torch.zeros(20).long()), (train, torch.zeros(15).long())], ("a",))
    alone = encode(model, [(test, torch.zeros(20).long())], ("a",))
    assert torch.equal(both.x[:20], alone.x[:])
    assert torch.equal(both.x[20:], fixed(train).to(torch.uint8))
    torch.testing.assert_close(both.loc[:20], alone.loc)


def test_what_is_drawn_is_what_the_likelihood_sees(model: VAE) -> None:
    """Black and white grey values leave no choice, so x is the image itself."""
    images = grey(10, 0) // 128 * 255
    latents = encode(model, [(images, torch.zeros(10).long())], ("a",))
    assert torch.equal(latents.x[:], images // 255)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 6, 5)])
def test_grey_and_colour_values_are_observed_as_they_are_and_kept_once(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.latents.VALUES", 5 * 90)  # a few images at a time
    model = build(ModelConfig(shape, 3, hidden=(8,), likelihood="gaussian"), seed=0).eval()
    images = torch.randint(256, (23, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    latents = encode(model, [(images, torch.zeros(23).long())], ("a",), binarisation="none")
    assert not latents.binary and latents.x is latents.images
    x = latents.observed(slice(7, 9))
    assert torch.equal(x, images[7:9].float() / 255)
    torch.testing.assert_close(latents.loc[7:9], model.posterior(x).mean)
    torch.testing.assert_close(latents.scale, model.posterior(images.float() / 255).stddev)


def test_binary_pixels_are_observed_as_they_were_drawn(model: VAE) -> None:
    latents = encode(model, [(grey(9, 0), torch.zeros(9).long())], ("a",), binarisation="threshold")
    assert latents.binary and torch.equal(latents.observed(slice(3, 9)), (grey(9, 0)[3:] >= 128).float())
