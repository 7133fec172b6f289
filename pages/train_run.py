"""One run on the Train page: what can be done with it, runs laid beside it, and the view that shows it live."""

import streamlit as st

from explorer.frontend.training_component import training_view
from explorer.jobs import ACTIVE, Job, Jobs
from explorer.page import session
from explorer.page import train_runs as runs
from explorer.serving.train_page.routes import describe_run


@st.fragment(run_every=4)
def _bar(jobs: Jobs, identity: str) -> None:
    """The buttons and the runs that there are now, while the page stays open."""
    try:
        _actions(jobs, jobs.get(identity))
    except session.FAULTS as error:
        st.error(session.to_the_letter(str(error)), icon=":material/error:")


def _actions(jobs: Jobs, job: Job) -> None:
    """Buttons for a run as it stands; the runs that are chosen to lie beside it go into the address."""
    bar = st.container(horizontal=True, vertical_alignment="center")
    if bar.button("New run", icon=":material/arrow_back:", key="new"):
        session.go()
    if bar.button("Duplicate with changes", icon=":material/content_copy:", key="duplicate"):
        session.go(like=job.id)
    if session.may_change(job.person) and job.state not in ACTIVE:
        with bar.popover("Delete"):
            st.write(session.to_the_letter(runs.what_goes(job)))
            if st.button("Delete this run", key=f"delete {job.id}"):
                runs.forget(jobs, job, **session.who_asks())
                session.go()
    others = {other.id: other.name for other in runs.comparable(jobs, job)}
    asked = [other.id for other in runs.asked_for(jobs, job, session.asked("compare"))[0]]
    chosen = bar.multiselect(
        "Compare with",
        list(others),
        asked,
        format_func=others.get,
        placeholder="Compare with …" if others else "No other run to compare with yet",
        label_visibility="collapsed",
        max_selections=runs.MOST_BESIDE,
        disabled=not others,
        key=f"compare {job.id}",
        width=320,
    )
    if chosen != asked:
        session.go(job=job.id, **({"compare": ",".join(chosen)} if chosen else {}))


def show_run(jobs: Jobs, identity: str) -> None:
    """One run, live."""
    job = jobs.get(identity)
    _bar(jobs, identity)
    chosen, missing = runs.asked_for(jobs, job, session.asked("compare"))
    beside, refused = runs.beside(job, chosen)
    training_view(describe_run(job, beside, [*missing, *refused]), key="run")
