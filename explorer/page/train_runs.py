"""Training runs as the page offers and lists them; no Streamlit here."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Sequence

from ..checkpoint.catalogue import kept_folder, models
from ..checkpoint.comparable import why_not
from ..checkpoint.weights import CONFIG_FILE
from ..config import Config
from ..datasets import DatasetError, names, own_names, pictures, training_extent
from ..files.owners import write_owner
from ..jobs import Job, Jobs, Presence, measured_share, phase_of
from ..jobs.supervisor import expect_work
from ..jobs.training.rates import cost, estimate
from ..jobs.training.snapshots import FOLDER as SNAPSHOTS
from ..training.recipes import FEWEST_STEPS, batch_for, steps_an_epoch
from .train_settings import Images

MOST_BESIDE = 4  # as many as have colours of their own
# By phase, see `jobs.training.phases`.
WORDS = {
    "queued": "waiting",
    "running": "training",
    "slow": "training in slow motion",
    "held": "held",
    "pausing": "pausing",
    "stopping": "stopping",
    "finishing": "saving the model",
    "paused": "paused",
    "measuring": "measuring the model",
    "stopped": "stopped",
    "failed": "failed",
    "done": "done",
}


def offered() -> dict[str, Images]:
    """The data sets that can be trained on here, with what the settings need to know of them."""
    found = {}
    for name in names():
        with contextlib.suppress(DatasetError):  # not on this machine
            found[name] = Images(*training_extent(name))
    for name in own_names():
        with contextlib.suppress(DatasetError):  # damaged
            about = pictures.describe_pictures(name)
            found[name] = Images(about.shape, about.train)
    return found


def submit(jobs: Jobs, config: Config, *, person: str, name: str, tensorboard: bool, network: str = "") -> Job:
    """Puts a run into the queue under a name that nothing else has."""
    folder = kept_folder()
    taken = {*models(), *(path.name for path in folder.glob("*"))}
    wishes = {"network": network, "name": name or None, "tensorboard": tensorboard}
    job = jobs.submit(config, person=person, taken=taken, **wishes)
    expect_work()
    return job


def length(config: Config, images: Images, jobs: Jobs, presence: Presence) -> str:
    """How long a run will take and how large the model is, in a sentence."""
    size = f"{cost(config.model) / 1e6:.2f} million multiply-adds per image"
    epoch = _epoch_seconds(config, images, jobs, presence)
    if config.training.seconds:
        epochs = "" if epoch is None else f", roughly {_roughly(config.training.seconds / epoch)} epochs"
        return f"About {_duration(config.training.seconds)}{epochs}; {size}."
    if epoch is None:
        return f"How long it takes will be known when this machine has been timed, in a moment; {size}."
    return f"About {_duration(config.training.epochs * epoch)} on this machine; {size}."


def _roughly(number: float) -> str:
    """A number in the two digits that an estimate has, or one behind the point."""
    return f"{number:.1f}" if number < 10 else f"{float(f'{number:.2g}'):,.0f}"


def too_short(config: Config, images: Images, jobs: Jobs, presence: Presence) -> str | None:
    """A warning where the budget gives so few steps that hardly anything can be learnt; None where it does not."""
    training = config.training
    steps: float = steps_an_epoch(images.count, training.batch_size)
    if training.epochs:
        steps *= training.epochs
    else:
        epoch = _epoch_seconds(config, images, jobs, presence)
        if epoch is None:
            return None
        steps *= training.seconds / epoch
    if steps >= FEWEST_STEPS:
        return None
    smaller = ", or take a smaller batch" if training.batch_size > batch_for(images.count) else ""
    return (
        f"This budget gives about {max(round(steps), 1):,} steps, and a model wants some hundreds at least: it may "
        f"learn next to nothing. Train longer{smaller}."
    )


def _epoch_seconds(config: Config, images: Images, jobs: Jobs, presence: Presence) -> float | None:
    """What an epoch takes: as long as in the last run of this very network, else by the machine's rates."""
    for job in jobs.all():
        pace = job.progress.get("elapsed", 0) / max(job.progress.get("epoch", 0), 1e-9)
        same = (job.config.model, job.config.training.batch_size) == (config.model, config.training.batch_size)
        if same and job.pace is None and job.progress.get("epoch", 0) > 0.5 and job.facts.get("images") == images.count:
            return pace
    rates = presence.rates()
    once = dataclasses.replace(config.training, epochs=1, seconds=0.0)
    return None if rates is None else max(estimate(config.model, once, images.count, rates), 1e-3)


def what_goes(job: Job) -> str:
    """What deleting a run takes away, in a sentence."""
    if (kept_folder() / job.name / CONFIG_FILE).is_file():
        return f"The run leaves the list and its snapshots are deleted. The model {job.name} stays, under Models."
    return "The run leaves the list, and all that it wrote is deleted: it has made no model."


def left_out(jobs: Jobs) -> str:
    """A sentence on runs whose rows cannot be read; "" where there are none."""
    damaged = jobs.damaged()
    if not damaged:
        return ""
    runs = "One run is" if len(damaged) == 1 else f"{len(damaged):,} runs are"
    return f"{runs} left out of this list. {damaged[0][:300].rstrip('.')}."


def forget(jobs: Jobs, job: Job, person: str, local: bool = False) -> None:
    """Deletes a run that is over; a model that it made stays, and stays its owner's.

    Args:
        local: the person sits at the machine that serves, and may delete anybody's.

    Raises:
        JobError: it is not this person's, or not over.
    """
    jobs.forget(job.id, person=person, local=local)
    folder = kept_folder() / job.name
    has_model = (folder / CONFIG_FILE).is_file()
    if has_model:
        with contextlib.suppress(OSError):
            write_owner(folder, job.person)
    shutil.rmtree(folder / SNAPSHOTS if has_model else folder, ignore_errors=True)


def comparable(jobs: Jobs, job: Job) -> list[Job]:
    """The runs that have begun, but one: those that may be chosen to lie beside it."""
    return [other for other in jobs.all() if other.id != job.id and other.attempt]


def asked_for(jobs: Jobs, job: Job, text: str) -> tuple[list[Job], list[str]]:
    """The runs that an address asks to lay beside one, and a sentence on what of it cannot be used.

    Args:
        text: their ids, with commas; anybody can type an address.
    """
    known = {other.id: other for other in comparable(jobs, job)}
    wanted = list(dict.fromkeys(filter(None, text[:1_000].split(","))))
    found = [known[identity] for identity in wanted if identity in known]
    sentences = []
    if unknown := [identity for identity in wanted if identity not in known]:
        sentences.append(f"There is no run “{unknown[0][:20]}” to compare with: it may have been deleted.")
    if len(found) > MOST_BESIDE:
        sentences.append(f"At most {MOST_BESIDE} runs lie beside one: the first of those asked for are shown.")
    return found[:MOST_BESIDE], sentences


def beside(job: Job, others: Sequence[Job]) -> tuple[list[Job], list[str]]:
    """Of the runs to lay beside one, those that may be, and a sentence for each that may not."""
    fitting, refused = [], []
    for other in others:
        reason = why_not(job.config, other.config) or _other_images(job, other)
        if reason is None:
            fitting.append(other)
        else:
            refused.append(f"{other.name} is not shown beside {job.name}: {reason}.")
    return fitting, refused


def _other_images(job: Job, other: Job) -> str | None:
    """Why two runs of data sets of one name must not be compared, where the images differ."""
    hashes = {each.facts["data_sha256"] for each in (job, other) if "data_sha256" in each.facts}
    return f"{job.config.training.dataset} was made anew between them: different images" if len(hashes) > 1 else None


def one_line(job: Job) -> str:
    """What a run is, for a list."""
    model, training = job.config.model, job.config.training
    budget = f"{training.epochs} epochs" if training.epochs else _duration(training.seconds)
    beta = "" if training.beta == 1 else f", β = {training.beta:g}"
    return f"{training.dataset}, {model.latent}-D, {model.network}, {model.likelihood}{beta}, {budget}"


def standing(job: Job) -> str:
    """Where a run stands, for a list."""
    fraction = job.progress.get("fraction")
    phase, share = phase_of(job), measured_share(job)
    if phase not in ("running", "slow", "held", "paused"):
        fraction = share or None
    part = "" if fraction is None else f" {100 * fraction:.0f} %"
    held_out = job.progress.get("heldout_elbo")
    elbo, of = (job.progress.get("elbo"), "training ") if held_out is None else (held_out, "held-out ")
    value = f" · {of}ELBO {elbo:,.1f} nats".replace(" -", " −") if elbo is not None else ""
    return f"{WORDS[phase]}{part}{value}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 5_400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3_600:.1f} h"
