"""Models between machines: sent as one zip, brought as a zip, from a folder or from the Hugging Face Hub.

What comes from a stranger is checked before it is kept, and nothing of it is ever run.
"""

from .arrival import Brought
from .bring import from_folder, from_zip
from .bundle import download_name, write_bundle
from .files import TransferError
from .own_models import delete_model, kept_names, owners_of_models, source_of, suggest_name

__all__ = [
    "Brought",
    "TransferError",
    "delete_model",
    "download_name",
    "from_folder",
    "from_zip",
    "kept_names",
    "owners_of_models",
    "source_of",
    "suggest_name",
    "write_bundle",
]
