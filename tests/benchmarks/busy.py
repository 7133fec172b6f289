"""A training run under way beside what is measured."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from explorer.config import Config, ModelConfig, TrainingConfig
from explorer.jobs import Database, Jobs
from tests.browser.harness import server


@contextlib.contextmanager
def serving(*, training: bool) -> Iterator[tuple[str, str]]:
    """A server with a data folder of its own, while its worker trains or not; its address, and a word on the run."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, server(EXPLORER_DATA=folder) as address:
        if not training:
            yield address, "no run beside it"
            return
        jobs = Jobs(Database(Path(folder)))
        config = Config(ModelConfig(hidden=(512, 256, 128)), TrainingConfig("mnist", seconds=3_600.0))
        job = jobs.submit(config, person="a" * 32)
        until = time.monotonic() + 60
        while jobs.get(job.id).progress.get("elapsed", 0) < 2:
            if time.monotonic() > until:
                raise RuntimeError(f"The run did not begin: {jobs.get(job.id)}")
            time.sleep(0.1)
        before, began = jobs.get(job.id), time.monotonic()
        yield address, f"a run of MNIST beside it, {before.facts['speed']}"
        after = jobs.get(job.id)
        images = (after.step - before.step) * config.training.batch_size
        print(f"the run beside it took in {images / (time.monotonic() - began):,.0f} images/s meanwhile")
        jobs.ask(job.id, "stop", person="a" * 32)
