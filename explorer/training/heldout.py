"""The terms of images that training does not see, measured while it runs."""

from __future__ import annotations

import torch
from torch import Tensor

from ..datasets import Dataset
from ..datasets.binarise import repeatable
from ..inference import elbo
from ..inference.units import active_dimensions
from ..models import VAE

IMAGES = 1_000
CHUNK = 250
SEED = 0


class HeldOut:
    """The first images of a test split, with one fixed draw of their pixels.

    Attributes:
        images: grey or colour values, uint8 (n, c, h, w), on the CPU.
        x: what the likelihood sees, float32 (n, c, h, w), on `device`.
        labels: int64 (n,); classes: their names.
    """

    def __init__(self, dataset: Dataset, binarisation: str, device: torch.device, count: int = IMAGES) -> None:
        self.images, self.labels, self.classes = dataset.images[:count], dataset.labels[:count], dataset.classes
        self.x: Tensor = repeatable(self.images, binarisation).to(device)

    @torch.inference_mode()
    def measure(self, model: VAE) -> tuple[float, float, int]:
        """Mean reconstruction and KL, nats per image, and the number of active dimensions.

        The noise is the same each time, so a curve of it is smooth.
        """
        generator = torch.Generator(self.x.device).manual_seed(SEED)
        total, means = torch.zeros(2, device=self.x.device), []
        for chunk in self.x.split(CHUNK):
            terms = elbo(model, chunk, generator=generator)
            total += torch.stack((terms.log_likelihood.sum(), terms.kl.sum()))
            means.append(model.posterior(chunk).mean.cpu())
        log_likelihood, kl = (total / len(self.x)).tolist()
        return log_likelihood, kl, int(active_dimensions(torch.cat(means)).sum())
