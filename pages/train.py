"""Train: choose data and a model, press one button, watch the latent map take shape."""

import streamlit as st

from explorer.page import session
from explorer.page import train_runs as runs
from pages.train_form import settings_form
from pages.train_run import show_run

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


try:
    if session.asked("job"):
        show_run(jobs, session.asked("job"))
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
