"""Asking the routes of a space as its page does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from explorer.serving.manifest import describe
from explorer.serving.space import Space

ORIGIN = {"Origin": "http://testserver"}


def post(client: TestClient, space: Space, name: str, state: Any, expect: int = 200) -> Any:
    answer = client.post(describe(space)[name], json=state, headers=ORIGIN)
    assert answer.status_code == expect, answer.text[:300]
    if expect != 200:
        return answer.json()["error"]
    return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.content


def packed(content: bytes) -> tuple[dict[str, Any], np.ndarray]:
    length = int.from_bytes(content[:4], "little")
    return json.loads(content[4 : 4 + length]), np.frombuffer(content, "<f4", offset=4 + length)
