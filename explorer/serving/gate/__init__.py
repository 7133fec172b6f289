"""The gate: one middleware before every route and socket, Streamlit's own included."""

from .bodies import takes
from .gate import Gate
from .local import is_local
from .settings import Settings, served

__all__ = ["Gate", "Settings", "is_local", "served", "takes"]
