"""log p(x) and p(z|x) of an image of a space, by quadrature on the model's lattice, each made once and kept;
and the field of log p(x|z) that a browser sums over any q.
"""

from __future__ import annotations

from ...inference.quadrature.field import Field, fitted_field
from ...inference.quadrature.integral import quadrature
from ...inference.quadrature.lattice import Lattice, QuadratureError, fitted_lattice
from ...inference.quadrature.posterior import TruePosterior, true_posterior
from ..http.kept import MB, Kept
from .space import Space
from .state import Image

TOLERANCE = 1e-3
# Of a second lattice, which shares no node with the first: what is checked is integrated anew.
CHECK_NODES = 8_000
_LATTICES: Kept[Lattice] = Kept(8, 192 * MB, lambda lattice: lattice.bytes)
_CHECKS: Kept[Lattice] = Kept(8, 48 * MB, lambda lattice: lattice.bytes)
_FIELDS: Kept[Field] = Kept(8, 96 * MB, lambda field: field.bytes)
_CHECK_FIELDS: Kept[Field] = Kept(8, 96 * MB, lambda field: field.bytes + field.lattice.bytes)
_POSTERIORS: Kept[TruePosterior] = Kept(256, 16 * MB)


def lattice_of(space: Space) -> Lattice:
    """The model's lattice, decoded once while it is asked for.

    Raises:
        QuadratureError: more than two latent dimensions.
    """
    lattice = _LATTICES.get(space.key, lambda: fitted_lattice(space.checkpoint.model, space.latents.loc, rough=True))
    assert lattice is not None
    return lattice


def field_of(space: Space) -> Field:
    """The lattice with the rings around it, decoded once while it is asked for.

    Raises:
        QuadratureError: more than two latent dimensions.
    """
    field = _FIELDS.get(space.key, lambda: fitted_field(lattice_of(space)))
    assert field is not None
    return field


def check_field_of(space: Space) -> Field:
    """A second field, of a lattice with nodes between those of the first: what is checked is summed anew."""

    def made() -> Field:
        return fitted_field(fitted_lattice(space.checkpoint.model, space.latents.loc, rough=True, between=True))

    field = _CHECK_FIELDS.get(space.key, made)
    assert field is not None
    return field


def posterior_of(space: Space, image: Image) -> TruePosterior:
    """p(z|x) of an image.

    Raises:
        QuadratureError: it cannot be had by quadrature.
    """

    def made() -> TruePosterior:
        return true_posterior(space.checkpoint.model, image.x, lattice=lattice_of(space), tolerance=TOLERANCE)

    found = _POSTERIORS.get(image.name, made)
    assert found is not None
    return found


def log_evidence_anew(space: Space, image: Image) -> float:
    """log p(x), integrated a second time on another lattice.

    Raises:
        QuadratureError: it cannot be had by quadrature.
    """
    model, loc = space.checkpoint.model, space.latents.loc
    lattice = _CHECKS.get(space.key, lambda: fitted_lattice(model, loc, most=CHECK_NODES, rough=True))
    value = quadrature(model, image.x, tolerance=TOLERANCE / 10, lattice=lattice).value.item()
    if value != value:
        raise QuadratureError(
            "log p(x) of this image is not a number under this model", "choose another image or model"
        )
    return value
