"""What a model looked like along the way: small pictures of its state, to be replayed afterwards.

A snapshot holds the map of the held-out images, samples and reconstructions, about 30 to
100 kB: codes float32 (n, 2), then samples uint8 (s, c, h, w), then reconstructions uint8
(r, c, h, w), all little-endian. index.jsonl says which there are.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...checkpoint.weights import write_file
from ...models import VAE
from ...projection import fit_plane
from ...training import Progress, Thrift
from ...training.heldout import HeldOut

FOLDER = "snapshots"
INDEX_FILE = "index.jsonl"
HELDOUT_FILE = "heldout.bin"
# Of a run at full speed; a run in slow motion adds its own, up to the limit.
COUNT, LIMIT = 100, 260
SHARE, LEAST_SECONDS = 0.05, 0.2
# Bytes of pictures in one snapshot, and how many there are at most.
PICTURE_BYTES, PICTURES = 80_000, 24
SEED = 0


class Snapshots:
    """The snapshots of one run, taken now and then while it goes on.

    Args:
        folder: the run's.
        heldout: whose images are mapped and reconstructed.
        step: of the state the run starts from; snapshots of later steps are dropped.
    """

    def __init__(self, folder: Path, heldout: HeldOut, latent: int, step: int) -> None:
        self.folder, self.heldout = folder / FOLDER, heldout
        pixels = math.prod(heldout.images.shape[1:])
        total = max(3, min(PICTURES, PICTURE_BYTES // pixels))
        self.reconstructions = min(total // 3, len(heldout.images))
        self.samples = total - total // 3
        self.noise = torch.randn(self.samples, latent, generator=torch.Generator().manual_seed(SEED))
        self.taken = [row for row in read_index(self.folder) if row["step"] <= step]
        self._write_index()
        self._write_heldout()
        self._before = self._last_codes() if latent > 2 else None
        self._thrift = Thrift(SHARE, LEAST_SECONDS)
        self._due = 0.0

    @property
    def facts(self) -> dict[str, object]:
        """What one needs to know to read the files."""
        return {
            "count": len(self.heldout.labels),
            "samples": self.samples,
            "reconstructions": self.reconstructions,
            "imageShape": list(self.heldout.images.shape[1:]),
            "classes": list(self.heldout.classes),
        }

    def maybe(self, model: VAE, progress: Progress, *, slow: bool) -> None:
        """Takes one where it is time: at equal shares of the budget, and in slow motion as often as it may be."""
        last = progress.fraction >= 1
        wanted = progress.fraction >= self._due or (slow and len(self.taken) < LIMIT)
        if last or (wanted and self._thrift.due()):
            with self._thrift.spending():
                self.take(model, progress.step, progress.epoch, progress.elapsed)
            self._due = progress.fraction + 1 / COUNT

    @torch.inference_mode()
    def take(self, model: VAE, step: int, epoch: float, elapsed: float) -> None:
        """Writes a snapshot of the model as it is; one that is not finite is left out."""
        if self.taken and self.taken[-1]["step"] == step:
            return
        device = self.heldout.x.device
        loc = torch.cat([model.posterior(chunk).base_dist.loc for chunk in self.heldout.x.split(250)])
        if not torch.isfinite(loc).all():
            return
        codes = self._mapped(loc.cpu().double())
        z = torch.cat([self.noise.to(device), loc[: self.reconstructions]])
        pictures = (model.likelihood(z).mean.clamp(0, 1) * 255).round().to(torch.uint8).cpu()
        content = codes.float().numpy().astype("<f4").tobytes() + pictures.numpy().tobytes()
        write_file(self.folder / f"{step}.bin", content)
        self.taken.append({"step": step, "epoch": round(epoch, 4), "elapsed": round(elapsed, 3)})
        with (self.folder / INDEX_FILE).open("a", encoding="utf-8") as index:
            index.write(json.dumps(self.taken[-1]) + "\n")

    def _mapped(self, loc: Tensor) -> Tensor:
        """Codes (n, d) on the map (n, 2); principal axes are turned so that the picture does not jump."""
        codes = fit_plane(loc).project(loc)
        if loc.shape[1] > 2:
            codes = codes - codes.mean(0)
            if self._before is not None:  # orthogonal Procrustes: the turn nearest to the last snapshot
                u, _, v = torch.linalg.svd(codes.T @ self._before)
                codes = codes @ (u @ v)
            self._before = codes
        return codes

    def _last_codes(self) -> Tensor | None:
        """The map of the newest snapshot, float64 (n, 2), for the next one to be turned to."""
        if not self.taken:
            return None
        try:
            content = (self.folder / f"{self.taken[-1]['step']}.bin").read_bytes()
            codes = np.frombuffer(content, "<f4", 2 * len(self.heldout.labels))
        except (OSError, ValueError):
            return None
        return torch.from_numpy(codes.astype(np.float64)).view(-1, 2)

    def _write_index(self) -> None:
        write_file(self.folder / INDEX_FILE, "".join(json.dumps(row) + "\n" for row in self.taken).encode())

    def _write_heldout(self) -> None:
        """Labels uint8 (n,), then what the likelihood sees of the reconstructed images, uint8 (r, c, h, w)."""
        labels = self.heldout.labels.clamp_max(255).to(torch.uint8).numpy().tobytes()
        seen = (self.heldout.x[: self.reconstructions] * 255).round().to(torch.uint8).cpu()
        write_file(self.folder / HELDOUT_FILE, labels + seen.numpy().tobytes())


def read_index(folder: Path) -> list[dict[str, float]]:
    """Which snapshots there are, in order: step, epoch and elapsed seconds of each."""
    rows = []
    path = folder / INDEX_FILE
    for line in path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []:
        try:
            row = json.loads(line)
            row = {"step": int(row["step"]), "epoch": float(row["epoch"]), "elapsed": float(row["elapsed"])}
            if not all(map(math.isfinite, row.values())):
                break
            rows.append(row)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            break  # half a line
    return rows
