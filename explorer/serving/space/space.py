"""A model opened for exploring: its data encoded, its plane, its rules, all read-only.

A `Space` is made once a model and shared by everybody; `key` names its content, so that
whatever is served from it can be cached for ever.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ...checkpoint.catalogue import model_folder
from ...checkpoint.data import OtherDataError, has_training_images, load_model_data
from ...checkpoint.gallery import Gallery, load_gallery
from ...checkpoint.maps import fit_count
from ...checkpoint.programs import DECODER_FILE
from ...checkpoint.signature import fingerprint, signature
from ...checkpoint.weights import CONFIG_FILE, WEIGHTS_FILE, Checkpoint, CheckpointError, load_checkpoint
from ...datasets import Dataset, DatasetError
from ...inference import Rule, gaussian_rule
from ...inference.units import active_dimensions, kl_by_dimension
from ...latents import Bits, Latents, encode
from ...models import multiply_adds
from ...projection import Plane, fit_plane
from ..http.blobs import digest
from ..http.kept import MB, Kept
from ..latents_page.tables.own_rows import OwnRows, joined
from .onnx_files import exported

# What a browser gets through in one frame: about 15 G multiply-adds a second were measured, so
# 64 nodes of this many take some 13 ms. A decoder that needs more an image runs on the server.
BROWSER_MULTIPLY_ADDS = 3_000_000
# Nodes of an expectation under q, by latent size (0: any other): while one drags, a coarser grid whose difference
# from it is shown as its error, and at rest. Up to two dimensions those at rest depend on q: see terms.py.
NODES = {
    1: {"live": 32, "rough": 12},
    2: {"live": 6**2, "rough": 4**2},
    0: {"live": 64, "rest": 2_048},
}
# The same where a decoder runs on the server, ten times as costly or more: a drag must stay a
# drag, and what is asked for at rest a second or two on a CPU.
COSTLY_NODES = {
    1: {"live": 16, "rough": 8},
    2: {"live": 4**2, "rough": 3**2},
    0: {"live": 32, "rest": 256},
}
# Decoded at rest for one q, at most.
MOST_NODES, MOST_COSTLY_NODES = 8_000, 600
REPLICATES = 8

# Raised whenever what is served under a key would change for the same weights.
LAYOUT = b"6"
# In the names of files on disk, such as people's tables, which outlive any layout of what is served.
DATA = b"5"


@dataclass(frozen=True)
class Space:
    """Everything that is derived from a checkpoint and its images.

    Attributes:
        name: as in the URL.
        points: "test" or "all" (the test set, then the training set).
        complete: False where only the gallery kept beside the model could be shown.
        test_count: how many images, the first, are the test set's or the gallery's.
        own: the files and columns that a person's own pictures came with; nothing for others, and for a gallery.
        replaced: whether that is because the data set of this name holds other images now.
    """

    name: str
    checkpoint: Checkpoint
    points: str
    latents: Latents
    plane: Plane
    complete: bool
    test_count: int
    replaced: bool = False
    own: OwnRows = field(default_factory=OwnRows)

    @property
    def fit_count(self) -> int:
        """Number of images, the first, that curved maps are fitted to and places are judged by."""
        return fit_count(self.test_count, len(self.latents))

    @cached_property
    def key(self) -> str:
        """Names all that is served under it: architecture, weights, images, labels, the plane and the rules."""
        config, state = self.checkpoint.config.model, self.checkpoint.model.state_dict()
        weights = [value.cpu().numpy().tobytes() for value in state.values()]
        labels = self.latents.labels.numpy().tobytes(), repr(self.latents.classes).encode()
        derived = [self.plane.basis, *(part for rule in self.rules.values() for part in (rule.nodes, rule.weights))]
        derived = [tensor.contiguous().numpy().tobytes() for tensor in derived]
        names = self.data_key.encode(), self.own.key.encode()
        return digest(LAYOUT, signature(config).encode(), *weights, *labels, *derived, *names)

    @cached_property
    def data_key(self) -> str:
        """Names the images and what is observed of them, whatever the model."""
        x, white = self.latents.x[:64].contiguous().numpy().tobytes(), str(self.latents.white).encode()
        return digest(DATA, self.latents.images.numpy().tobytes(), x, white)

    @property
    def latent(self) -> int:
        return self.checkpoint.config.model.latent

    @cached_property
    def decoder_cost(self) -> int:
        """Multiply-adds of one decoded image."""
        return multiply_adds(self.checkpoint.model.decoder.network, torch.zeros(1, self.latent))

    @property
    def engine(self) -> str:
        """Where this decoder runs unless the person asks otherwise: "browser" or "server"."""
        return "browser" if self.decoder_cost <= BROWSER_MULTIPLY_ADDS else "server"

    @cached_property
    def bytes(self) -> int:
        """Of what it holds, what it shares with others counted in full."""
        latents = self.latents
        x = latents.x.packed if isinstance(latents.x, Bits) else latents.x
        held = [latents.images, x, latents.labels, latents.loc, latents.scale, self.codes]
        weights = self.checkpoint.model.state_dict().values()
        return sum(tensor.nbytes for tensor in (*held, *weights))

    def sharing(self, other: Space) -> Space:
        """This space with the images of another one that shows the same."""
        mine, theirs = self.latents.x, other.latents.x
        same = isinstance(mine, Bits) and isinstance(theirs, Bits) and torch.equal(mine.packed, theirs.packed)
        if not same and self.latents.binary:
            return self
        x = theirs if same else other.latents.images
        return replace(self, latents=replace(self.latents, images=other.latents.images, x=x))

    @cached_property
    def rates(self) -> list[float]:
        """The mean KL of each latent dimension over the images, nats (d,)."""
        return kl_by_dimension(self.latents.loc, self.latents.scale).mean(0).tolist()

    @cached_property
    def active(self) -> list[bool]:
        """Which latent dimensions the encoder uses (d,)."""
        return active_dimensions(self.latents.loc).tolist()

    @cached_property
    def map_range(self) -> list[float]:
        """[x0, x1, y0, y1]: the codes but for the outermost 1 in 1,000, with a margin, and the prior's bulk."""
        u = self.codes
        low, high = torch.quantile(u[:20_000], torch.tensor([0.0005, 0.9995], dtype=u.dtype), dim=0)
        low, high = torch.minimum(low, torch.tensor(-2.5)), torch.maximum(high, torch.tensor(2.5))
        margin = 0.06 * (high - low)
        low, high = low - margin, high + margin
        return [low[0].item(), high[0].item(), low[1].item(), high[1].item()]

    @cached_property
    def codes(self) -> Tensor:
        """The posterior means on the map, float64 (n, 2)."""
        return self.plane.project(self.latents.loc)

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """The rules of NODES or COSTLY_NODES by name; "rest" is the one torch uses too."""
        table = NODES if self.engine == "browser" else COSTLY_NODES
        sizes = table.get(self.latent, table[0])
        return {
            name: gaussian_rule(
                self.latent, nodes, replicates=REPLICATES if self.latent > 2 else 1, whiten=name == "live"
            )
            for name, nodes in sizes.items()
        }

    @property
    def most_nodes(self) -> int:
        """Decoded at rest for one q, at most."""
        return MOST_NODES if self.engine == "browser" else MOST_COSTLY_NODES

    def decoder_bytes(self) -> bytes:
        """decoder.onnx: the checkpoint's own where it is of these very weights, else made anew."""
        path = self.checkpoint.folder / DECODER_FILE
        if path.is_file():
            content = path.read_bytes()
            if fingerprint(self.checkpoint.model, "decoder").encode() in content:
                return content
        return exported(self.checkpoint, "decoder", self.key)


def open_space(checkpoint: Checkpoint, name: str, points: str = "test") -> Space:
    """Encodes the images a model is shown with.

    The data set's test split where it can be had, and the training split after it for
    `points` "all" where that can be had, too; otherwise the gallery kept beside the model,
    whose images are the first of the test set, so that an image's index means the same in both.

    Raises:
        CheckpointError: the images do not fit the model, or its codes are not finite.
        DatasetError: neither the data set nor a gallery can be had.
    """
    config = checkpoint.config
    complete, replaced = True, False
    try:
        parts: list[Dataset | Gallery] = [load_model_data(checkpoint)]
    except DatasetError as error:
        gallery = load_gallery(checkpoint.folder, config.model.image_shape)
        if gallery is None:
            raise
        parts, complete, replaced = [gallery], False, isinstance(error, OtherDataError)
    if points == "all" and complete:
        with contextlib.suppress(DatasetError):  # the test set came with the program, the training set did not
            parts.append(load_model_data(checkpoint, "train"))
    own = joined(parts) if complete else OwnRows()
    sets, classes = [(part.images, part.labels) for part in parts], parts[0].classes
    shape = tuple(sets[0][0].shape[1:])
    if shape != config.model.image_shape:
        raise CheckpointError(
            f"{CONFIG_FILE} is of a model for images of shape {config.model.image_shape}; "
            f"those of its data set {config.training.dataset!r:.40} have {shape}."
        )
    latents = encode(checkpoint.model, sets, classes, binarisation=config.training.binarisation)
    if not (latents.loc.isfinite().all() and latents.scale.isfinite().all() and (latents.scale > 0).all()):
        raise CheckpointError(f"{WEIGHTS_FILE} holds an encoder whose q(z|x) is not finite for some images.")
    # Fitted to the test set alone, so that points stay where they are when others are added.
    first = len(sets[0][0])
    plane = fit_plane(latents.loc[:first])
    shown = "all" if len(parts) > 1 else "test"
    return Space(name, checkpoint, shown, latents, plane, complete, first, replaced, own)


class Spaces:
    """The spaces that are open, bounded in number and bytes; the least recently used goes first."""

    def __init__(self, limit: int = 16, budget: int = 400 * MB) -> None:
        self._kept: Kept[Space] = Kept(limit, budget, lambda space: space.bytes)

    def get(self, name: str, points: str = "test") -> Space:
        """The space of a known model or a checkpoint's folder, opened where it is not yet.

        Two visitors who ask for one model wait for one opening; visitors of other models
        do not wait for it. A model whose files have changed is opened anew; those who look
        at the old one keep it.

        Raises:
            CheckpointError, DatasetError: it cannot be opened; the message says why.
        """
        folder = model_folder(name)

        def opened() -> Space:
            checkpoint = load_checkpoint(folder)
            if points == "all" and not has_training_images(checkpoint):
                return self.get(name)  # not a second one with the same images
            space = open_space(checkpoint, name, points)
            other = self._kept.find(lambda other: other.data_key == space.data_key, asked=False)
            space = space if other is None else space.sharing(other)
            _ = space.key  # now, while nobody else waits for it
            return space

        return self._kept.get((name, points, *_stamps(folder)), opened)

    def by_key(self, key: str, name: str | None = None) -> Space | None:
        """The space whose content has this key, if it is open; of several alike the one of this model, where one is."""
        own = name and self._kept.find(lambda space: space.key == key and space.name == name)
        return own or self._kept.find(lambda space: space.key == key)

    def by_data_key(self, key: str) -> Space | None:
        """Any open space that shows the images of this name."""
        return self._kept.find(lambda space: space.data_key == key)


def _stamps(folder: Path) -> tuple[tuple[int, int, int] | None, ...]:
    """What changes when a checkpoint's files are written again."""
    stamps = []
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        try:
            facts = (folder / name).stat()
            stamps.append((facts.st_mtime_ns, facts.st_size, facts.st_ino))
        except OSError:
            stamps.append(None)
    return tuple(stamps)


SPACES = Spaces()
