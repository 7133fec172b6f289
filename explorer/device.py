"""Which device computes, with the reason in words."""

from __future__ import annotations

from dataclasses import dataclass

import torch


class DeviceError(ValueError):
    """A device was asked for that this machine does not have."""


@dataclass(frozen=True)
class Device:
    """A torch device and one sentence that says why it was chosen."""

    torch: torch.device
    reason: str


def choose_device(wanted: str = "auto") -> Device:
    """The fastest device there is, or the one asked for.

    Args:
        wanted: "auto", "cpu", "cuda" (also "cuda:1" and so on) or "mps".

    Raises:
        DeviceError: the device asked for is unknown or not there.
    """
    has_cuda = torch.cuda.is_available()
    has_mps = torch.backends.mps.is_available()
    kind, colon, index = wanted.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (colon and not (kind == "cuda" and index.isdecimal())):
        raise DeviceError(f"The device {wanted!r} is unknown: choose auto, cpu, cuda or mps.")
    if kind == "cuda" or (kind == "auto" and has_cuda):
        if not has_cuda:
            raise DeviceError("No CUDA device was found: check the driver with nvidia-smi, or choose --device cpu.")
        device = torch.device("cuda" if kind == "auto" else wanted)
        if (device.index or 0) >= torch.cuda.device_count():
            raise DeviceError(f"{wanted} was asked for, but there are only {torch.cuda.device_count()} CUDA devices.")
        return Device(device, f"{device} ({torch.cuda.get_device_name(device)}), {_why(kind, 'a CUDA GPU was found')}")
    if kind == "mps" or (kind == "auto" and has_mps):
        if not has_mps:
            raise DeviceError("No Apple GPU was found: choose --device cpu.")
        return Device(torch.device("mps"), f"mps (Apple GPU), {_why(kind, 'an Apple GPU was found')}")
    return Device(torch.device("cpu"), f"cpu, {_why(kind, 'no GPU was found')}")


def _why(kind: str, found: str) -> str:
    return f"because {found}" if kind == "auto" else "as asked"
