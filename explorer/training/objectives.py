"""What a step minimises: the negative ELBO, or a relative of it that helps training along."""

from __future__ import annotations

from torch import Tensor

from ..inference.elbo import Terms


def loss(terms: Terms, *, beta: float = 1.0, free_bits: float = 0.0) -> Tensor:
    """The loss of a minibatch, nats an image; minus the ELBO where beta is 1 and free_bits 0.

    beta       -E[log p(x|z)] + beta KL                             (Higgins et al. 2017)
    free bits  KL becomes sum_j max(free_bits, mean over the batch of KL_j)
                                                                    (Kingma et al. 2016, eq. 15)
    """
    kl = terms.kl_per_dimension.mean(0).clamp_min(free_bits).sum() if free_bits else terms.kl.mean()
    return beta * kl - terms.log_likelihood.mean()
