"""A UMAP fitted to codes, with progress: the one place that knows umap-learn.

umap-learn compiles itself for most of a minute the first time; so fits run in a worker, and maps
are kept. It is imported when it is used.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from .embedding import Embedding
from .plane import ProjectionError
from .quality import continuity, trustworthiness
from .settings import DECODED, UmapSettings, check_codes

# Where the parts of a fit end, as shares of it: importing, neighbours, the layout, its quality.
IMPORTED, LAID_OUT = 0.15, 0.85
STARTED = 0.3
_EPOCHS = re.compile(r"(\d{1,9})/(\d{1,9})")
# The map's extent along its longer axis: wide enough that rounding to float32 does not show.
EXTENT = 20.0


class _Epochs:
    """A file to which umap-learn's progress bar is written: heard, not kept."""

    def __init__(self, progress: Callable[[float], None]) -> None:
        self.progress = progress

    def write(self, text: str) -> None:
        if found := _EPOCHS.search(text):
            done, of = map(int, found.groups())
            share = STARTED + (LAID_OUT - STARTED) * done / max(of, 1)
            self.progress(min(share, LAID_OUT))  # rounding may step over it

    def flush(self) -> None:
        pass


def _start(codes: Tensor, duplicates: int) -> str:
    """Where a layout begins: spectral ones fail on graphs in many parts, as few or doubled points make them."""
    if duplicates <= len(codes) // 2 and len(codes) >= 50:
        return "spectral"
    return "pca" if codes.shape[1] >= 2 else "random"  # one coordinate has no two components


def fit_umap(
    codes: Tensor,
    labels: Tensor,
    settings: UmapSettings,
    progress: Callable[[float], None] = lambda fraction: None,
    seen: Tensor | None = None,
) -> tuple[Embedding, tuple[str, ...]]:
    """A map of codes, and sentences on what was done about codes that are not as they should be.

    Args:
        codes: posterior means (n, d); labels: (n,), used where the settings say so.
        progress: told the share that is done; may raise to stop the fit.
        seen: codes as they look (n, k), see `geometry.looks`; for the metric DECODED, which is the Euclidean one
            among these.

    Raises:
        ProjectionError: see `check_codes`.
    """
    check_codes(codes, settings)
    n, notices = len(codes), []
    varies = (codes != codes[:1]).any(0)
    if not varies.all():
        notices.append(f"{int((~varies).sum())} dimensions are the same for all points and play no part in the map.")
    among = codes[:, varies]
    if settings.metric == DECODED:
        assert seen is not None
        if not seen.isfinite().all() or not (seen != seen[:1]).any():
            raise ProjectionError("All codes decode to the same image, or to none: take euclidean.")
        among = seen
    neighbours = settings.neighbours
    if neighbours >= n:
        neighbours = n - 1
        notices.append(f"There are {n} points, so each has {neighbours} neighbours instead of {settings.neighbours}.")
    _, times = torch.unique(codes, dim=0, return_counts=True)
    duplicates = int(times[times > 1].sum())
    if duplicates:
        notices.append(f"{duplicates:,} points have the same code as another one and lie beside it.")
    progress(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, of sparse graphs: nothing a person could mend
        import umap

        progress(IMPORTED)
        fitter = umap.UMAP(
            n_neighbors=neighbours,
            min_dist=float(settings.min_distance),
            metric="euclidean" if settings.metric == DECODED else settings.metric,
            random_state=settings.seed,
            n_jobs=1,
            init=_start(among, duplicates),
            verbose=True,
            tqdm_kwds={
                "file": _Epochs(progress),
                "disable": False,
                "mininterval": 0.5,
                "desc": "",
                "bar_format": "{n_fmt}/{total_fmt}",
            },
        )
        with contextlib.redirect_stdout(io.StringIO()):  # being verbose is what makes its progress bar go
            fitted = fitter.fit_transform(among.float().numpy(), labels.numpy() if settings.supervised else None)
        places = torch.from_numpy(fitted).float()
    if not places.isfinite().all():
        raise ProjectionError("UMAP gave places that are not finite numbers for these codes: try more neighbours.")
    places = places - places.mean(0)
    span = (places.amax(0) - places.amin(0)).max().clamp_min(1e-6)
    places = places * (EXTENT / span)
    progress(LAID_OUT)
    # Trust is asked for in latent space, whatever the metric there; of a map by decoded images among these.
    space = seen if settings.metric == DECODED else codes
    believed = trustworthiness(space, places, progress=lambda share: progress(LAID_OUT + 0.075 * share))
    whole = continuity(space, places, progress=lambda share: progress(LAID_OUT + 0.075 * (1 + share)))
    made = f"umap-learn {umap.__version__}, {n:,} points"
    return Embedding(places, believed.float().clamp(0, 1), whole.float().clamp(0, 1), settings, made), tuple(notices)
