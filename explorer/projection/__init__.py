"""From latent space to a map and back: linear planes, exactly; UMAP, by what is near."""

from .embedding import Embedding, content_key, load_embedding, save_embedding
from .local import Local
from .plane import Plane, ProjectionError, axes_plane, fit_plane, images_plane
from .settings import UmapSettings

__all__ = [
    "Embedding",
    "Local",
    "Plane",
    "ProjectionError",
    "UmapSettings",
    "axes_plane",
    "content_key",
    "fit_plane",
    "images_plane",
    "load_embedding",
    "save_embedding",
]
