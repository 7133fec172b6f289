"""The anatomy of one image's ELBO, as the pages ask for it: log p(x), p(z|x), the best q, gradients.

An image is one of the data set or a drawn one, so all takes pixels; what belongs to an image of
the data set is made once and kept.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import torch
from torch import Tensor

from ..inference import stretched
from ..inference.gaps import FAMILIES, best_gaussian, measured, rule_for
from ..inference.gradient import elbo_gradient
from ..inference.importance import SAMPLES, importance_around
from ..inference.lattice import MOST_DIMENSIONS, Lattice, QuadratureError, fitted_lattice
from ..inference.posterior import TruePosterior, kl_to_posterior, true_posterior
from .kept import Kept
from .space import Space
from .state import BadState, Image, gaussian_in

CREDIBLE = (0.5, 0.95)
# A lattice takes up to 128 MB.
_LATTICES: Kept[Lattice] = Kept(3)
_POSTERIORS: Kept[TruePosterior] = Kept(256)
_BEST: Kept[dict[str, Any]] = Kept(1_024)
_DRAWS = 200


def lattice_of(space: Space) -> Lattice:
    """The model's lattice, decoded once while it is asked for.

    Raises:
        QuadratureError: more than two latent dimensions.
    """
    lattice = _LATTICES.get(space.key, lambda: fitted_lattice(space.checkpoint.model, space.latents.loc))
    assert lattice is not None
    return lattice


def posterior_of(space: Space, image: Image) -> TruePosterior:
    """p(z|x) of an image.

    Raises:
        QuadratureError: it cannot be had by quadrature.
    """

    def made() -> TruePosterior:
        return true_posterior(space.checkpoint.model, image.x, lattice=lattice_of(space), tolerance=1e-3)

    found = made() if image.name is None else _POSTERIORS.get(image.name, made)
    assert found is not None
    return found


def pack_evidence(space: Space, image: Image) -> bytes:
    """log p(x), and p(z|x) where latent space has one or two dimensions.

    uint32: the length of a JSON text; the text, padded by spaces to a multiple of four; and the
    posterior's masses, float32, row after row along z_1.
    """
    try:
        posterior = posterior_of(space, image)
    except QuadratureError as error:
        best = best_of(space, image)["full"]
        loc, factor = (torch.tensor(best[name], dtype=torch.float64) for name in ("loc", "factor"))
        generator = torch.Generator().manual_seed(0)
        estimate = importance_around(space.checkpoint.model, image.x, loc, factor, generator=generator)
        assert estimate.effective_samples is not None
        return packed(
            {
                "method": "importance",
                "value": estimate.value.item(),
                "error": estimate.error.item(),
                "samples": SAMPLES,
                "effective": estimate.effective_samples.item(),
                "why": str(error),
            }
        )
    return packed(
        {
            "method": "quadrature",
            "value": posterior.log_evidence,
            "error": posterior.error,
            "low": posterior.low.tolist(),
            "bin": posterior.bin,
            "sides": list(posterior.mass.shape),
            "levels": [posterior.level(share) for share in CREDIBLE],
            "shares": list(CREDIBLE),
            "mean": posterior.mean.tolist(),
            "deviations": posterior.covariance.diagonal().sqrt().tolist(),
            "peak": posterior.peak.tolist(),
        },
        posterior.mass.float().numpy().astype("<f4").tobytes(),
    )


def packed(facts: dict[str, Any], tail: bytes = b"") -> bytes:
    text = json.dumps(facts, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + tail


def best_of(space: Space, image: Image) -> dict[str, Any]:
    """The best diagonal and the best full-covariance q for an image, and the encoder's own, with their ELBOs."""
    if image.name is None:
        return _climbed(space, image)
    found = _BEST.get(image.name, lambda: _climbed(space, image))
    assert found is not None
    return found


def _climbed(space: Space, image: Image) -> dict[str, Any]:
    model, d = space.checkpoint.model, space.latent
    starts = [(image.loc.double(), image.scale.double().diag())]
    if d <= MOST_DIMENSIONS:
        try:
            posterior = posterior_of(space, image)
        except QuadratureError:
            pass
        else:
            # The posterior can have several peaks, and a climb ends on the nearest.
            starts.append((posterior.peak, image.scale.double().diag()))
    x = image.x.expand(len(starts), -1, -1, -1)
    loc, factor = (torch.stack(part) for part in zip(*starts, strict=True))
    own = measured(model, x[:1], loc[:1], factor[:1], rule_for(d, fine=True))
    facts: dict[str, Any] = {"encoder": {"elbo": own.elbo.item(), "error": _number(own.error, 0)}}
    for family in FAMILIES:
        found = best_gaussian(model, x, loc, factor, family=family)
        loc, factor = found.loc, found.factor
        best = int(found.elbo.argmax())
        facts[family] = {
            "loc": loc[best].tolist(),
            "factor": factor[best].tolist(),
            "u": space.plane.project(loc[best]).tolist(),
            "elbo": found.elbo[best].item(),
            "error": _number(found.error, best),
        }
    return facts


def _number(error: Tensor | None, at: int) -> float | None:
    return None if error is None else error[at].item()


def gradient_of(space: Space, state: Any) -> dict[str, Any]:
    """The ELBO's gradient at a q on the map, and single-draw estimates of it.

    Raises:
        BadState: the state is not usable.
    """
    image, u, sigma = gaussian_in(space, state)
    loc = space.plane.lift(u, image.loc)
    generator = torch.Generator().manual_seed(0)
    rule = space.rules.get("check") or space.rules["rest"]
    found = elbo_gradient(
        space.checkpoint.model, image.x, loc, image.scale, space.plane.basis, sigma,
        rule=rule, draws=_DRAWS, generator=generator,
    )  # fmt: skip
    if not (found.exact.isfinite().all() and found.draws.isfinite().all()):
        raise BadState("The ELBO has no finite gradient here.")
    return {"exact": found.exact.tolist(), "draws": found.draws.flatten().tolist()}


@torch.inference_mode()
def kl_of(space: Space, state: Any) -> dict[str, float]:
    """KL( q || p(z|x) ) of a q on the map by quadrature, and log p(x): torch's own for what is on screen.

    Raises:
        BadState: the state is not usable, or quadrature impossible.
    """
    image, u, sigma = gaussian_in(space, state)
    try:
        posterior = posterior_of(space, image)
    except QuadratureError as error:
        raise BadState(str(error)) from None
    factor = stretched(image.scale, space.plane.basis, sigma)
    loc = space.plane.lift(u, image.loc)
    kl = kl_to_posterior(space.checkpoint.model, image.x, loc, factor, posterior.log_evidence)
    return {"log_evidence": posterior.log_evidence, "error": posterior.error, "kl_to_posterior": kl}
