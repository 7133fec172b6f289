"""What a UMAP is asked for, checked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from torch import Tensor

from .plane import ProjectionError

# Between the images that codes decode to, see geometry/image_distance.py; the others are of latent space.
DECODED = "decoded"
METRICS = ("euclidean", DECODED, "cosine", "manhattan", "correlation")
MOST_NEIGHBOURS = 200
LEAST_POINTS = 10  # of a map
# Below, a metric that leaves out the length, or the length and the mean, takes two values.
LEAST_DIMENSIONS = {"cosine": 2, "correlation": 3}


@dataclass(frozen=True)
class UmapSettings:
    """Of McInnes, Healy & Melville (2018), by umap-learn's names for them.

    Attributes:
        neighbours: how many nearest points make the neighbourhood that is kept; few keep the fine structure.
        min_distance: how near points may lie on the map, 0 to 0.99.
        metric: what distance is, one of METRICS.
        seed: of the layout: the same seed gives the same map on the same machine.
        supervised: whether labels pull points of one class together.
    """

    neighbours: int = 15
    min_distance: float = 0.1
    metric: str = "euclidean"
    seed: int = 0
    supervised: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (("neighbours", 2, MOST_NEIGHBOURS), ("seed", 0, 2**32 - 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ProjectionError(f"{name} must be a whole number from {low} to {high:,}, not {value!r:.40}.")
        distance = self.min_distance
        if isinstance(distance, bool) or not isinstance(distance, (int, float)) or not 0 <= distance <= 0.99:
            raise ProjectionError(f"min_distance must lie between 0 and 0.99, not {distance!r:.40}.")
        object.__setattr__(self, "min_distance", float(distance))  # 0 and 0.0 are one map
        if self.metric not in METRICS:
            raise ProjectionError(f"metric is {', '.join(METRICS[:-1])} or {METRICS[-1]}, not {self.metric!r:.40}.")
        if not isinstance(self.supervised, bool):
            raise ProjectionError("supervised is true or false.")

    def to_json(self) -> str:
        """One line, the same for the same settings."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> UmapSettings:
        """From `to_json`; unknown names are refused.

        Raises:
            ProjectionError: it is not settings.
        """
        try:
            values = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            raise ProjectionError("The settings of the map are not JSON.") from None
        names = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or not set(values) <= names:
            raise ProjectionError(f"The settings of a map are {', '.join(sorted(names))}.")
        return cls(**values)


def check_codes(codes: Tensor, settings: UmapSettings) -> None:
    """Whether there can be a map of codes (n, d) at all.

    Raises:
        ProjectionError: too few points, or none that differ, or by this metric.
    """
    if len(codes) < LEAST_POINTS:
        raise ProjectionError(f"UMAP wants at least {LEAST_POINTS} points; there are {len(codes)}.")
    if not codes.isfinite().all():
        raise ProjectionError("Some codes are not finite numbers, so there is no map of them.")
    varies = int((codes != codes[:1]).any(0).sum())
    if not varies:
        raise ProjectionError("All codes are the same: every dimension has collapsed, so there is nothing to map.")
    if varies < LEAST_DIMENSIONS.get(settings.metric, 1):
        raise ProjectionError(
            f"The metric {settings.metric} tells next to nothing apart in {varies} dimensions: take euclidean."
        )
