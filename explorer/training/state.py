"""A run on disk while it is under way: what --resume needs, in safetensors and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from ..checkpoint import CheckpointError, write_file
from ..config import Config
from ..models import VAE
from .loop import RunState, start

STATE_FILE = "training.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def is_sound(model: VAE) -> bool:
    """Whether every weight is finite."""
    return all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())


def save_state(folder: Path, model: VAE, config: Config, state: RunState) -> None:
    """Writes weights (float32), the optimiser's moments, the noise and the counters, whole or not at all."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, moments in state.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": moments[name] for name in _MOMENTS}
    tensors["noise"] = state.noise.get_state()
    facts = {"config": config.to_json(), "counters": json.dumps({"step": state.step, "elapsed": state.elapsed})}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_file(folder / STATE_FILE, save(tensors, metadata=facts))


def load_state(folder: Path, model: VAE, config: Config, device: torch.device) -> RunState:
    """Puts a saved run's weights into `model` and gives the state to go on from.

    Raises:
        CheckpointError: there is no saved run, it is damaged, or it is of another configuration.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / STATE_FILE
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: there is no run to resume here.")
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
        saved = Config.from_json(facts["config"])
        counters = json.loads(facts["counters"])
        if (saved.model, saved.training) != (config.model, config.training):
            raise CheckpointError(f"{path} is of a run with other settings: resume it with the same ones.")
        tensors = load_file(path)
        model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
        state = start(model, config.training, device)
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimiser."):
                _, index, moment = name.split(".")
                moments.setdefault(int(index), {})[moment] = value
        state.optimiser.load_state_dict({**state.optimiser.state_dict(), "state": moments})
        state.noise.set_state(tensors["noise"])
        state.step, state.elapsed = int(counters["step"]), float(counters["elapsed"])
    except CheckpointError:
        raise
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged: {error!r:.160}.") from None
    return state
