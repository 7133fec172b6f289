"""Names of a configuration and of a model's weights, the same in every version of this program.

Files beside a checkpoint (decoder, gaps, fitted maps) say by them whose they are. A field that is added to a
configuration with a default therefore must not change the signature of those that have the default.
"""

from __future__ import annotations

import dataclasses
import hashlib

from ..config import ModelConfig
from ..models import VAE

# The fields of format 1, always written, in this order. A field that comes later is written where it differs from its
# default, and the default may never change after it.
_FORMAT_1 = ("image_shape", "latent", "network", "hidden", "activation", "likelihood")
PARTS = ("all", "decoder")


def signature(config: ModelConfig) -> str:
    """Canonical text of an architecture: equal for equal ones, whichever version wrote or read them.

    >>> signature(ModelConfig(latent=3))[:49]
    'ModelConfig(image_shape=(1, 28, 28), latent=3, ne'
    """
    later = [field for field in dataclasses.fields(config) if field.name not in _FORMAT_1]
    names = [*_FORMAT_1, *sorted(field.name for field in later if getattr(config, field.name) != _default(field))]
    return f"ModelConfig({', '.join(f'{name}={getattr(config, name)!r}' for name in names)})"


def _default(field: dataclasses.Field[object]) -> object:
    """A field's default; one without has none that a value could equal."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def fingerprint(model: VAE, part: str = "all") -> str:
    """SHA-256 of a model's architecture and weights, 64 hexadecimal digits.

    Args:
        part: "all", encoder and decoder; or "decoder", with the likelihood's own weights among them.

    Raises:
        ValueError: there is no such part.
    """
    if part not in PARTS:
        raise ValueError(f"part is {' or '.join(PARTS)}, not {part!r:.40}.")
    total = hashlib.sha256(signature(model.config).encode())
    for name, value in (model if part == "all" else model.decoder).state_dict().items():
        total.update(name.encode())
        total.update(value.cpu().float().contiguous().numpy().tobytes())
    return total.hexdigest()
