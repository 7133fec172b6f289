"""From latent space to a map and back: linear planes, exactly; UMAP, by what is near."""

from .embedding import Embedding, load_embedding, read_settings, save_embedding
from .local import Local
from .plane import Plane, ProjectionError, axes_plane, explained_by, fit_plane, images_plane
from .settings import LEAST_POINTS, METRICS, UmapSettings

__all__ = [
    "LEAST_POINTS",
    "METRICS",
    "Embedding",
    "Local",
    "Plane",
    "ProjectionError",
    "UmapSettings",
    "axes_plane",
    "explained_by",
    "fit_plane",
    "images_plane",
    "load_embedding",
    "read_settings",
    "save_embedding",
]
