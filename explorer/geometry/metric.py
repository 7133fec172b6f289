"""The metric that a decoder pulls back to latent space (Arvanitidis, Hansen & Hauberg 2018, of the mean alone).

    G(z) = J(z)^T J(z),   J = d E[x|z] / dz:

a step dz changes the expected image by sqrt(dz^T G dz), a distance over all pixels. Its volume,
sqrt(det G), is the magnification factor (Bishop, Svensen & Williams 1997): where it is large, a
short way on the map crosses many images.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..models import VAE

# Latents (m, d) to images (m, D), differentiable.
Decoder = Callable[[Tensor], Tensor]
TOGETHER = 1 << 23  # values of images differentiated at once


def mean_decoder(model: VAE) -> Decoder:
    """E[x|z] of a model, flat, in its own precision."""
    device = next(model.parameters()).device

    def decode(z: Tensor) -> Tensor:
        return model.likelihood(z.float().to(device)).mean.flatten(1).cpu().to(z.dtype)

    return decode


def jacobian(decode: Decoder, z: Tensor) -> tuple[Tensor, Tensor]:
    """Images (m, D) and their derivatives (m, D, d) at latents z (m, d).

    J^T u is linear in u, so its derivative along u in the direction of each coordinate is a column of J: one pass
    back for the map, one more a coordinate. torch's own forward derivatives do the same, but load its compiler, some
    240 MB that stay, and allow one thread at a time; and given a gradient to begin with it loads SymPy.
    """
    with torch.enable_grad():
        z = z.detach().requires_grad_(True)
        image = decode(z)
        if not image.requires_grad:  # it answers everything alike
            return image, image.new_zeros(*image.shape, z.shape[1])
        u = torch.zeros_like(image, requires_grad=True)
        (back,) = torch.autograd.grad((u * image).sum(), z, create_graph=True)
        columns = [
            torch.autograd.grad(part.sum(), u, retain_graph=True, materialize_grads=True)[0] for part in back.unbind(1)
        ]
    return image.detach(), torch.stack(columns, -1)


def pullback(decode: Decoder, z: Tensor) -> Tensor:
    """G (m, d, d) at latents z (m, d), in squared units of images a squared unit of z.

    The page does this in the browser, by differences of images; here it is for notebooks, by derivatives.
    """
    parts = []
    size = None
    first = 0
    while first < len(z):
        if size is None:
            size = decode(z[:1]).shape[1]
        part = z[first : first + max(1, TOGETHER // (size * z.shape[1]))]
        _, slopes = jacobian(decode, part)
        parts.append(slopes.mT @ slopes)
        first += len(part)
    return torch.cat(parts) if parts else z.new_empty(0, z.shape[1], z.shape[1])


def magnification(decode: Decoder, z: Tensor, basis: Tensor | None = None) -> Tensor:
    """sqrt(det G) (m,) at latents z (m, d); within the plane of an orthonormal basis (d, 2), where one is given.

    The page does this in the browser, by differences of images; here it is for notebooks, by derivatives.
    """
    metric = pullback(decode, z)
    if basis is not None:
        basis = basis[:, basis.any(0)]  # a one-dimensional space has no second direction
        metric = basis.to(metric.dtype).T @ metric @ basis.to(metric.dtype)
    return metric.double().det().clamp_min(0).sqrt()
