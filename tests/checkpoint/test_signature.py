"""Names of configurations and weights: they stay what they are when a configuration learns a new field."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import explorer
from explorer import config as config_module
from explorer.checkpoint.catalogue import PRETRAINED
from explorer.checkpoint.gallery import load_gallery
from explorer.checkpoint.gaps import GAPS_FILE, load_gaps
from explorer.checkpoint.maps import FOLDER, key_of, map_subject
from explorer.checkpoint.programs import DECODER_FILE
from explorer.checkpoint.signature import fingerprint, signature
from explorer.checkpoint.weights import load_checkpoint
from explorer.config import ModelConfig
from explorer.datasets import DatasetError, load_dataset
from explorer.latents import Latents, encode
from explorer.models import build
from explorer.projection import read_settings
from tests.helpers.oracle import tiny_model
from tests.helpers.places import FIXTURES

KEPT = FIXTURES / "data_folder_1" / "models"
FOLDERS = [*(PRETRAINED / name for name in explorer.pretrained()), KEPT / "of-digits", KEPT / "of-shapes"]

FIRST = """ModelConfig(image_shape=(3, 32, 32), latent=5, network='conv', hidden=(8, 16, 64), activation='silu', \
likelihood='gaussian')"""
# As a version to come may have it: a field of each kind, in no order of the alphabet.
Later = dataclasses.make_dataclass(
    "ModelConfig",
    [
        ("temperature", float, dataclasses.field(default=1.0)),
        ("layers", tuple, dataclasses.field(default_factory=lambda: (4, 2))),
        ("family", str, dataclasses.field(default="vae")),
    ],
    bases=(ModelConfig,),
    frozen=True,
)


def test_the_signature_is_the_text_that_was_hashed_first() -> None:
    config = ModelConfig((3, 32, 32), 5, "conv", (8, 16, 64), "silu", "gaussian")
    assert signature(config) == FIRST
    assert len({signature(ModelConfig(latent=latent)) for latent in range(1, 50)}) == 49


def test_later_fields_count_where_they_differ_from_their_defaults() -> None:
    plain = ModelConfig((3, 32, 32), 5, "conv", (8, 16, 64), "silu", "gaussian")
    values = dataclasses.asdict(plain)
    assert signature(Later(**values)) == signature(Later(**values, layers=(4, 2), temperature=1.0)) == FIRST
    other = signature(Later(**values, temperature=0.5, layers=(1,)))
    assert other == FIRST.replace(")", ")", 1)[:-1] + ", layers=(1,), temperature=0.5)"
    one, two = build(plain, seed=0), build(Later(**values), seed=0)
    assert fingerprint(one) == fingerprint(two) and fingerprint(one, "decoder") == fingerprint(two, "decoder")
    three = build(Later(**values, family="other"), seed=0)
    assert fingerprint(one) != fingerprint(three) and fingerprint(one, "decoder") != fingerprint(three, "decoder")


def test_a_part_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="all or decoder"):
        fingerprint(tiny_model(), "encoder")


@pytest.mark.parametrize("later", [False, True], ids=["as it is", "with later fields"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_files_beside_models_stay_valid(folder: Path, later: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if later:
        monkeypatch.setattr(config_module, "ModelConfig", Later)
    model = load_checkpoint(folder).model
    assert isinstance(model.config, Later) is later
    assert fingerprint(model, "decoder").encode() in (folder / DECODER_FILE).read_bytes()
    assert (folder / GAPS_FILE).is_file() and load_gaps(folder, model) is not None
    maps = sorted((folder / FOLDER).glob("*.safetensors"))
    assert maps or folder.name == "of-shapes"
    if maps:
        subject = map_subject(model, _first_images(folder))
        assert [key_of(subject, read_settings(path)) for path in maps] == [path.stem for path in maps]


def _first_images(folder: Path) -> Latents:
    """The images by which a map knows what it is of."""
    checkpoint = load_checkpoint(folder)
    training = checkpoint.config.training
    try:
        kept = load_dataset(training.dataset, "test")
    except DatasetError:
        kept = load_gallery(folder, checkpoint.config.model.image_shape)
    return encode(
        *(checkpoint.model, [(kept.images[:64], kept.labels[:64])], kept.classes), binarisation=training.binarisation
    )
