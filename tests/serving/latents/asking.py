"""Asking the routes of a space as its page does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from starlette.testclient import TestClient

from explorer.checkpoint.maps import map_file, map_key, row_sums
from explorer.projection import Embedding, UmapSettings, save_embedding
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import Space


def post(client: TestClient, space: Space, name: str, state: Any, expect: int = 200) -> Any:
    answer = client.post(describe(space)[name], json=state)
    assert answer.status_code == expect, answer.text[:300]
    if expect != 200:
        return answer.json()["error"]
    return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.content


def packed(content: bytes) -> tuple[dict[str, Any], np.ndarray]:
    length = int.from_bytes(content[:4], "little")
    return json.loads(content[4 : 4 + length]), np.frombuffer(content, "<f4", offset=4 + length)


def keep_map(space: Space, folder: Path, settings: UmapSettings, count: int | None = None) -> tuple[str, Embedding]:
    count = space.test_count if count is None else count
    places = space.latents.loc[:count, :2].clone()
    rows = row_sums(space.latents, count)
    made = Embedding(places, torch.rand(count), torch.rand(count), settings, "by hand", rows)
    key = map_key(space.checkpoint.model, space.latents, settings, space.test_count)
    save_embedding(map_file(folder, key), made, key)
    return key, made
