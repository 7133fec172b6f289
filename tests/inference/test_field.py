"""The field of log p(x|z): its cells tile, its values are the model's, and its route gives them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from starlette.applications import Starlette
from starlette.testclient import TestClient

from explorer.serving.http.address_values import MAX_SIGMA
from explorer.serving.routes import routes
from explorer.serving.space.manifest import describe
from explorer.serving.space.space import Space
from tests.helpers.anatomy_space import opened, pixels, x_of


def unpacked(content: bytes) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The facts, and the values of each level."""
    (length,) = struct.unpack_from("<I", content)
    facts = json.loads(content[4 : 4 + length])
    assert length % 4 == 0
    values = np.frombuffer(content, "<f4", offset=4 + length)
    ends = np.cumsum([np.prod(level["sides"]) for level in facts["levels"]])
    assert len(values) == ends[-1]
    return facts, [
        part.reshape(level["sides"]) for part, level in zip(np.split(values, ends[:-1]), facts["levels"], strict=True)
    ]


def nodes(level: dict[str, Any]) -> np.ndarray:
    """z of every node, of the shape `sides` and then d."""
    axes = [low + level["step"] * np.arange(n) for low, n in zip(level["origin"], level["sides"], strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1)


@pytest.fixture(scope="module", params=[1, 2])
def space(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Space:
    return opened(tmp_path_factory.mktemp("field"), 12.0, latent=request.param)


def test_the_field_is_the_models_and_its_cells_tile(space: Space) -> None:
    with TestClient(Starlette(routes=routes())) as client:
        answer = client.get(f"/explorer/field/{space.key}/3.bin")
        drawn = client.post(f"/explorer/field/{space.key}", json={"pixels": pixels(x_of(space, 3))})
    assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
    assert drawn.content == answer.content and len(answer.content) < 400_000
    assert describe(space)["field"].endswith(f"field/{space.key}")
    facts, values = unpacked(answer.content)
    rng = np.random.default_rng(0)
    for level, found in zip(facts["levels"], values, strict=True):
        some = rng.choice(found.size, 300)
        with torch.inference_mode():
            at = torch.from_numpy(nodes(level).reshape(-1, space.latent)[some]).float()
            exact = space.checkpoint.model.likelihood(at).log_prob(x_of(space, 3)).double().numpy()
        off = np.abs(found.flatten()[some] - exact).mean()
        assert off < 0.01 + 1e-5 * np.abs(exact).mean() and facts["error"] < 0.05
    # Places anywhere lie in one cell of one level each, as far out as the widest q on the map reaches.
    low, high = space.latents.loc.amin(0).double().numpy(), space.latents.loc.amax(0).double().numpy()
    z = rng.uniform(low - 5 * MAX_SIGMA, high + 5 * MAX_SIGMA, (20_000, space.latent))
    times = np.zeros(len(z), int)
    for level in facts["levels"]:
        cell = np.round((z - level["origin"]) / level["step"]).astype(int)
        inside = ((cell >= 0) & (cell < level["sides"])).all(1)
        hole = np.zeros(level["sides"], bool)
        if level["hole"]:
            hole[tuple(slice(*part) for part in level["hole"])] = True
        times[inside] += ~hole[tuple(cell[inside].T)]
    assert (times == 1).all()


def test_above_two_dimensions_there_is_none(tmp_path: Path) -> None:
    three = opened(tmp_path, latent=3)
    assert describe(three)["field"] is None
    with TestClient(Starlette(routes=routes())) as client:
        answer = client.get(f"/explorer/field/{three.key}/0.bin")
    assert answer.status_code == 400 and "one or two dimensions" in answer.text
