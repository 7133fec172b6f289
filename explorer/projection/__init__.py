"""From latent space to a map and back: linear planes, exactly; UMAP, by what is near."""

from .embedding import Embedding, load_embedding, read_settings, save_embedding
from .local import Local
from .plane import Plane, ProjectionError, axes_plane, explained_by, fit_plane, images_plane
from .settings import DECODED, METRICS, UmapSettings, check_codes

__all__ = [
    "DECODED",
    "METRICS",
    "Embedding",
    "Local",
    "Plane",
    "ProjectionError",
    "UmapSettings",
    "axes_plane",
    "check_codes",
    "explained_by",
    "fit_plane",
    "images_plane",
    "load_embedding",
    "read_settings",
    "save_embedding",
]
