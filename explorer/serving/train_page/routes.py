"""What a page that watches a training run asks for, and the buttons it presses."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from ...checkpoint.catalogue import kept_folder
from ...checkpoint.weights import CONFIG_FILE
from ...datasets import default_data_dir
from ...frontend.files import static_key
from ...jobs import ACTIVE, ORDERS, Database, DatabaseFault, Job, JobError, Jobs, measured_share, phase_of
from ...jobs.supervisor import expect_work
from ...jobs.training.snapshots import FOLDER, HELDOUT_FILE, read_index
from ...training import METRICS_FILE
from ..gate import takes
from ..http.addresses import BELOW, PREFIX
from ..http.blobs import make_blob
from ..http.sent import read_json
from ..http.tail import Tails
from ..models_page.downloads import explore_address
from ..visitors.person import Visitor, visitor_of

MAX_ORDER_BYTES = 1_024
_STEP = re.compile(r"[0-9]{1,12}")
_TAILS = Tails(limit=64)


@lru_cache(maxsize=4)
def open_database(folder: Path) -> Database:
    """A data folder's database, made once.

    Raises:
        JobError: the folder cannot be written.
    """
    return Database(folder)


def open_jobs() -> Jobs:
    """The runs in this server's data folder.

    Raises:
        JobError: the folder cannot be written.
    """
    return Jobs(open_database(default_data_dir()))


def measuring(job: Job) -> list[str]:
    """A sentence on the measuring of a run's model, while it lasts."""
    share = measured_share(job)
    if share is None:
        return []
    standing = f"{100 * share:.0f} % are done" if share else "it waits for its turn"
    return [f"The model can be explored. Its test numbers are measured behind whatever is trained: {standing}."]


def describe_job(job: Job, visitor: Visitor) -> dict[str, Any]:
    """A job as the page that shows it wants it."""
    config = json.loads(job.config.to_json())
    heldout = job.facts.get("heldout")
    there = (kept_folder() / job.name / CONFIG_FILE).is_file()
    phase, mine = phase_of(job), visitor.may_change(job.person)
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state,
        "phase": "kept" if phase == "stopped" and there else phase,
        "orders": ORDERS[phase] if mine else (),
        "settled": job.state not in ACTIVE and phase != "measuring",
        "place": open_jobs().place(job),
        "mine": mine,
        "message": job.message,
        "notes": [*job.notes, *measuring(job)],
        "config": {"model": config["model"], "training": config["training"]},
        "device": job.facts.get("device") or job.device,
        "speed": job.facts.get("speed"),
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "pace": job.pace,
        "attempt": job.attempt,
        "steps_per_epoch": job.facts.get("steps_per_epoch"),
        "images": job.facts.get("images"),
        "progress": job.progress or None,
        "beat": None if job.beat is None else time.time() - job.beat,
        "model": job.name if there else None,
        "heldout": heldout and {**heldout, "url": f"{BELOW}/jobs/{job.id}/heldout.bin"},
    }


def describe_run(job: Job, beside: Sequence[Job], refused: Sequence[str]) -> dict[str, Any]:
    """What the view of a run is told when it starts.

    Args:
        beside: runs whose curves are laid beside; refused: why others are not.
    """
    files = f"{BELOW}/static/{static_key()}"
    return {
        "entry": f"{files}/training/monitor.mjs",
        "style": f"{files}/training/training.css",
        "plotly": f"{files}/vendor/plotly.min.js",
        "base": f"{BELOW}/jobs/{job.id}",
        "compare": [{"id": other.id, "name": other.name, "base": f"{BELOW}/jobs/{other.id}"} for other in beside],
        "refused": list(refused),
        "explore": explore_address(job.name),
    }


def _live(job: Job, visitor: Visitor, query: dict[str, str]) -> dict[str, Any]:
    """What is new since the page last asked: rows of the curve, and snapshots."""

    def count(name: str) -> int:
        text = query.get(name, "")
        return int(text) if _STEP.fullmatch(text) else 0

    folder = kept_folder() / job.name
    reset = count("attempt") != job.attempt
    rows, snapshots = _TAILS.rows(folder / METRICS_FILE), read_index(folder / FOLDER)
    first, seen = (0, 0) if reset else (count("metrics"), count("snapshots"))
    base = f"{BELOW}/jobs/{job.id}/snapshot"
    return {
        "job": describe_job(job, visitor),
        "reset": reset,
        "metrics": rows[first:],
        "snapshots": [
            {"index": index, **row, "url": f"{base}/{row['step']}-{job.attempt}.bin"}
            for index, row in enumerate(snapshots)
        ][seen:],
    }


def _fault(sentence: str, status: int) -> Response:
    return JSONResponse({"error": sentence}, status, headers={"Cache-Control": "no-store"})


def _answer(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


async def job(request: Request) -> Response:
    return await run_in_threadpool(_job, request, live=False)


async def live(request: Request) -> Response:
    return await run_in_threadpool(_job, request, live=True)


def _job(request: Request, *, live: bool) -> Response:
    try:
        found, visitor = open_jobs().get(request.path_params["id"]), visitor_of(request)
    except JobError as error:
        return _fault(str(error), 503 if isinstance(error, DatabaseFault) else 404)
    return _answer(_live(found, visitor, dict(request.query_params)) if live else describe_job(found, visitor))


async def file(request: Request) -> Response:
    return await run_in_threadpool(_file, request.path_params["id"], request.path_params.get("step"))


def _file(identity: str, step: str | None) -> Response:
    if step is not None and not _STEP.fullmatch(step):
        return PlainTextResponse("There is no such snapshot.", 404)
    try:
        folder = kept_folder() / open_jobs().get(identity).name / FOLDER
        path = folder / (HELDOUT_FILE if step is None else f"{int(step)}.bin")
        return make_blob(path.read_bytes(), level=1).response()
    except (JobError, OSError):
        return PlainTextResponse("There is no such snapshot any more.", 404)


@takes(MAX_ORDER_BYTES)
async def control(request: Request) -> Response:
    """A button: {"action": ..., "pace": ...}."""
    try:
        order = read_json(await request.body())
        action, pace = order["action"], order.get("pace")
        if not isinstance(action, str) or isinstance(pace, bool) or not isinstance(pace, (int, float, type(None))):
            raise TypeError
    except ClientDisconnect:
        return Response(status_code=400)
    except (ValueError, KeyError, TypeError, AttributeError):
        return _fault("An order is an action by name, and a pace that is a number.", 400)
    return await run_in_threadpool(_order, request, action, pace)


def _order(request: Request, action: str, pace: float | None) -> Response:
    visitor = visitor_of(request)
    try:
        whose = {"person": visitor.person, "local": visitor.local}
        changed = open_jobs().ask(request.path_params["id"], action, **whose, pace=pace)
        expect_work()
        return _answer(describe_job(changed, visitor))
    except JobError as error:
        return _fault(str(error), 409)


def job_routes() -> list[BaseRoute]:
    """Under /explorer/jobs/<id>."""
    base = f"{PREFIX}/jobs/{{id}}"
    return [
        Route(base, job),
        Route(f"{base}/live", live),
        Route(f"{base}/heldout.bin", file),
        Route(f"{base}/snapshot/{{step}}-{{attempt}}.bin", file),
        Route(f"{base}/control", control, methods=["POST"]),
    ]
