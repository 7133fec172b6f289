"""One zip of a model's folder, the same bytes whenever the files are the same."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import BinaryIO

from ..files.names import name_from
from .files import MAX_BYTES, NEEDED, SENT, TransferError, is_regular, open_regular

MOST_BYTES = 1 << 30
_TEXT = (".json", ".jsonl", ".md")  # pictures and half-precision weights do not pack
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # zip has no date before it


def download_name(name: str) -> str:
    """What a model's zip is called, whatever its folder is called: small letters, digits and hyphens."""
    return f"{name_from(name, 'model')}.zip"


def write_bundle(folder: Path, name: str, target: BinaryIO) -> None:
    """Writes a zip with one folder, in it the files of `SENT` that there are and nothing else.

    Raises:
        TransferError: a needed file is missing, or one is too large to be what it is called.
    """
    top = name_from(name, "model")
    with zipfile.ZipFile(target, "w") as archive:
        for file in SENT:
            path = folder / file
            if not is_regular(path):
                if file in NEEDED:
                    raise TransferError(
                        f"{file} of {name!r:.60} is missing or a link, so there is nothing to download."
                    )
                continue
            if path.stat().st_size > MAX_BYTES.get(file, MOST_BYTES):
                raise TransferError(f"{file} of {name!r:.60} is too large to be sent.")
            entry = zipfile.ZipInfo(f"{top}/{file}", _EARLIEST)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED if file.endswith(_TEXT) else zipfile.ZIP_STORED
            entry.file_size = path.stat().st_size
            with open_regular(path) as source, archive.open(entry, "w") as packed:
                shutil.copyfileobj(source, packed, 1 << 20)
