"""A model on disk: config.json, model.safetensors, README.md and a gallery of test images.

Nothing here unpickles. Weights are stored as float16 and computed with in float32: the
numbers on a model card are those of the rounded weights, so a download is half the size
and loses nothing that was promised.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ..config import Config, ConfigError, ModelConfig
from ..files.kinds import LFS, LFS_ADVICE
from ..models import VAE, build

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"

# A config.json is a page of text, and a safetensors header names each tensor once.
MAX_CONFIG_BYTES = 1 << 20
MAX_HEADER_BYTES = 1 << 22
_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


class CheckpointError(ValueError):
    """A checkpoint that cannot be opened; the message names the file and the fault."""


@dataclass(frozen=True)
class Checkpoint:
    """A model in evaluation mode, with the configuration it was rebuilt from."""

    model: VAE
    config: Config
    folder: Path


def write_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def save_checkpoint(folder: Path, model: VAE, config: Config, *, dtype: torch.dtype = torch.float16) -> None:
    """Writes weights and configuration; the model itself is not changed.

    Raises:
        CheckpointError: a weight is not finite, also after rounding to `dtype`.
    """
    state = {name: value.detach().cpu().to(dtype).contiguous() for name, value in model.state_dict().items()}
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise CheckpointError(f"{folder / WEIGHTS_FILE} was not written: {name} holds values that are not finite.")
    write_file(folder / WEIGHTS_FILE, save(state, metadata={"format": "pt"}))
    write_file(folder / CONFIG_FILE, config.to_json().encode())


def load_checkpoint(folder: Path | str, *, device: torch.device | str = "cpu") -> Checkpoint:
    """Opens a checkpoint, strictly: every tensor must be there, once, with the right shape.

    The configuration and the weight file's header are checked against each other before
    any tensor is read, so an absurd file is refused before memory is taken.

    Raises:
        CheckpointError: a file is missing, truncated or does not fit the architecture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder: a checkpoint is one with {CONFIG_FILE} and {WEIGHTS_FILE}.")
    config = read_config(folder / CONFIG_FILE)
    weights = folder / WEIGHTS_FILE
    try:
        with torch.device("meta"):
            expected = build(config.model).state_dict()
        _check_header(weights, expected)
        state = load_file(weights)
        for name, value in state.items():
            if not torch.isfinite(value).all():
                raise CheckpointError(f"{weights}: {name} holds values that are not finite (NaN or infinity).")
        model = build(config.model, seed=0)  # a seed, so that opening a model draws nothing from torch's generator
    except ConfigError as error:
        raise CheckpointError(f"{folder / CONFIG_FILE}: {error}") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{weights} could not be read: {error}.") from None
    model.load_state_dict({name: value.float() for name, value in state.items()}, strict=True)
    return Checkpoint(model.to(device).eval().requires_grad_(False), config, folder)


def most_weight_bytes(config: ModelConfig) -> int:
    """The most that model.safetensors of an architecture can hold, in bytes; counted without taking memory.

    Raises:
        CheckpointError: the architecture would have more weights than any model here.
    """
    try:
        with torch.device("meta"):
            weights = sum(value.numel() for value in build(config).state_dict().values())
    except ConfigError as error:
        raise CheckpointError(f"{CONFIG_FILE}: {error}") from None
    return 8 + MAX_HEADER_BYTES + weights * max(dtype.itemsize for dtype in _DTYPES.values())


def read_config(path: Path) -> Config:
    """A checkpoint's config.json, with every bound checked.

    Raises:
        CheckpointError: it is missing, is not one, or asks for what no model here may be.
    """
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise CheckpointError(f"{path} is too large to be a configuration ({path.stat().st_size:,} bytes).")
        content = path.read_bytes()
        if content.startswith(LFS):
            raise CheckpointError(_pointer(path))
        return Config.from_json(content.decode("utf-8-sig"))
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing.") from None
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} could not be read: {error}.") from None


def _pointer(path: Path) -> str:
    return f"{path} is a Git LFS pointer, not the file that it stands for. {LFS_ADVICE}"


def _check_header(path: Path, expected: dict[str, torch.Tensor]) -> None:
    """The header of a safetensors file against the tensors the architecture needs."""
    if not path.is_file():
        raise CheckpointError(f"{path} is missing.")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(len(LFS))
        if start == LFS:
            raise CheckpointError(_pointer(path))
        length = int.from_bytes(start[:8], "little")
        file.seek(8)
        if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
            raise CheckpointError(f"{path} is truncated or not a safetensors file.")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            raise CheckpointError(f"{path} is not a safetensors file: its header is not JSON.") from None
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} is not a safetensors file: its header is not an object.")
    header.pop("__metadata__", None)
    missing, extra = sorted(expected.keys() - header.keys()), sorted(header.keys() - expected.keys())
    if missing or extra:
        fault = f"lacks {', '.join(missing[:3])}" if missing else f"has unknown tensors: {', '.join(extra[:3]):.200}"
        raise CheckpointError(f"{path} does not fit {CONFIG_FILE}: it {fault}.")
    total = 0
    for name, tensor in expected.items():
        entry = header[name]
        if not isinstance(entry, dict) or str(entry.get("dtype")) not in _DTYPES:
            raise CheckpointError(f"{path}: {name} has the type {entry!r:.60}; weights are F16, BF16 or F32.")
        if entry.get("shape") != list(tensor.shape):
            raise CheckpointError(
                f"{path}: {name} has the shape {entry.get('shape')!r:.60}; {CONFIG_FILE} asks for {list(tensor.shape)}."
            )
        total += tensor.numel() * _DTYPES[entry["dtype"]].itemsize
    if size != 8 + length + total:
        raise CheckpointError(f"{path} is truncated or padded: {size:,} bytes where {8 + length + total:,} are due.")
