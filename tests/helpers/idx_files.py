"""Idx files written the long way round, as an oracle for the reader."""

import hashlib
import struct

import torch


def idx_bytes(values: torch.Tensor) -> bytes:
    """Writes an idx file the long way round, as an oracle for the reader."""
    header = struct.pack(">HBB", 0, 0x08, values.ndim)
    header += b"".join(struct.pack(">I", size) for size in values.shape)
    return header + bytes(values.flatten().tolist())


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
