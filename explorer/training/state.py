"""A run on disk while it is under way: what --resume needs, in safetensors and JSON."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from ..checkpoint.weights import CheckpointError, write_file
from ..config import Config
from ..models import VAE
from .loop import RunState, start
from .speed import MOST_THREADS, Speed

STATE_FILE = "training.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def is_sound(model: VAE) -> bool:
    """Whether every weight is finite."""
    return all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())


def save_state(folder: Path, model: VAE, config: Config, state: RunState, data_sha256: str) -> None:
    """Writes weights (float32) and all of `state`, whole or not at all."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, moments in state.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": moments[name] for name in _MOMENTS}
    tensors["noise"] = state.noise.get_state()
    counters = json.dumps({"step": state.step, "elapsed": state.elapsed})
    facts = {"config": config.to_json(), "counters": counters, "data_sha256": data_sha256}
    if state.speed is not None:
        device = next(model.parameters()).device.type
        facts["speed"] = json.dumps({**dataclasses.asdict(state.speed), "device": device})
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_file(folder / STATE_FILE, save(tensors, metadata=facts))


def load_state(folder: Path, model: VAE, config: Config, device: torch.device, data_sha256: str) -> RunState:
    """Puts a saved run's weights into `model` and gives the state to go on from.

    Raises:
        CheckpointError: there is no saved run, it is damaged, or it is of another configuration
            or of other images.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / STATE_FILE
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: there is no run to resume here.")
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
        saved = Config.from_json(facts["config"])
        if (saved.model, saved.training) != (config.model, config.training):
            raise CheckpointError(f"{path.name} is of a run with other settings: resume it with the same ones.")
        if facts.get("data_sha256", data_sha256) != data_sha256:
            raise CheckpointError(f"{path.name} is of a run on other images than {config.training.dataset} has now.")
        tensors = load_file(path)
        model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
        state = start(model, config.training, device)
        state.optimiser.load_state_dict({**state.optimiser.state_dict(), "state": _moments(tensors, model)})
        state.step, state.elapsed = _counters(facts["counters"])
        state.speed = _speed(facts.get("speed", ""), device)
        if tensors["noise"].shape == state.noise.get_state().shape:
            state.noise.set_state(tensors["noise"])
        else:  # another kind of device has another generator: fresh noise, and no longer the same bits
            state.noise.manual_seed(config.training.seed + 1 + state.step)
    except CheckpointError:
        raise
    except (SafetensorError, OSError, LookupError, ValueError, ArithmeticError, TypeError, RuntimeError):
        raise CheckpointError(
            f"{path.name} is damaged, so this run cannot go on: duplicate it to begin anew."
        ) from None
    return state


def sweep(folder: Path) -> None:
    """Deletes the halves of files that a killed process left behind: see `write_file`. Only whoever runs there may."""
    for path in folder.glob(".*-????????"):
        with contextlib.suppress(OSError):
            path.unlink()


def _speed(text: str, device: torch.device) -> Speed | None:
    """Threads and precision of the arithmetic; None where they are not known, or were another kind of device's."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        kept = json.loads(text)
        speed = Speed(int(kept["threads"]), bool(kept["bfloat16"]), str(kept["reason"])[:200])
        if kept["device"] == device.type and 1 <= speed.threads <= MOST_THREADS:
            return speed
    return None


def _counters(text: str) -> tuple[int, float]:
    """Steps and seconds. Raises ValueError where they cannot be true."""
    counters = json.loads(text)
    step, elapsed = int(counters["step"]), float(counters["elapsed"])
    if not (0 <= step < 1e12 and 0 <= elapsed < 1e12):  # also false for NaN
        raise ValueError(text)
    return step, elapsed


def _moments(tensors: dict[str, torch.Tensor], model: VAE) -> dict[int, dict[str, torch.Tensor]]:
    """The optimiser's moments by parameter, all or none of them. Raises ValueError where they do not fit."""
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, moment = name.split(".")
            moments.setdefault(int(index), {})[moment] = value
    parameters = list(model.parameters())
    if moments and set(moments) != set(range(len(parameters))):
        raise ValueError("moments of other parameters")
    for index, kept in moments.items():
        shape = parameters[index].shape
        expected = {name: torch.Size() if name == "step" else shape for name in _MOMENTS}
        if {name: value.shape for name, value in kept.items()} != expected:
            raise ValueError("moments of other shapes")
    return moments
