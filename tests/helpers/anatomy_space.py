"""Models of 8×8 digits as the anatomy's routes serve them, and how the pages read the answers."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from starlette.testclient import TestClient

from explorer.checkpoint.weights import load_checkpoint, save_checkpoint
from explorer.serving.space.space import SPACES, Space
from tests.helpers.spaces import save_digits

AT = {"u": [0.2, -0.3], "sigma": [0.4, 0.3]}


def opened(folder: Path, gain: float = 1.0, **options: Any) -> Space:
    """A model of 8×8 digits whose decoder's last layer is `gain` times as sure of itself."""
    checkpoint = load_checkpoint(save_digits(folder, **options))
    with torch.no_grad():
        last = [layer for layer in checkpoint.model.decoder.network.modules() if hasattr(layer, "weight")][-1]
        last.weight.mul_(gain)
    save_checkpoint(folder, checkpoint.model, checkpoint.config)
    return SPACES.get(str(folder))


def read(content: bytes) -> tuple[dict[str, Any], np.ndarray]:
    """As evidence.mjs reads it."""
    (length,) = struct.unpack_from("<I", content)
    facts = json.loads(content[4 : 4 + length])
    assert length % 4 == 0  # a Float32Array begins at a multiple of its size
    mass = np.frombuffer(content, "<f4", offset=4 + length)
    return facts, mass.reshape(facts["sides"]) if facts["method"] == "quadrature" else mass


def evidence_of(client: TestClient, space: Space, index: int) -> tuple[dict[str, Any], np.ndarray]:
    answer = client.get(f"/explorer/evidence/{space.key}/{index}.bin")
    assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
    return read(answer.content)


def post(client: TestClient, space: Space, name: str, state: dict[str, Any]) -> Any:
    answer = client.post(f"/explorer/{name}/{space.key}", json=state)
    assert answer.status_code == 200, answer.text
    return read(answer.content) if name == "evidence" else answer.json()


def pixels(values: Any) -> str:
    return base64.b64encode(np.asarray(values, np.uint8).tobytes()).decode()


def x_of(space: Space, index: int) -> torch.Tensor:
    return space.latents.observed(slice(index, index + 1))
