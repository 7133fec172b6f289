"""A decoder's answers at many places of latent space, kept so that any image can be asked about there.

For the families that are linear in x (Bernoulli, continuous Bernoulli, Gaussian), log p(x|z) of
many images at many places is one product of matrices; for the others it is computed place by place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...cancellation import check_cancelled
from ...models import VAE
from ..estimate import precise

VALUES = 1 << 22  # pixels decoded at once
ROUGH_PIXELS = 64  # whose weights are widened to float32 at once
MOST_ROUGH = 128.0  # below it float16 is off by a sixteenth at most
CENTRE_PLACES = 16  # of which the weights' mean is taken
PAIRS = 1 << 23  # pairs of an image's pixel and a place at once, for families that are not linear


@dataclass(frozen=True)
class Decoded:
    """log p(x, z) at places z for any images x.

    Attributes:
        z: (k, d), float64; log_prior: log p(z) (k,), float64.
        weights: (k, D), float32 on the model's device, less about their mean `centre` (D,): what is left is small,
            and so float32 loses little of its product with x. None where the family is not linear.
        offset: (k,), float64.
        rough: the weights as float16, transposed (D, k), in the place of `weights`: of half the size and, for binary
            images, four times as quick, with errors of some hundredths of a nat. For a first look.
    """

    model: VAE
    z: Tensor
    log_prior: Tensor
    weights: Tensor | None
    centre: Tensor | None
    offset: Tensor | None
    rough: Tensor | None = None

    def __len__(self) -> int:
        return len(self.z)

    @torch.inference_mode()
    def log_joint(self, x: Tensor) -> Tensor:
        """log p(x|z) + log p(z) (batch, k), nats, float64 on the CPU, for images (batch, c, h, w)."""
        if self.rough is None and self.weights is None:
            return self._direct(x) + self.log_prior
        flat = x.flatten(1).to("cpu" if self.weights is None else self.weights.device)
        wide = flat.to(precise(flat.device))
        carrier = self.model.decoder.likelihood.carrier(wide).cpu().double() + flat.cpu().double() @ self.centre
        product = (self._roughly(flat) if self.weights is None else flat @ self.weights.T).cpu().double()
        return product.add_(self.offset + self.log_prior).add_(carrier[:, None])

    def _roughly(self, flat: Tensor) -> Tensor:
        """The product of images (batch, D) with rough weights, float32 (batch, k)."""
        rough = self.rough
        assert rough is not None
        few = flat.count_nonzero(1) < flat.shape[1] // 3
        if few.all() and ((flat == 0) | (flat == 1)).all():  # a sum over the pixels that are on
            return torch.stack([rough[row.nonzero().squeeze(1)].sum(0, dtype=torch.float32) for row in flat])
        product = torch.zeros(len(flat), rough.shape[1])
        for first in range(0, len(rough), ROUGH_PIXELS):
            pixels = slice(first, first + ROUGH_PIXELS)
            product.addmm_(flat[:, pixels], rough[pixels].float())
        return product

    @property
    def bytes(self) -> int:
        """Of its tensors."""
        held = (self.z, self.log_prior, self.weights, self.offset, self.rough)
        return sum(tensor.nbytes for tensor in held if tensor is not None)

    def _direct(self, x: Tensor) -> Tensor:
        device = next(self.model.parameters()).device
        x = x.to(device)
        rows = []
        for part in self.z.split(max(1, min(VALUES // x[0].numel(), PAIRS // x.numel()))):
            check_cancelled()
            likelihood = self.model.likelihood(part.float().to(device))
            rows.append(likelihood.log_prob(x[:, None]).cpu().double())
        return torch.cat(rows, 1)


@torch.no_grad()
def is_linear(model: VAE) -> bool:
    """Whether log p(x|z) of many images at many places is one product of matrices."""
    given = torch.zeros(1, model.config.latent, device=next(model.parameters()).device)
    return model.decoder.likelihood.linear(model.decoder.network(given).float()) is not None


@torch.inference_mode()
def decode(model: VAE, z: Tensor, *, rough: bool = False) -> Decoded:
    """Decodes places z (k, d) once and for all images.

    Args:
        rough: keep the weights as float16 where that is good enough for a first look: on a CPU, for probabilities
            that are not too sure of themselves.
    """
    z = z.double()
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    device = next(model.parameters()).device
    decoder = model.decoder
    # A density's parts can be a thousand times their sum; a probability's are no larger than it.
    dtype = precise(device) if decoder.likelihood.continuous else torch.float32

    def linear(part: Tensor) -> tuple[Tensor, Tensor] | None:
        return decoder.likelihood.linear(decoder.network(part.float().to(device)).to(dtype))

    some = linear(z[:: -(-len(z) // CENTRE_PLACES)])
    if some is None:
        return Decoded(model, z, log_prior, None, None, None)
    centre = some[0].mean(0)
    if rough and device.type == "cpu" and not decoder.likelihood.continuous:
        halved = _rough(model, z, log_prior, centre, linear)
        if halved is not None:
            return halved
    weights: list[Tensor] = []
    offset: list[Tensor] = []
    for part in z.split(max(1, VALUES // (model.config.pixels * decoder.likelihood.outputs))):
        check_cancelled()
        row = linear(part)
        assert row is not None
        weights.append(row[0].sub_(centre).float())
        offset.append(row[1].cpu().double())
    return Decoded(model, z, log_prior, torch.cat(weights), centre.cpu().double(), torch.cat(offset))


def _rough(
    model: VAE,
    z: Tensor,
    log_prior: Tensor,
    centre: Tensor,
    linear: Callable[[Tensor], tuple[Tensor, Tensor] | None],
) -> Decoded | None:
    """The places decoded with rough weights; None where a weight is too large for that."""
    weights = torch.empty(model.config.pixels, len(z), dtype=torch.float16)
    offset = torch.empty(len(z), dtype=torch.float64)
    step = max(1, VALUES // (model.config.pixels * model.decoder.likelihood.outputs))
    for first in range(0, len(z), step):
        check_cancelled()
        places = slice(first, first + step)
        row = linear(z[places])
        assert row is not None
        part = row[0].sub_(centre)
        if not part.abs().amax() <= MOST_ROUGH:
            return None
        weights[:, places], offset[places] = part.T, row[1].double()
    return Decoded(model, z, log_prior, None, centre.double(), offset, weights)


AT_ONCE = 1 << 24  # pixels of places kept at once by `log_joint_at`


@torch.inference_mode()
def log_joint_at(model: VAE, z: Tensor, x: Tensor) -> Tensor:
    """log p(x, z) (batch, k), nats, float64, at places z (k, d) that are asked about only once."""
    parts = z.split(max(1, AT_ONCE // model.config.pixels))
    return torch.cat([decode(model, part).log_joint(x) for part in parts], 1)
