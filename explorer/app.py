"""The ASGI application: Streamlit, and our own routes beside it in one process.

Served by `python -m explorer`, `streamlit run explorer/app.py` or `uvicorn explorer.app:app`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
# `streamlit run` puts only this folder on the path.
sys.path.insert(0, str(HERE.parent))

import streamlit as st  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from explorer.datasets import default_data_dir  # noqa: E402
from explorer.jobs.supervisor import Supervisor  # noqa: E402
from explorer.serving.gate import Gate, served  # noqa: E402
from explorer.serving.gate.local import TOKEN  # noqa: E402
from explorer.serving.gate.uploads import UPLOADS  # noqa: E402
from explorer.serving.headers import Headers  # noqa: E402
from explorer.serving.routes import routes  # noqa: E402
from explorer.serving.warm import warm_up  # noqa: E402


@contextlib.asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Everything slow happens before the first request is answered."""
    if not served().alone:
        print(f"To count as the person at this machine, add ?token={TOKEN} to the app's address once.", flush=True)
    warm_up()
    supervisor = Supervisor(default_data_dir())
    supervisor.start()
    sweeping = asyncio.create_task(UPLOADS.sweep_on())
    yield
    sweeping.cancel()
    supervisor.stop()


ROUTES = routes()
MIDDLEWARE = [Middleware(Gate, routes=ROUTES), Middleware(Headers)]
app = st.App(HERE / "page" / "navigation.py", routes=ROUTES, middleware=MIDDLEWARE, lifespan=lifespan)
