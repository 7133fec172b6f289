"""Train: choose data and a model, press one button, watch the latent map take shape."""

import streamlit as st

from explorer import runs, session
from explorer.jobs import ACTIVE, Job
from explorer.latent_map.training_view import training_view
from explorer.serving.jobs import describe_run
from pages.train_form import settings_form

try:
    jobs, presence = session.training_desk()
except session.FAULTS as error:
    st.error(session.to_the_letter(str(error)), icon=":material/error:")
    st.stop()


@st.fragment(run_every=4)
def list_of_runs() -> None:
    """Everybody's runs, the newest first."""
    everybody = jobs.all(30)
    st.subheader("Runs" if everybody else "No runs yet", anchor=False)
    if not everybody:
        st.caption("Press Train: the curves and the map of latent space appear within seconds, and move as it learns.")
    for job in everybody:
        row = st.container(gap=None)
        if row.button(f"**{job.name}** · {runs.standing(job)}", type="tertiary", key=f"open {job.id}"):
            session.go(job=job.id)
        said = [*filter(None, [session.whose(job.person)]), runs.one_line(job)]
        row.caption(session.to_the_letter(" · ".join(said)))
    if damaged := runs.left_out(jobs):
        st.caption(session.to_the_letter(damaged))


def show_run(identity: str) -> None:
    """One run, live."""
    job = jobs.get(identity)
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
    compared_run(job)


@st.fragment(run_every=6)  # runs that begin meanwhile can be compared with
def compared_run(job: Job) -> None:
    """The view of a run, and a choice of others beside it, which the address keeps."""
    others = {other.id: other for other in jobs.all() if other.id != job.id and other.attempt}
    key = f"compare {job.id}"
    if key not in st.session_state:
        st.session_state[key] = [other for other in session.asked("compare").split(",") if other in others]
    chosen = st.multiselect(
        "Compare with",
        list(others),
        format_func=lambda key: others[key].name,
        placeholder="Compare with …",
        label_visibility="collapsed",
        key=key,
        width=320,
    )
    session.write(compare=",".join(chosen))
    beside, refused = runs.beside(job, [others[key] for key in chosen])
    training_view(describe_run(job, beside, refused), key="run")


try:
    if session.asked("job"):
        show_run(session.asked("job"))
    else:
        form, listing = st.columns([3, 2], gap="large")
        with form:
            settings_form(jobs, presence)
        with listing:
            list_of_runs()
except session.FAULTS as error:
    st.error(session.to_the_letter(str(error)), icon=":material/error:")
    if st.button("Back to all runs"):
        session.go()
