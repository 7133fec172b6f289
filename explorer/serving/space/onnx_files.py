"""ONNX files of a model that lie nowhere yet, exported by a process of their own and kept in the data folder.

The exporter's packages take some 200 MB that a server would never give back.

    python -m explorer.serving.space.onnx_files FOLDER encoder|decoder WEIGHTS OUT
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from ...cancellation import check_cancelled
from ...checkpoint.programs import encoder_onnx, export_decoder
from ...checkpoint.signature import fingerprint
from ...checkpoint.weights import Checkpoint, load_checkpoint
from ...datasets import DatasetError, default_data_dir

FOLDER = "onnx"
MOST_FILES = 40  # kept; the oldest go first
PARTS = ("encoder", "decoder")
_ROOT = Path(__file__).resolve().parents[3]


def exported(checkpoint: Checkpoint, part: str, key: str) -> bytes:
    """A model's encoder or decoder as ONNX.

    Args:
        part: one of PARTS; key: names the model's weights, for the file that is kept.

    Raises:
        Cancelled: nobody waits for it any more.
    """
    kept = _kept(f"{part}-{key}.onnx")
    if kept is not None and kept.is_file():
        with contextlib.suppress(OSError):
            return kept.read_bytes()
    content = _apart(checkpoint, part)
    if content is None:  # a checkpoint that lies nowhere, or has changed since it was opened
        content = _here(checkpoint, part)
    elif kept is not None:
        _keep(kept, content)
    return content


def _here(checkpoint: Checkpoint, part: str) -> bytes:
    if part == "encoder":
        return encoder_onnx(checkpoint.model)
    with tempfile.TemporaryDirectory() as folder:
        return export_decoder(checkpoint.model, Path(folder)).read_bytes()


def _apart(checkpoint: Checkpoint, part: str) -> bytes | None:
    """The export of another process; None where it could not be done."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        out = Path(folder) / "out.onnx"
        words = [str(checkpoint.folder.resolve()), part, fingerprint(checkpoint.model), str(out)]
        command = [sys.executable, "-m", "explorer.serving.space.onnx_files", *words]
        process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
                    break
                check_cancelled()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode == 0 and out.is_file():
            return out.read_bytes()
        said.seek(0)
        reason = said.read().decode(errors="replace").strip().rpartition("\n")[2]
        logging.getLogger("explorer").warning("The %s was not exported in a process of its own: %s", part, reason)
        return None


def _kept(name: str) -> Path | None:
    try:
        return default_data_dir() / FOLDER / name
    except DatasetError:
        return None


def _keep(path: Path, content: bytes) -> None:
    """Writes a file, whole or not at all; a data folder that cannot be written has none."""
    part = path.with_name(f"{path.name}-{secrets.token_hex(4)}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        for old in sorted(path.parent.glob("*.onnx"), key=lambda file: file.stat().st_mtime)[:-MOST_FILES]:
            old.unlink(missing_ok=True)


def _main(folder: str, part: str, weights: str, out: str) -> int:
    checkpoint = load_checkpoint(Path(folder))
    if part not in PARTS or fingerprint(checkpoint.model) != weights:
        print("The files are of other weights by now.")
        return 1
    Path(out).write_bytes(_here(checkpoint, part))
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:5]))
