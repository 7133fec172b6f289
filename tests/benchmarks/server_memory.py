"""Memory of a server that was started on this machine, as Linux counts it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit


def pid_of(address: str) -> int:
    """The process that serves a port of this machine.

    Raises:
        RuntimeError: there is none, or this is not Linux.
    """
    port = str(urlsplit(address).port)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "explorer" in words and "--port" in words and port in words:
            return int(folder.name)
    raise RuntimeError(f"No process serves port {port}, or this system has no /proc.")


def memory(pid: int) -> dict[str, float]:
    """MB of a process: RSS; PSS, where what is shared is divided; and what is its own alone."""
    facts: dict[str, float] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        facts[name] = int(rest.split()[0]) * 1024 / 1e6
    return {"rss": facts["Rss"], "pss": facts["Pss"], "own": facts["Private_Dirty"] + facts["Private_Clean"]}


def loaded(pid: int) -> set[str]:
    """Packages that take much memory, of which a process has mapped compiled parts."""
    maps = Path(f"/proc/{pid}/maps").read_text(errors="replace")
    names = ("numba", "llvmlite", "sklearn", "umap", "pynndescent", "scipy", "pandas", "pyarrow", "onnx", "torchvision")
    return {name for name in names if f"site-packages/{name}/" in maps}
