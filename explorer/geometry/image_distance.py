"""How far codes are apart as they look: by the images that they decode to.

In latent space all coordinates count alike, also those that the decoder hardly heeds. For a map on which near means
alike, distances are taken between decoded images instead.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .metric import Decoder, pullback

COMPONENTS = 50  # of the images: what further ones add to a distance is little
SAMPLE = 2_000  # images from which the components are learnt
PROBES = 500  # codes at which the metric is taken
TOGETHER = 512  # places decoded at once


def looks(decode: Decoder, codes: Tensor) -> Tensor:
    """Codes (n, d) as the leading principal components (n, k) of what they decode to, float32.

    Distances among them are those among the decoded images, but for the variance that the components leave out.
    """
    from sklearn.decomposition import PCA

    sample = torch.cat([*_decoded(decode, _spread(codes, SAMPLE))]).numpy()
    count = min(COMPONENTS, *sample.shape)
    components = PCA(count, svd_solver="randomized", random_state=0).fit(sample)
    return torch.cat([torch.from_numpy(components.transform(part.numpy())).float() for part in _decoded(decode, codes)])


def ruler(decode: Decoder, codes: Tensor) -> Tensor:
    """A linear map L (d, d), float32, for codes (n, d), after which they are as far apart as their images, on average.

    |L^T dz|^2 = dz^T G dz with G the mean pull-back metric over codes: L is its lower Cholesky factor.
    """
    metric = pullback(decode, _spread(codes, PROBES).double()).mean(0)
    # A coordinate that the decoder does not heed at all has no length; the factor wants some.
    least = 1e-12 * metric.diagonal().mean().clamp_min(1e-30)
    return torch.linalg.cholesky(metric + least * torch.eye(len(metric), dtype=metric.dtype)).float()


def _spread(codes: Tensor, count: int) -> Tensor:
    """At most so many of the codes, evenly among all."""
    return codes[:: -(-len(codes) // count)]


@torch.no_grad()
def _decoded(decode: Decoder, codes: Tensor):
    for part in codes.split(TOGETHER):
        yield decode(part).float()
