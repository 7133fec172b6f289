"""Models as strangers bring them: sound ones to damage, and zips of any content."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

from explorer.checkpoint.gallery import save_gallery
from tests.helpers.spaces import digits_gallery, save_digits

EVALUATION = {"n": 360, "elbo": -20.5, "elbo_standard_error": 0.25, "units": "nats"}


def sound_model(folder: Path, **settings: Any) -> dict[str, bytes]:
    """The files of a small model of the digits, by name."""
    save_digits(folder, **settings)
    save_gallery(folder, digits_gallery())
    (folder / "evaluation.json").write_text(json.dumps(EVALUATION))
    (folder / "README.md").write_text("# <script>alert(1)</script>\n")
    (folder / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n')
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def packed(files: dict[str, bytes], top: str = "", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of some files, within the folder `top` ("name/")."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(f"{top}{name}", content)
    return buffer.getvalue()


def with_config(files: dict[str, bytes], **values: Any) -> dict[str, bytes]:
    """The files with other values in the model's part of config.json."""
    body = json.loads(files["config.json"])
    body["model"].update(values)
    return {**files, "config.json": json.dumps(body).encode()}


def safetensors(header: bytes, data: bytes = b"") -> bytes:
    """A weights file with any header."""
    return struct.pack("<Q", len(header)) + header + data
